/**
 * Asks the shipper to store everything up to now, and walks what is stored for gaps.
 *
 *  1. plan      which databases
 *  2. archive   tick, switch the segment where the role may, ship, wait for the required copies
 *  3. walk      gaps between the newest base backup and now
 *  4. a gap ⇒ alarm, and a new full backup
 *
 * Additive: nothing to undo.
 */
import { ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow'
import type { ArchivedWal } from '../activities/host/archive-wal.ts'
import { onHost, onSite } from './activity-options.ts'
import { backupSystem } from './backup-system.ts'
import { failureOf } from './failure-of.ts'
import { type ArchiveWalInput, archiveWalMessage } from './messages.ts'
import { createNotices } from './notices.ts'
import { fail, procedure } from './procedure.ts'
import { createProgressBoard, type Outcome } from './progress.ts'
import { siteOfQueue } from './queues.ts'

export interface ArchiveWalResult {
  readonly system: string
  readonly outcome: Outcome
  readonly databases: readonly ArchivedWal[]
  /** Workflow id of the full backup that a gap made necessary. */
  readonly backup: string | null
}

export const archiveWal = procedure(archiveWalMessage, async (input: ArchiveWalInput): Promise<ArchiveWalResult> => {
  const board = createProgressBoard('archiveWal', input.system)
  const site = siteOfQueue()
  board.phase('planning')
  const plan = await onSite(site).planBackup.executeWithOptions({ summary: `which databases ${input.system} has` }, [
    { system: input.system, components: input.components ?? null, configHash: input.configHash ?? null },
  ])
  const planned = plan.waves.flat().filter(({ type }) => type === 'postgresql')
  if (planned.length === 0) throw fail('NothingToDo', `system "${input.system}" has no database whose WAL could be archived`)
  const notices = createNotices(site, plan.limits, { configHash: plan.configHash, system: input.system, procedure: 'archiveWal' })
  board.phase(`archiving ${planned.map(({ component }) => component).join(', ')}`)
  const results = await Promise.allSettled(
    planned.map(({ component, host }) =>
      onHost(host, 'control', plan.limits).archiveWal.executeWithOptions({ summary: `archive WAL of ${component}` }, [
        { system: input.system, component, configHash: plan.configHash },
      ]),
    ),
  )
  const databases = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const rejected = results.find((result) => result.status === 'rejected')
  const gaps = databases.flatMap(({ component, gaps: found }) => found.map((gap) => `${component}: ${gap}`))
  let backup: string | null = null
  if (gaps.length > 0) {
    notices.send(
      'alarm',
      'critical',
      `WAL of ${input.system} has a gap`,
      `${gaps.join('\n')}\nA full backup is started; moments inside the gap cannot be recovered.`,
    )
    backup = `backup/${input.system}/after-gap-${workflowInfo().runId}`
    await startChild(backupSystem, {
      workflowId: backup,
      args: [{ system: input.system, configHash: plan.configHash }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
    })
  }
  const outcome: Outcome = rejected ? 'failed' : gaps.length > 0 ? 'degraded' : 'succeeded'
  board.phase(outcome)
  board.outcome(outcome)
  if (rejected) {
    const problem = failureOf(rejected.reason)
    notices.send('failed', 'critical', `archiving WAL of ${input.system} failed`, problem.message)
    await notices.settled()
    throw fail(problem.type, `archiving WAL of ${input.system} failed: ${problem.message}`)
  }
  await notices.settled()
  return { system: input.system, outcome, databases, backup }
})
