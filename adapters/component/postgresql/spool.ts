/**
 * Reads the directory that pg_receivewal writes. Files are renamed and finished under our
 * eyes, so a file that vanished while it was read is an answer, not an error.
 */
import { type FileHandle, chown, mkdir, open, readdir, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { historyName, isSegmentName, parseSegmentName, segmentName } from '../../../domain/wal.ts'
import type { Lsn } from '../../../domain/wal.ts'
import type { Spool, SpoolListing, SpoolPartial } from './wal-source.ts'

/** How long a file must have rested before its last eight bytes count as written in full. */
const restMs = 250
const scanBytes = 256 * 1024
const zeros = Buffer.alloc(scanBytes)

export interface SpoolOwner {
  readonly userId: number
  readonly groupId: number
}

/** `ownerOf` says who the receiver runs as, where that is not the agent itself. */
export function openSpool(
  directory: string,
  timelineId: number,
  segmentSizeBytes: number,
  ownerOf: () => Promise<SpoolOwner | undefined> = async () => undefined,
): Spool {
  const path = (segment: string, partial: boolean) => join(directory, partial ? `${segment}.partial` : segment)
  return {
    directory,
    timelineId,
    segmentSizeBytes,
    list: () => listSpool(directory, timelineId, segmentSizeBytes),
    partialEnd: (segment, flushedLsn) => partialEnd(path(segment, true), segment, segmentSizeBytes, flushedLsn),
    async locate(segment) {
      for (const candidate of [path(segment, false), path(segment, true), path(segment, false)]) {
        if ((await statOrNull(candidate)) !== null) return candidate
      }
      return null
    },
    async begin(lsn) {
      const owner = await ownerOf()
      await makeDirectory(directory, owner)
      await createEmpty(path(segmentName(timelineId, lsn, segmentSizeBytes), true), owner)
      await flushDirectory(directory)
    },
    repair: () => repairSpool(directory, segmentSizeBytes),
    async remove(segment) {
      await rm(path(segment, false), { force: true })
    },
  }
}

async function listSpool(directory: string, timelineId: number, segmentSizeBytes: number): Promise<SpoolListing> {
  const finished: string[] = []
  let partial: SpoolPartial | null = null
  let history: string | null = null
  let sizeBytes = 0
  for (const name of (await namesIn(directory)).sort()) {
    const facts = await statOrNull(join(directory, name))
    if (facts === null) continue
    sizeBytes += facts.size
    const segment = name.replace(/\.partial$/, '')
    if (name === historyName(timelineId)) history = name
    if (!isSegmentName(segment) || parseSegmentName(segment, segmentSizeBytes).timelineId !== timelineId) continue
    if (name !== segment) partial = { segment, sizeBytes: facts.size, modifiedAtMs: facts.mtimeMs }
    else if (facts.size === segmentSizeBytes) finished.push(segment)
  }
  // A partial that was finished between the two looks is a finished segment.
  if (partial !== null && finished.includes(partial.segment)) partial = null
  return { finished, partial, history, sizeBytes }
}

/**
 * The end of what was received: the receiver writes strictly forward into a file of zeros, so
 * every byte before the last one that is not zero has been written. What the receiver reported
 * as flushed reaches further where the WAL itself ends with zeros.
 */
async function partialEnd(path: string, segment: string, segmentSizeBytes: number, flushedLsn: Lsn | null): Promise<Lsn | null> {
  const handle = await openOrNull(path)
  if (handle === null) return null
  try {
    const { startLsn } = parseSegmentName(segment, segmentSizeBytes)
    const facts = await handle.stat()
    const rested = Date.now() - facts.mtimeMs > restMs
    const bytes = await endOfData(handle, Math.min(facts.size, segmentSizeBytes))
    const aligned = rested ? Math.ceil(bytes / 8) * 8 : Math.floor(bytes / 8) * 8
    const seen = startLsn + BigInt(aligned)
    const segmentEnd = startLsn + BigInt(segmentSizeBytes)
    if (facts.size !== segmentSizeBytes || flushedLsn === null || flushedLsn <= seen) return seen
    return flushedLsn < segmentEnd ? flushedLsn : segmentEnd
  } finally {
    await handle.close()
  }
}

async function endOfData(handle: FileHandle, sizeBytes: number): Promise<number> {
  const buffer = Buffer.alloc(scanBytes)
  for (let end = sizeBytes; end > 0; ) {
    const start = Math.max(0, end - scanBytes)
    const { bytesRead } = await handle.read(buffer, 0, end - start, start)
    if (Buffer.compare(buffer.subarray(0, bytesRead), zeros.subarray(0, bytesRead)) !== 0) {
      let last = bytesRead
      while (last > 0 && buffer[last - 1] === 0) last -= 1
      return start + last
    }
    end = start
  }
  return 0
}

async function repairSpool(directory: string, segmentSizeBytes: number): Promise<readonly string[]> {
  const removed: string[] = []
  for (const name of await namesIn(directory)) {
    if (!name.endsWith('.partial') || !isSegmentName(name.slice(0, -'.partial'.length))) continue
    const facts = await statOrNull(join(directory, name))
    if (facts === null || facts.size === 0 || facts.size === segmentSizeBytes) continue
    await truncate(join(directory, name), 0)
    removed.push(name)
  }
  return removed
}

async function makeDirectory(directory: string, owner: SpoolOwner | undefined): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  if (owner) await chown(directory, owner.userId, owner.groupId)
}

async function createEmpty(path: string, owner: SpoolOwner | undefined): Promise<void> {
  const handle = await open(path, 'a', 0o600)
  try {
    if (owner) await handle.chown(owner.userId, owner.groupId)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function flushDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function namesIn(directory: string): Promise<string[]> {
  return nullWhenAbsent(readdir(directory)).then((names) => names ?? [])
}

function statOrNull(path: string) {
  return nullWhenAbsent(stat(path))
}

function openOrNull(path: string) {
  return nullWhenAbsent(open(path, 'r'))
}

async function nullWhenAbsent<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
