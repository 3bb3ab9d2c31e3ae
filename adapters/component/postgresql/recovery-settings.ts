import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { isLsn } from '../../../domain/wal.ts'
import { type Owner, replaceFile, syncDirectory } from './owned-files.ts'

/**
 * Where a recovery holds: `time` = all commits up to and including it; `lsn` = everything written before it;
 * `name` = a restore point made with pg_create_restore_point; `end` = all WAL there is, and what still arrives.
 */
export type RecoveryTarget =
  | { readonly kind: 'time' /** ISO-8601 UTC, at most microseconds. */; readonly time: string }
  | { readonly kind: 'lsn'; readonly lsn: string; readonly inclusive?: true }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'end' }

const firstLine = '# muster recovery: begin; removed after the recovery'
const lastLine = '# muster recovery: end'
const signalFiles = ['recovery.signal', 'standby.signal']

/** Stands in a WAL directory: where it cannot be seen the directory is not mounted, and nothing in it is absent. */
export const walMarkerName = '.muster-wal'

/**
 * Writes the settings and the signal file of one recovery into a data directory. Idempotent; another recovery's
 * settings are replaced.
 * @throws MusterError InvalidInput
 */
export async function writeRecoverySettings(
  directory: string,
  recovery: { readonly walDirectory: string; readonly timelineId: number; readonly target: RecoveryTarget },
  user: Owner,
): Promise<void> {
  const block = recoveryBlock(recovery)
  const path = autoConfigOf(directory)
  const rest = withoutBlock(await readFile(path, 'utf8').catch(emptyWhenAbsent))
  for (const name of signalFiles) await rm(join(directory, name), { force: true })
  await replaceFile(path, `${rest}${block}`, user)
  await replaceFile(join(directory, recovery.target.kind === 'end' ? 'standby.signal' : 'recovery.signal'), '', user)
}

/**
 * Removes what `writeRecoverySettings` wrote, so that no later start or restore obeys it. Idempotent; the
 * configuration of a database that never was in a recovery is not touched.
 */
export async function clearRecoverySettings(directory: string): Promise<void> {
  const path = autoConfigOf(directory)
  const text = await readFile(path, 'utf8').catch(emptyWhenAbsent)
  const rest = withoutBlock(text)
  if (rest !== text) {
    const { uid, gid } = await stat(path)
    await replaceFile(path, rest, process.geteuid?.() === 0 ? { userId: uid, groupId: gid } : undefined)
  }
  for (const name of signalFiles) await rm(join(directory, name), { force: true })
  await syncDirectory(directory)
}

/** The lines of `postgresql.auto.conf` for one recovery. @throws MusterError InvalidInput */
export function recoveryBlock(recovery: { readonly walDirectory: string; readonly timelineId: number; readonly target: RecoveryTarget }): string {
  if (!Number.isInteger(recovery.timelineId) || recovery.timelineId < 1) {
    throw new MusterError('InvalidInput', `"${recovery.timelineId}" is not a timeline: recovery names its number`)
  }
  const settings: [string, string][] = [
    ['restore_command', restoreCommand(recovery.walDirectory)],
    ['recovery_target_timeline', String(recovery.timelineId)],
    ['recovery_target_action', 'pause'],
    // A target left over from an earlier recovery would be a second one: emptied first, as the server reads in order.
    ...['recovery_target', 'recovery_target_name', 'recovery_target_time', 'recovery_target_lsn', 'recovery_target_xid']
      .filter((name) => name !== `recovery_target_${recovery.target.kind}`)
      .map((name): [string, string] => [name, '']),
    ...targetSettings(recovery.target),
  ]
  const lines = settings.map(([name, value]) => `${name} = '${value.replace(/\\/g, '\\\\').replace(/'/g, "''")}'`)
  return `${[firstLine, ...lines, lastLine].join('\n')}\n`
}

function targetSettings(target: RecoveryTarget): [string, string][] {
  switch (target.kind) {
    case 'time':
      return [
        ['recovery_target_inclusive', 'true'],
        ['recovery_target_time', postgresTime(target.time)],
      ]
    case 'lsn':
      if (!isLsn(target.lsn)) throw new MusterError('InvalidInput', `"${target.lsn}" is not an LSN, such as 16/B374D848`)
      return [
        ['recovery_target_inclusive', String(target.inclusive ?? false)],
        ['recovery_target_lsn', target.lsn],
      ]
    case 'name':
      if (!/^[\x20-\x7e]{1,63}$/.test(target.name)) {
        throw new MusterError('InvalidInput', `"${target.name}" is not the name of a restore point: 1 to 63 characters`)
      }
      return [['recovery_target_name', target.name]]
    case 'end':
      return []
  }
}

function postgresTime(time: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d{1,6})?)Z$/.exec(time)
  if (!match || Number.isNaN(Date.parse(time))) {
    throw new MusterError('InvalidInput', `"${time}" is not a time; write it in UTC: 2026-11-21T02:00:00Z`)
  }
  return `${match[1]} ${match[2]}+00`
}

/**
 * The server runs this text through its own shell. It answers 1 only where the file is proved absent, which ends a
 * recovery; 130 makes the server stop and be started again, for a directory that is not there or a failed copy.
 */
export function restoreCommand(walDirectory: string): string {
  if (/[\0\n\r]/.test(walDirectory)) throw new MusterError('InvalidInput', 'the WAL directory has a line end in its path')
  const quoted = `'${walDirectory.replace(/'/g, "'\\''").replace(/%/g, '%%')}'`
  const steps = [`test -e ${quoted}/${walMarkerName} || exit 130`, `test -e ${quoted}/%f || exit 1`, `cp ${quoted}/%f "%p" || exit 130`]
  return steps.join('; ')
}

function withoutBlock(text: string): string {
  const lines = text.split('\n')
  const begin = lines.indexOf(firstLine)
  if (begin < 0) return text === '' || text.endsWith('\n') ? text : `${text}\n`
  const end = lines.indexOf(lastLine, begin)
  const rest = [...lines.slice(0, begin), ...(end < 0 ? [] : lines.slice(end + 1))].join('\n')
  return withoutBlock(rest)
}

function autoConfigOf(directory: string): string {
  return join(directory, 'postgresql.auto.conf')
}

function emptyWhenAbsent(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return ''
  throw error
}
