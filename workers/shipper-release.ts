/** Lets go of what is safe: the server may drop it, and the spool need not keep it. */
import { formatLsn, parseLsn, parseSegmentName, segmentStart } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'
import { hasAll } from './shipper-needs.ts'
import type { ShipperParts } from './shipper-parts.ts'
import type { ShippingSource } from './shipper-spools.ts'

const defaultKeepForLateStoresBytes = 2 * 1024 ** 3

/** The anchor first, then the files: what the server may drop is always still in the spool or in the stores. */
export async function letGo(parts: ShipperParts): Promise<void> {
  const { kept, watch, spools } = parts
  const { wal } = watch
  const source = spools.current
  const required = parts.required.end()
  if (wal === null || source === null || required === null || kept.state.protecting !== null) return
  const safeLsn = segmentStart(required, source.segmentSizeBytes)
  const known = kept.state.requiredLsn
  if (known === null || segmentStart(parseLsn(known), source.segmentSizeBytes) !== safeLsn) await kept.change({ requiredLsn: formatLsn(required) })
  const anchor = watch.observation?.slots.anchor
  if (anchor && anchor.restartLsn !== null && anchor.restartLsn < safeLsn && safeLsn <= (watch.observation?.currentLsn ?? 0n)) await wal.advanceAnchor(safeLsn)
  await removeShipped(parts, source, safeLsn)
  for (const aside of spools.aside) await removeDrained(parts, aside)
}

/** The newest finished segment stays: it says where receiving goes on. */
async function removeShipped(parts: ShipperParts, source: ShippingSource, safeLsn: Lsn): Promise<void> {
  const { instance, lanes, required } = parts
  const keepBytes = instance.keepForLateStoresBytes ?? defaultKeepForLateStoresBytes
  let sizeBytes = source.listing.sizeBytes
  for (const segment of source.listing.finished.slice(0, -1)) {
    const { startLsn } = parseSegmentName(segment, source.segmentSizeBytes)
    if (startLsn >= safeLsn || !required.haveSegment(source.incarnation, segment)) return
    const everywhere = lanes.every((lane) => lane.coverage(source.incarnation)?.hasWhole(segment) === true)
    if (!everywhere && sizeBytes <= keepBytes) return
    await source.spool.remove(segment)
    sizeBytes -= source.segmentSizeBytes
  }
}

/** Late stores get what was set aside too, as long as there is room for it. */
async function removeDrained(parts: ShipperParts, source: ShippingSource): Promise<void> {
  const { deps, instance, place, spools, lanes, required } = parts
  await spools.refresh(source, null)
  const { partial } = source.listing
  if (partial !== null && partial.sizeBytes > 0 && source.recordsReadAtMs !== partial.modifiedAtMs) return
  if (!required.haveSpool(source)) return
  const everywhere = lanes.every((lane) => hasAll(source, lane.coverage(source.incarnation)))
  const keepBytes = instance.keepForLateStoresBytes ?? defaultKeepForLateStoresBytes
  if (!everywhere && spools.sizeBytes <= keepBytes) return
  deps.log({ event: 'spool-removed', ...place, spool: source.spool.directory })
  await spools.remove(source)
}
