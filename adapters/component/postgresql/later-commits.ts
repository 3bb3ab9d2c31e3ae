/** The commits of a database behind a position, one by one, read from WAL files wherever they lie; nothing is changed. */
import { createInterface } from 'node:readline'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { formatLsn, type Lsn, parseLsn } from '../../../domain/wal.ts'
import { startTool } from '../../process/run-tool.ts'
import type { PostgresqlInstance } from './instance.ts'
import { findServerProgram } from './programs.ts'
import type { StoppedWal } from './stopped-wal.ts'
import { giveName, parseCommit } from './waldump.ts'

export interface LaterCommits {
  /** Oldest first; at most `most`. */
  readonly commits: readonly { readonly lsn: string; readonly xid: number; readonly at: string }[]
  readonly count: number
  /** Where the WAL that is there begins; null where there is none. Later than asked for: older commits are gone. */
  readonly fromLsn: string | null
  /** Something in between is gone, or cannot be read. */
  readonly hasHoles: boolean
  /** Where the WAL that is there ends; null where there is none. */
  readonly endLsn: string | null
}

export interface LaterCommitsAbout {
  readonly timelineId: number
  readonly fromLsn: Lsn
  readonly serverMajor: number
  /** It exists; what is written there is removed again. */
  readonly workDirectory: string
  readonly most: number
  /** Told of each commit, also of those behind `most`. */
  readonly onCommit?: (at: string) => void
}

/**
 * @param segments in order, each once; one that ends before its file does holds nothing behind that
 * @throws MusterError PreconditionFailed and ToolTooOld where `pg_waldump` of that version is not here
 */
export async function commitsAfter(instance: PostgresqlInstance, segments: StoppedWal['segments'], about: LaterCommitsAbout): Promise<LaterCommits> {
  const program = await findServerProgram(instance, 'pg_waldump', about.serverMajor)
  const commits: { lsn: string; xid: number; at: string }[] = []
  let count = 0
  const pieces = unbroken(segments)
  let hasHoles = pieces.length > 1
  const directory = await gathered(segments, about.workDirectory)
  try {
    for (const { startLsn, lastStartLsn, endLsn } of pieces) {
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
      const { stderrTail } = await tool.done
      hasHoles ||= stoppedBefore(stderrTail, lastStartLsn)
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  const [first] = pieces
  const fromLsn = first === undefined ? null : formatLsn(first.startLsn < about.fromLsn ? about.fromLsn : first.startLsn)
  const endLsn = pieces.at(-1)?.endLsn
  return { commits, count, fromLsn, hasHoles, endLsn: endLsn === undefined ? null : formatLsn(endLsn) }
}

/** It names the record where it could not go on: in the newest segment that is the end of what was written, before it something is damaged or gone. */
function stoppedBefore(said: string, lastStartLsn: Lsn): boolean {
  if (said.trim() === '') return false
  const at = /error in WAL record at ([0-9A-F]+\/[0-9A-F]+)/.exec(said)?.[1]
  return at === undefined ? !/could not find a valid record after/.test(said) : parseLsn(at) < lastStartLsn
}

/** The program reads on from segment to segment in one directory only, and knows them by their full names. */
async function gathered(segments: StoppedWal['segments'], workDirectory: string): Promise<string> {
  const directory = await mkdtemp(join(workDirectory, 'segments-'))
  for (const { segment, path } of segments) await giveName(path, join(directory, segment))
  return directory
}

/** Segments that follow each other are read in one go: a record may go on in the next one. */
function unbroken(segments: StoppedWal['segments']): readonly { readonly startLsn: Lsn; readonly lastStartLsn: Lsn; readonly endLsn: Lsn }[] {
  const pieces: { startLsn: Lsn; lastStartLsn: Lsn; endLsn: Lsn }[] = []
  for (const { startLsn, endLsn } of segments) {
    const last = pieces.at(-1)
    if (last?.endLsn === startLsn) Object.assign(last, { lastStartLsn: startLsn, endLsn })
    else pieces.push({ startLsn, lastStartLsn: startLsn, endLsn })
  }
  return pieces
}
