/** Reads the times of commits out of WAL, so that a shipment says to which moments it leads. */
import { createInterface } from 'node:readline'
import { link, mkdtemp, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { formatLsn, parseLsn } from '../../../domain/wal.ts'
import type { Lsn } from '../../../domain/wal.ts'
import { runTool, startTool } from '../../process/run-tool.ts'
import type { CommitRange, CommitTimes } from './wal-source.ts'

const pageBytes = 8192n
const pageHeaderBytes = 24n
const commitLine =
  /len \(rec\/tot\):\s*\d+\/\s*(\d+),.* lsn: ([0-9A-F]+\/[0-9A-F]+),.* desc: COMMIT(?:_PREPARED)? .*?(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) UTC/

/**
 * First and last commit that end in a range of one segment. The range may end in the middle of a
 * record, and the file may be written to meanwhile: what is not whole is not counted.
 */
export async function readCommitTimes(program: string, range: CommitRange, workDirectory: string): Promise<CommitTimes> {
  const directory = await mkdtemp(join(workDirectory, 'waldump-'))
  const times: { first: string | null; last: string | null; lsn: Lsn | null } = { first: null, last: null, lsn: null }
  try {
    // The program finds a segment by its name only.
    await giveName(range.path, join(directory, range.segment))
    const args = ['--rmgr=Transaction', `--start=${formatLsn(range.recordLsn)}`, `--end=${formatLsn(range.endLsn)}`, join(directory, range.segment)]
    // It ends with 1 at the first record that is not whole, which is how every live segment ends.
    const tool = startTool(program, args, { stdin: '', stdout: 'stream', okExitCodes: [0, 1] })
    for await (const line of createInterface({ input: tool.stdout, crlfDelay: Number.POSITIVE_INFINITY })) {
      const commit = parseCommit(line)
      if (commit === null || commit.endLsn <= range.startLsn || commit.endLsn > range.endLsn) continue
      times.first ??= commit.at
      times.last = commit.at
      times.lsn = commit.lsn
    }
    await tool.done
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  return { firstCommitAt: times.first, lastCommitAt: times.last, lastCommitLsn: times.lsn }
}

/** A second name costs no copy and survives a rename; from another disk, where only a stopped server's WAL is read, a symbolic link does. */
export async function giveName(path: string, name: string): Promise<void> {
  await link(path, name).catch(async (error: NodeJS.ErrnoException) => {
    if (!linkFailures.has(error.code ?? '')) throw error
    await symlink(path, name)
  })
}

const linkFailures = new Set(['EXDEV', 'EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'EMLINK'])

/**
 * Where the last whole record of a segment ends. A record proves itself by its checksum, so zeros at its end
 * count as received where a look at the bytes alone cannot tell them from what was never written.
 * Null where no record is whole.
 */
export async function readRecordsEnd(program: string, path: string, segment: string, workDirectory: string): Promise<Lsn | null> {
  const directory = await mkdtemp(join(workDirectory, 'waldump-'))
  try {
    await giveName(path, join(directory, segment))
    const { stdout } = await runTool(program, ['--stats', join(directory, segment)], { okExitCodes: [0, 1] })
    const match = /^WAL statistics between [0-9A-F]+\/[0-9A-F]+ and ([0-9A-F]+\/[0-9A-F]+):/m.exec(stdout)
    return match ? parseLsn(match[1] as string) : null
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** One line of pg_waldump → where the commit lies and when it was made, or null for another record. */
export function parseCommit(line: string): { readonly lsn: Lsn; readonly endLsn: Lsn; readonly at: string } | null {
  const match = commitLine.exec(line)
  if (!match) return null
  const lsn = parseLsn(match[2] as string)
  // Cut to milliseconds: a target at this time is never after the commit.
  const at = new Date(`${match[3]}T${(match[4] as string).slice(0, 12)}Z`).toISOString()
  return { lsn, endLsn: recordEnd(lsn, BigInt(match[1] as string)), at }
}

/** Where a record of `lengthBytes` ends: a page header stands at each page it crosses. */
export function recordEnd(lsn: Lsn, lengthBytes: bigint): Lsn {
  let end = lsn + lengthBytes
  for (let page = (lsn / pageBytes + 1n) * pageBytes; page < end; page += pageBytes) {
    end += pageHeaderBytes
  }
  return end
}
