/**
 * The spools of an instance on disk: one that is received into, and those set aside until their
 * bytes are in the required stores. A directory's name says whose WAL it holds:
 * `<incarnation>.tl<timeline>` and `<incarnation>.tl<timeline>.aside<milliseconds>`.
 */
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Spool, SpoolListing, WalSource } from '../adapters/component/postgresql/wal-source.ts'
import type { Incarnation } from '../domain/repository-format.ts'
import { parseLsn, parseSegmentName } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'

const namePattern = /^(.+)\.tl(\d+)(?:\.aside(\d+))?$/

/** A spool with what was last seen in it. */
export interface ShippingSource {
  readonly incarnation: string
  readonly timelineId: number
  readonly segmentSizeBytes: number
  readonly forkLsn: Lsn | null
  readonly aside: boolean
  readonly spool: Spool
  listing: SpoolListing
  /** End of what is in the partial segment; null where there is none. */
  partialEnd: Lsn | null
  /** The partial's time of change when its records were last read. */
  recordsReadAtMs: number | null
}

const emptyListing: SpoolListing = { finished: [], partial: null, history: null, sizeBytes: 0 }

export function spoolDirectory(root: string, incarnation: Incarnation): string {
  return join(root, `${incarnation.incarnation}.tl${incarnation.timelineId}`)
}

/** Where WAL of one life was received to and may still lie; empty where nothing is. */
export async function spoolsOf(root: string, { incarnation, timelineId }: Pick<Incarnation, 'incarnation' | 'timelineId'>): Promise<readonly string[]> {
  const names = await readdir(root).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const own = names.filter((name) => {
    const match = namePattern.exec(name)
    return match?.[1] === incarnation && Number(match[2]) === timelineId
  })
  return own.map((name) => join(root, name))
}

/** Every spool on disk, those set aside first, oldest first. Idempotent. */
export async function openSources(root: string, wal: WalSource, segmentSizeBytes: number, current: Incarnation | null): Promise<ShippingSource[]> {
  const found: { source: ShippingSource; order: number }[] = []
  for (const name of (await readdir(root)).sort()) {
    const match = namePattern.exec(name)
    if (!match) continue
    const incarnation = match[1] as string
    const timelineId = Number(match[2])
    const isCurrent = match[3] === undefined && current !== null && current.incarnation === incarnation
    found.push({
      order: isCurrent ? Number.POSITIVE_INFINITY : Number(match[3] ?? 0),
      source: {
        incarnation,
        timelineId,
        segmentSizeBytes,
        forkLsn: current !== null && current.incarnation === incarnation && current.forkLsn !== null ? parseLsn(current.forkLsn) : null,
        aside: !isCurrent,
        spool: wal.openSpool(join(root, name), timelineId, segmentSizeBytes),
        listing: emptyListing,
        partialEnd: null,
        recordsReadAtMs: null,
      },
    })
  }
  return found.sort((a, b) => a.order - b.order).map((one) => one.source)
}

/** Moves the spool of an incarnation out of the receiver's way. Nothing happens where there is none. */
export async function setAside(directory: string): Promise<void> {
  await rename(directory, `${directory}.aside${Date.now()}`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

export async function removeSpool(source: ShippingSource): Promise<void> {
  await rm(source.spool.directory, { recursive: true, force: true })
}

/**
 * Looks again. The end never goes back within one segment, so that a store is never asked for less.
 * `flushedLsn` is what a running receiver reported; without one the WAL's own records say where it ends.
 */
export async function refresh(source: ShippingSource, wal: WalSource, flushedLsn: Lsn | null, workDirectory: string): Promise<void> {
  const listing = await source.spool.list()
  const before = source.listing.partial
  const { partial } = listing
  if (partial === null) {
    source.partialEnd = null
  } else {
    let end = await source.spool.partialEnd(partial.segment, flushedLsn)
    const resting = flushedLsn === null && before?.segment === partial.segment && before.modifiedAtMs === partial.modifiedAtMs
    if (end !== null && resting && source.recordsReadAtMs !== partial.modifiedAtMs) {
      const recordsEnd = await endOfRecords(source, wal, partial.segment, workDirectory)
      if (recordsEnd !== null && recordsEnd > end) end = recordsEnd
      source.recordsReadAtMs = partial.modifiedAtMs
    }
    const known = before?.segment === partial.segment ? source.partialEnd : null
    source.partialEnd = end !== null && known !== null && known > end ? known : end
  }
  source.listing = listing
}

/** Null where it cannot be read: the bytes that are not zero are known anyway. */
async function endOfRecords(source: ShippingSource, wal: WalSource, segment: string, workDirectory: string): Promise<Lsn | null> {
  const path = await source.spool.locate(segment)
  return path === null ? null : wal.recordsEnd(path, segment, workDirectory).catch(() => null)
}

/** End of what is in a spool; null where nothing is. */
export function receivedEnd(source: ShippingSource): Lsn | null {
  if (source.partialEnd !== null) return source.partialEnd
  const newest = source.listing.finished.at(-1)
  if (newest === undefined) return null
  return parseSegmentName(newest, source.segmentSizeBytes).startLsn + BigInt(source.segmentSizeBytes)
}
