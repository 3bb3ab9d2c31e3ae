import { access, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { historyName, isSegmentName, parseTimelineHistory, segmentName } from '../../../domain/wal.ts'
import type { ProcessIdentity } from '../../process/process.ts'
import type { WorkOptions } from '../component.ts'
import { type DataDirectoryFacts, inspectDataDirectory } from './data-directory.ts'
import { type PostgresqlInstance, assertReachable, osUserOf } from './instance.ts'
import { chownTo, replaceFile } from './owned-files.ts'
import type { Quarantine } from './quarantine.ts'
import { launchQuarantined, stopQuarantined } from './quarantined-server.ts'
import { type RecoveryTarget, walMarkerName, writeRecoverySettings } from './recovery-settings.ts'
import { assertKeptOut, makeYoungTablespaces, type YoungTablespace } from './young-tablespaces.ts'

export interface RecoveryOrder {
  /**
   * Plain segments and history files of one lineage under their own names, given to the tools' user here. A newer
   * state of a segment replaces the older one by rename. History files of other branches may be there too: they
   * keep the new timeline's number from being taken twice.
   */
  readonly walDirectory: string
  /** The timeline to follow; never "latest". */
  readonly timelineId: number
  readonly target: RecoveryTarget
  /** Libraries without which the database cannot recover or be read. */
  readonly preload?: readonly string[]
  /** Instead of whose directories the copy finds its own. */
  readonly youngTablespaces?: readonly YoungTablespace[]
}

/**
 * Starts recovery of a restored copy in quarantine. It runs on as a service and holds at its target; `awaitHeld`
 * waits for that. Called again, it ends what an earlier call started and goes on from where that was.
 * @throws MusterError TargetRunning, WrongTarget, InvalidInput, RecoveryTargetUnreachable (before the backup, or the
 * timeline's files are not there), PreconditionFailed, ToolTooOld
 */
export async function startRecovery(
  instance: PostgresqlInstance,
  quarantine: Quarantine,
  order: RecoveryOrder,
  options: Pick<WorkOptions, 'label'> = {},
): Promise<ProcessIdentity> {
  await stopQuarantined(quarantine)
  const facts = await inspectDataDirectory(instance, quarantine.directory)
  if (facts === null) throw new MusterError('WrongTarget', `${quarantine.directory} is not a data directory of PostgreSQL`)
  assertAfterBackup(order.target, facts)
  await assertLineage(order, facts)
  await preferOwnWal(quarantine.directory, order.walDirectory)
  await handOverWal(instance, order.walDirectory)
  await writeRecoverySettings(quarantine.directory, order, await osUserOf(instance))
  const young = order.youngTablespaces ?? []
  assertKeptOut(young)
  await makeYoungTablespaces(young, await osUserOf(instance))
  return launchQuarantined(instance, quarantine, {
    mode: 'recovery',
    preload: order.preload ?? [],
    mounts: young.map(({ path, into }) => ({ path, directory: into })),
    ...(options.label === undefined ? {} : { label: options.label }),
  })
}

/** PostgreSQL would stop at the first commit after the backup and call a time long before it reached. */
function assertAfterBackup(target: RecoveryTarget, facts: DataDirectoryFacts): void {
  if (target.kind !== 'time' || Date.parse(target.time) >= Date.parse(facts.checkpointAt)) return
  throw new MusterError('RecoveryTargetUnreachable', `the copy is already at ${facts.checkpointAt}, after the target ${target.time}`, {
    hint: 'use an older backup, or a later target: muster list SYSTEM',
  })
}

/**
 * With a history file but without the new timeline's first segment the server would run past the fork on the old
 * timeline and write a false history.
 */
async function assertLineage(order: RecoveryOrder, facts: DataDirectoryFacts): Promise<void> {
  const { walDirectory, timelineId } = order
  if (timelineId === facts.timelineId) return
  if (timelineId < facts.timelineId) {
    throw new MusterError('RecoveryTargetUnreachable', `the copy is on timeline ${facts.timelineId}, which cannot lead back to timeline ${timelineId}`)
  }
  const name = historyName(timelineId)
  const text = await readFile(join(walDirectory, name), 'utf8').catch(() => null)
  if (text === null) throw new MusterError('RecoveryTargetUnreachable', `the WAL directory ${walDirectory} has no ${name}`)
  const forks = parseTimelineHistory(text)
  for (const [index, { parentTimelineId, forkLsn }] of forks.entries()) {
    if (parentTimelineId < facts.timelineId) continue
    const child = forks[index + 1]?.parentTimelineId ?? timelineId
    const first = segmentName(child, forkLsn, facts.segmentSizeBytes)
    if (await isThere(join(walDirectory, first))) continue
    throw new MusterError('RecoveryTargetUnreachable', `the first segment of timeline ${child} is missing: ${walDirectory} has no ${first}`)
  }
}

/**
 * The segments inside a base backup are whole: the server began another one when it ended. What was shipped of the same
 * ones may have a hole, after which nobody would look at the backup's. Only before the first start, since a server
 * keeps what it was given under the same names.
 */
async function preferOwnWal(dataDirectory: string, walDirectory: string): Promise<void> {
  if (!(await isThere(join(dataDirectory, 'backup_label')))) return
  const own = (await readdir(join(dataDirectory, 'pg_wal'))).filter(isSegmentName)
  for (const segment of own) await rm(join(walDirectory, segment), { force: true })
}

async function handOverWal(instance: PostgresqlInstance, walDirectory: string): Promise<void> {
  const user = await osUserOf(instance)
  const names = await readdir(walDirectory).catch((cause: NodeJS.ErrnoException) => {
    throw new MusterError('PreconditionFailed', `cannot read the WAL directory ${walDirectory} (${cause.code})`, {
      cause,
    })
  })
  await replaceFile(join(walDirectory, walMarkerName), '', user)
  await chownTo(walDirectory, user)
  for (const name of names) await chownTo(join(walDirectory, name), user)
  await assertReachable(instance, walDirectory, 'read')
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
