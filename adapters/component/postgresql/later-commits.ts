/** The commits of a data directory behind a position, one by one, read from its own `pg_wal`; nothing is changed. */
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { formatLsn, type Lsn } from '../../../domain/wal.ts'
import { startTool } from '../../process/run-tool.ts'
import type { PostgresqlInstance } from './instance.ts'
import { findServerProgram } from './programs.ts'
import { endOfStoppedWal, type StoppedWal } from './stopped-wal.ts'
import { parseCommit } from './waldump.ts'

export interface LaterCommits {
  /** Oldest first; at most `most`. */
  readonly commits: readonly { readonly lsn: string; readonly xid: number; readonly at: string }[]
  readonly count: number
  /** Where the WAL that is still there begins; null where there is none. Later than asked for: older commits are gone from it. */
  readonly fromLsn: string | null
  /** A segment in between is gone. */
  readonly hasHoles: boolean
}

export interface LaterCommitsAbout {
  readonly timelineId: number
  readonly fromLsn: Lsn
  readonly segmentSizeBytes: number
  readonly serverMajor: number
  readonly workDirectory: string
  readonly most: number
  /** Told of each commit, also of those behind `most`. */
  readonly onCommit?: (at: string) => void
}

/** @throws MusterError PreconditionFailed and ToolTooOld where `pg_waldump` of that version is not here */
export async function commitsAfter(instance: PostgresqlInstance, dataDirectory: string, about: LaterCommitsAbout): Promise<LaterCommits> {
  const directory = join(dataDirectory, 'pg_wal')
  const { segments } = await endOfStoppedWal(instance, directory, about)
  const program = await findServerProgram(instance, 'pg_waldump', about.serverMajor)
  const commits: { lsn: string; xid: number; at: string }[] = []
  let count = 0
  const pieces = unbroken(segments)
  for (const { startLsn, endLsn } of pieces) {
    const from = startLsn < about.fromLsn ? about.fromLsn : startLsn
    const args = ['--rmgr=Transaction', `--path=${directory}`, `--timeline=${about.timelineId}`, `--start=${formatLsn(from)}`, `--end=${formatLsn(endLsn)}`]
    // It ends with 1 at the first record that is not whole, which is how the newest segment ends.
    const tool = startTool(program.path, args, { stdin: '', stdout: 'stream', okExitCodes: [0, 1] })
    for await (const line of createInterface({ input: tool.stdout, crlfDelay: Number.POSITIVE_INFINITY })) {
      const commit = parseCommit(line)
      if (commit === null || commit.lsn < about.fromLsn) continue
      count += 1
      about.onCommit?.(commit.at)
      const xid = Number(/\btx:\s*(\d+)/.exec(line)?.[1] ?? 0)
      if (commits.length < about.most) commits.push({ lsn: formatLsn(commit.lsn), xid, at: commit.at })
    }
    await tool.done
  }
  const [first] = pieces
  const fromLsn = first === undefined ? null : formatLsn(first.startLsn < about.fromLsn ? about.fromLsn : first.startLsn)
  return { commits, count, fromLsn, hasHoles: pieces.length > 1 }
}

/** Segments that follow each other are read in one go: a record may go on in the next one. */
function unbroken(segments: StoppedWal['segments']): readonly { readonly startLsn: Lsn; readonly endLsn: Lsn }[] {
  const pieces: { startLsn: Lsn; endLsn: Lsn }[] = []
  for (const { startLsn, endLsn } of segments) {
    const last = pieces.at(-1)
    if (last?.endLsn === startLsn) last.endLsn = endLsn
    else pieces.push({ startLsn, endLsn })
  }
  return pieces
}
