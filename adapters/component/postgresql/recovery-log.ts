import { open } from 'node:fs/promises'
import { MusterError } from '../../../domain/failures.ts'

const readAtMostBytes = 4 * 1024 * 1024

/** What a server wrote since a position of its log; of a very long part, the end. */
export async function readLog(logFile: string, fromByte: number): Promise<string> {
  const handle = await open(logFile, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (handle === null) return ''
  try {
    const { size } = await handle.stat()
    const start = Math.max(fromByte, size - readAtMostBytes)
    const buffer = Buffer.alloc(Math.max(0, size - start))
    await handle.read(buffer, 0, buffer.length, start)
    return buffer.toString('utf8')
  } finally {
    await handle.close()
  }
}

/** Whether the log says that recovery stopped because its target was reached, not for another reason. */
export function reachedTarget(log: string): boolean {
  return /recovery stopping (before|after|at) /.test(log)
}

/** Whether the log says that the copy's settings are too small for what it replays. */
export function settingsTooSmall(log: string): boolean {
  return /hot standby is not possible|insufficient parameter settings/.test(log)
}

/** Time of the last commit that was replayed, as ISO-8601 UTC, when the log tells. */
export function lastCommitIn(log: string): string | null {
  const times = [...log.matchAll(/last completed transaction was at log time (\S+ [\d:.]+)\+00/g)]
  const time = times.at(-1)?.[1]
  return time === undefined ? null : new Date(`${time.replace(' ', 'T')}Z`).toISOString()
}

/** Where no line says why, the last one is at least where to go on looking. */
function endOfLog(log: string): string {
  const last = log.trim().split('\n').at(-1)
  return last ? `its log does not say why, and ends with: ${withoutPrefix(last)}` : 'it wrote no log'
}

/** The last FATAL or PANIC that is one. A client that came too early is told so with FATAL too; that ends no server. */
export function fatalIn(log: string): string | undefined {
  const fatal = log
    .split('\n')
    .filter((line) => /\b(FATAL|PANIC):/.test(line))
    .map(withoutPrefix)
  return fatal.filter((line) => !/the database system is|terminating (connection|walreceiver)/.test(line)).at(-1)
}

/** Why a recovering server ended, from what it wrote. */
export function recoveryFailure(log: string, directory: string): MusterError {
  const reason = fatalIn(log)
  const known = reason === undefined ? undefined : knownReasons.find(([pattern]) => pattern.test(reason))
  if (known) return known[1](reason ?? '', log)
  if (/No space left on device/.test(log)) return diskFull(directory)
  return new MusterError('RestoreFailed', `the server on ${directory} ended: ${reason ?? endOfLog(log)}`)
}

type Reason = (line: string, log: string) => MusterError

const knownReasons: readonly (readonly [RegExp, Reason])[] = [
  [
    /recovery ended before configured recovery target was reached/,
    (_line, log) => {
      const last = lastCommitIn(log)
      const text = last === null ? 'and there is no commit in it' : `the last commit in it is of ${last}`
      return new MusterError('RecoveryTargetUnreachable', `the WAL ends before the recovery target; ${text}`)
    },
  ],
  [
    /requested recovery stop point is before consistent recovery point/,
    () =>
      new MusterError('RecoveryTargetUnreachable', 'the recovery target is before the end of the base backup', {
        hint: 'use an older backup, or a later target: muster list SYSTEM',
      }),
  ],
  [
    /recovery target timeline \d+ does not exist|requested timeline \d+ is not a child|is not in this server's history/,
    (line) => new MusterError('RecoveryTargetUnreachable', `the timeline cannot be reached: ${line}`),
  ],
  [
    /could not restore file/,
    (line) =>
      new MusterError('SourceUnreadable', `the prefetched WAL cannot be read: ${line}`, {
        hint: "the WAL directory is gone, or the server's operating-system user may not read it",
      }),
  ],
  [/archive file .* has wrong size/, (line) => new MusterError('ChecksumMismatch', line)],
  [
    /could not access file|could not load library|resource manager with ID \d+ not registered/,
    (line) =>
      new MusterError('PreconditionFailed', `the database needs a library that is not loaded in quarantine: ${line}`, {
        hint: 'install the library on this host and allow it',
      }),
  ],
  [/No space left on device/, (line) => diskFull(line)],
]

function diskFull(where: string): MusterError {
  return new MusterError('DiskFull', `no space left while recovering: ${where}`)
}

function withoutPrefix(line: string): string {
  return line.replace(/^.*?\b(FATAL|PANIC):\s*/, '')
}
