/** A database must not die of its own protection: where its disk fills while the stores are out, receiving stops. */
import type { WalSource } from '../adapters/component/postgresql/wal-source.ts'
import { formatLsn, parseLsn, segmentStart } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'
import { isDiskLow } from './shipper-disk-reserve.ts'
import type { ShipperParts } from './shipper-parts.ts'
import { reopen, rescan } from './shipper-rescan.ts'
import { receivedEnd, setAside } from './shipper-spools.ts'
import type { ShippingSource } from './shipper-spools.ts'

/** Begins protection where it is needed, and ends it where it is needed no more. */
export async function guardDisk(parts: ShipperParts): Promise<void> {
  const { instance, kept, lanes } = parts
  const { wal } = parts.watch
  const source = parts.spools.current
  if (wal === null || source === null) return
  if (kept.state.protecting !== null) return endProtection(parts, wal, source, kept.state.protecting.afterLsn)
  const received = receivedEnd(source)
  if (received === null || instance.wal.whenStoresAreOut !== 'protectDatabase') return
  const storesAreOut = (parts.required.end() ?? 0n) < received && lanes.some((lane) => lane.problem !== null)
  if (!storesAreOut || !isDiskLow(await wal.freeSpace(source.spool.directory), instance.wal.reserveBytes)) return
  await beginProtection(parts, wal, source, received)
}

async function beginProtection(parts: ShipperParts, wal: WalSource, source: ShippingSource, received: Lsn): Promise<void> {
  const { deps, place, kept, receiving } = parts
  const at = new Date().toISOString()
  await kept.change({ protecting: { afterLsn: formatLsn(received), at } })
  await receiving.restart()
  await rescan(parts)
  const afterLsn = formatLsn(receivedEnd(source) ?? received)
  const reason = 'the disk is filling while the stores are out: receiving was stopped to protect the database'
  const gap = { incarnation: source.incarnation, afterLsn, beforeLsn: null, reason, at }
  await kept.change({ protecting: { afterLsn, at }, pendingGaps: [...kept.state.pendingGaps, gap], lastGap: gap })
  deps.log({ event: 'protecting-database', ...place, afterLsn })
  await wal.dropSlots()
}

/** Receiving begins again when enough stores have what was received before; what was written meanwhile is the gap. */
async function endProtection(parts: ShipperParts, wal: WalSource, source: ShippingSource, afterLsn: string): Promise<void> {
  const { kept, receiving } = parts
  const seen = parts.watch.observation
  if (!parts.required.haveSpool(source)) {
    // A slot that was still in use when protection began is dropped now.
    if (seen !== null && (seen.slots.stream !== null || seen.slots.anchor !== null)) await wal.dropSlots()
    return
  }
  if (seen === null) return
  const slots = await wal.renewSlots()
  const beforeLsn = segmentStart(slots.stream?.restartLsn ?? seen.currentLsn, source.segmentSizeBytes)
  await receiving.recordGap(source.incarnation, parseLsn(afterLsn), beforeLsn, 'receiving was stopped to protect the database while the stores were out')
  await setAside(source.spool.directory)
  await source.spool.begin(beforeLsn)
  await kept.change({ protecting: null })
  await reopen(parts)
  await receiving.restart()
}
