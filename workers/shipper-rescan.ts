/** Looks into the spools, so that what was received goes on to the stores. */
import type { ShipperParts } from './shipper-parts.ts'

/** Looks into every spool and tells the lanes. */
export async function rescan({ watch, spools, lanes, receiving, progress }: ShipperParts): Promise<void> {
  const flushedLsn = receiving.receiver === null ? null : (watch.observation?.flushedLsn ?? null)
  for (const source of spools.sources) await spools.refresh(source, source.aside ? null : flushedLsn)
  for (const lane of lanes) lane.wake()
  progress.note(spools.receivedLsn ?? 0n)
}

/** Opens the spools anew, after one was set aside or the incarnation became another, and looks into them. */
export async function reopen(parts: ShipperParts): Promise<void> {
  const { incarnation, segmentSizeBytes } = parts.kept.state
  if (segmentSizeBytes === null) return
  await parts.spools.open(segmentSizeBytes, incarnation)
  await rescan(parts)
}
