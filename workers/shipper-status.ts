/** What the shipper says of itself, made of what it has observed. */
import type { SlotStatus, StoreLag } from '../adapters/component/postgresql/shipper-protocol.ts'
import type { SlotFacts } from '../adapters/component/postgresql/wal-source.ts'
import { formatLsn, parseSegmentName } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'
import type { LagTracker } from './shipper-lag.ts'
import type { StoreLane } from './shipper-lane.ts'
import type { ShippingSource } from './shipper-spools.ts'

export function lanesStatus(
  lanes: readonly StoreLane[],
  ends: ReadonlyMap<string, Lsn>,
  incarnation: string,
  lag: LagTracker,
  currentLsn: Lsn | null,
  source: ShippingSource | null,
): readonly StoreLag[] {
  return lanes.map((lane) => {
    const end = ends.get(lane.store.name) ?? null
    return {
      store: lane.store.name,
      shippedLsn: end === null ? null : formatLsn(end),
      lastCommitAt: lane.lastCommitAt(incarnation),
      lagSeconds: end === null ? null : lag.lagSeconds(end, Date.now()),
      lagBytes: end === null || currentLsn === null ? null : Number(currentLsn > end ? currentLsn - end : 0n),
      missingSegments: missingSegments(lane, lanes, incarnation, source),
      problem: lane.problem?.message ?? null,
    }
  })
}

/** Segments that another store has whole and that are older than the spool. */
function missingSegments(lane: StoreLane, lanes: readonly StoreLane[], incarnation: string, source: ShippingSource | null): number {
  const mine = lane.coverage(incarnation)
  const oldest = source?.listing.finished[0] ?? source?.listing.partial?.segment
  if (mine === null || source === null || oldest === undefined) return 0
  const spooledFrom = parseSegmentName(oldest, source.segmentSizeBytes).startLsn
  const missing = new Set<string>()
  for (const other of lanes) {
    for (const [segment, name] of other.coverage(incarnation)?.wholes ?? []) {
      if (name.startLsn < spooledFrom && !mine.hasWhole(segment)) missing.add(segment)
    }
  }
  return missing.size
}

export function slotStatus(slot: SlotFacts | null | undefined): SlotStatus | null {
  if (!slot) return null
  const { name, walStatus, restartLsn, safeWalSizeBytes, active } = slot
  return { name, walStatus, restartLsn: restartLsn === null ? null : formatLsn(restartLsn), safeWalSizeBytes, active }
}
