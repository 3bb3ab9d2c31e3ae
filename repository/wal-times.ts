/**
 * Commit times along shipped WAL. A listing tells LSNs; times are in the signed indexes, and
 * only those that a question needs are read: the newest for "how far", a binary search for "where is T".
 */
import type { WalShipmentName } from '../domain/object-keys.ts'
import type { WalIndex } from '../domain/repository-format.ts'
import { isBefore } from '../domain/times.ts'
import { type Lsn, parseLsn } from '../domain/wal.ts'

export type ReadIndex = (incarnation: string, name: WalShipmentName) => Promise<WalIndex>

export interface PlacedShipment {
  readonly incarnation: string
  readonly name: WalShipmentName
  /** Where its life is left for the next one, or cannot be read on: what lies behind it is not on the path. */
  readonly untilLsn: Lsn
}

/** What holds the bytes from one LSN to another, in LSN order; ranges that a later one swallows whole are left out. */
export function alongPath(incarnation: string, shipments: readonly WalShipmentName[], fromLsn: Lsn, untilLsn: Lsn): readonly PlacedShipment[] {
  const sorted = shipments
    .filter((one) => one.kind !== 'history' && one.endLsn > fromLsn && one.startLsn < untilLsn)
    .sort((a, b) => (a.startLsn < b.startLsn ? -1 : a.startLsn > b.startLsn ? 1 : a.endLsn > b.endLsn ? -1 : 1))
  const kept: WalShipmentName[] = []
  for (const one of sorted) {
    const last = kept.at(-1)
    if (last && one.endLsn <= last.endLsn) continue
    kept.push(one)
  }
  return kept.map((name) => ({ incarnation, name, untilLsn }))
}

export interface LastCommit {
  readonly at: string
  readonly lsn: string
}

/** The newest commit in what is there, no index believed beyond its own shipment; null when no shipment holds one. */
export async function lastCommit(path: readonly PlacedShipment[], read: ReadIndex): Promise<LastCommit | null> {
  for (const { incarnation, name, untilLsn } of [...path].reverse()) {
    const index = await read(incarnation, name)
    if (index.lastCommitAt === null || index.lastCommitLsn === null) continue
    const lsn = parseLsn(index.lastCommitLsn)
    if (lsn < name.endLsn && lsn < untilLsn) return { at: index.lastCommitAt, lsn: index.lastCommitLsn }
  }
  return null
}

/**
 * The first shipment that holds a commit later than a time: recovery must be able to read it, since
 * PostgreSQL stops before the first commit that is too late.
 * @returns null when nothing committed after the time is there
 */
export async function firstAfter(path: readonly PlacedShipment[], time: string, read: ReadIndex): Promise<PlacedShipment | null> {
  let low = 0
  let high = path.length
  while (low < high) {
    const middle = (low + high) >> 1
    const { at, position } = await commitAtOrBefore(path, middle, low, read)
    if (at !== null && isBefore(time, at)) high = position
    else low = middle + 1
  }
  return path[low] ?? null
}

/** The last commit time of the shipment at a position, or of the nearest one before it (not before `least`) that has any. */
async function commitAtOrBefore(path: readonly PlacedShipment[], position: number, least: number, read: ReadIndex) {
  for (let at = position; at >= least; at--) {
    const { incarnation, name } = path[at] as PlacedShipment
    const { lastCommitAt } = await read(incarnation, name)
    if (lastCommitAt !== null) return { at: lastCommitAt, position: at }
  }
  return { at: null, position }
}
