/** The WAL of a server that does not run, read from its own `pg_wal` or from a spool: the tail that must not be lost. */
import { copyFile, mkdir, open, readdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isSegmentName, type Lsn, parseSegmentName } from '../../../domain/wal.ts'
import { type PostgresqlInstance, osUserOf } from './instance.ts'
import { chownTo } from './owned-files.ts'
import { findServerProgram } from './programs.ts'
import { readCommitTimes, recordEnd } from './waldump.ts'

export interface StoppedWal {
  /** Segments with their paths, in order; the last may be partly filled. */
  readonly segments: readonly { readonly segment: string; readonly path: string; readonly startLsn: Lsn; readonly endLsn: Lsn }[]
  readonly lastCommitAt: string | null
  readonly lastCommitLsn: Lsn | null
  /** First byte after the last commit: what lies behind it may be the remains of a recycled segment. */
  readonly endLsn: Lsn | null
}

export interface WalSought {
  readonly timelineId: number
  /** The segment that holds it, and later ones. */
  readonly fromLsn: Lsn
  readonly segmentSizeBytes: number
}

/** What WAL of a timeline lies in a directory from an LSN on, and where its last commit is. */
export async function endOfStoppedWal(
  instance: PostgresqlInstance,
  directory: string,
  about: WalSought & { readonly serverMajor: number; readonly workDirectory: string },
): Promise<StoppedWal> {
  const segments = await segmentsIn(directory, about)
  const { lastCommitAt, lastCommitLsn } = await commitsOf(instance, segments, about)
  const holder = segments.find(({ startLsn, endLsn }) => lastCommitLsn !== null && startLsn <= lastCommitLsn && lastCommitLsn < endLsn)
  const endLsn = holder && lastCommitLsn !== null ? await endOfRecord(holder, lastCommitLsn) : null
  return { lastCommitAt, lastCommitLsn, segments, endLsn }
}

/**
 * The segments of a timeline in a directory from an LSN on, in order. Recycled segments, whose content is of an older
 * position, are told by their page header and left out.
 */
export async function segmentsIn(directory: string, about: WalSought): Promise<StoppedWal['segments']> {
  const names = (await readdir(directory)).map((name) => ({ name, segment: name.replace(/\.partial$/, '') })).filter(({ segment }) => isSegmentName(segment))
  const segments: { segment: string; path: string; startLsn: Lsn; endLsn: Lsn }[] = []
  for (const { name, segment } of names.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const { timelineId, startLsn } = parseSegmentName(segment, about.segmentSizeBytes)
    const path = join(directory, name)
    if (timelineId !== about.timelineId || startLsn + BigInt(about.segmentSizeBytes) <= about.fromLsn) continue
    // A server that runs takes segments away while they are looked at.
    const isWhole = await isOf(path, startLsn, about.segmentSizeBytes).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    })
    if (!isWhole) continue
    if (segments.at(-1)?.segment === segment) continue
    segments.push({ segment, path, startLsn, endLsn: startLsn + BigInt(about.segmentSizeBytes) })
  }
  return segments
}

async function isOf(path: string, startLsn: Lsn, sizeBytes: number): Promise<boolean> {
  return (await stat(path)).size === sizeBytes && (await isOwnContent(path, startLsn))
}

/** The first page names the position it was written for, which a recycled segment's does not match. */
async function isOwnContent(path: string, startLsn: Lsn): Promise<boolean> {
  const handle = await open(path, 'r')
  try {
    const header = Buffer.alloc(16)
    const { bytesRead } = await handle.read(header, 0, 16, 0)
    return bytesRead === 16 && header.readBigUInt64LE(8) === startLsn
  } finally {
    await handle.close()
  }
}

/** A record begins with its length, which never crosses a page. It may go on in the next segment. */
async function endOfRecord(segment: StoppedWal['segments'][number], lsn: Lsn): Promise<Lsn> {
  const handle = await open(segment.path, 'r')
  try {
    const length = Buffer.alloc(4)
    await handle.read(length, 0, 4, Number(lsn - segment.startLsn))
    return recordEnd(lsn, BigInt(length.readUInt32LE()))
  } finally {
    await handle.close()
  }
}

async function commitsOf(
  instance: PostgresqlInstance,
  segments: StoppedWal['segments'],
  about: { readonly serverMajor: number; readonly workDirectory: string },
): Promise<{ lastCommitAt: string | null; lastCommitLsn: Lsn | null }> {
  const program = await findServerProgram(instance, 'pg_waldump', about.serverMajor)
  await mkdir(about.workDirectory, { recursive: true })
  for (const { segment, path, startLsn, endLsn } of [...segments].reverse()) {
    const times = await readCommitTimes(program.path, { path, segment, recordLsn: startLsn, startLsn, endLsn }, about.workDirectory)
    if (times.lastCommitAt !== null) return { lastCommitAt: times.lastCommitAt, lastCommitLsn: times.lastCommitLsn }
  }
  return { lastCommitAt: null, lastCommitLsn: null }
}

/**
 * Gives segments to a recovery: each appears under its full name at once, over an older state of itself, as the
 * server's user's, whose `restore_command` may be reading it the moment after.
 */
export async function copyStoppedWal(instance: PostgresqlInstance, wal: Pick<StoppedWal, 'segments'>, walDirectory: string): Promise<number> {
  const user = await osUserOf(instance)
  for (const { segment, path } of wal.segments) {
    const temporary = join(walDirectory, `.tail-${segment}`)
    await copyFile(path, temporary)
    await chownTo(temporary, user)
    await rename(temporary, join(walDirectory, segment))
  }
  return wal.segments.length
}
