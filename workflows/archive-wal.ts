/**
 * Asks the shipper to store everything up to now, and walks what is stored for gaps.
 *
 *  1. plan      which databases
 *  2. archive   make the named point if one is asked for, tick, switch the segment where the role may, ship, wait for the required copies
 *  3. walk      gaps between the newest base backup and now
 *  4. a gap ⇒ alarm, and a new full backup
 *  5. evidence, where there is more to tell than that everything is in order
 *
 * Additive: nothing to undo.
 */
import { CancellationScope, isCancellation, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow'
import type { ArchivedWal } from '../activities/host/archive-wal.ts'
import type { BackupPlan, PlannedComponent } from '../activities/site/plan-backup.ts'
import type { EvidenceOutcome } from '../domain/evidence.ts'
import { defaultTimeLimits, firstLimits, type TimeLimits } from '../domain/time-limits.ts'
import { onHost, onSite } from './activity-options.ts'
import { backupSystem } from './backup-system.ts'
import type { KeptEvidence } from './evidence.ts'
import { failureOf, isFailure, type PlainFailure } from './failure-of.ts'
import { type ArchiveWalInput, archiveWalMessage } from './messages.ts'
import { createNotices, type Notices } from './notices.ts'
import { fail, procedure } from './procedure.ts'
import { createProgressBoard, type Outcome, type ProgressBoard } from './progress.ts'
import { siteOfQueue } from './queues.ts'
import { keepWalEvidence } from './wal-evidence.ts'

export interface ArchiveWalResult {
  readonly system: string
  readonly outcome: Outcome
  readonly databases: readonly ArchivedWal[]
  /** Workflow id of the full backup that a gap made necessary. */
  readonly backup: string | null
  /** Where the evidence is; null where none is left, as by a run that found everything in order. */
  readonly record: KeptEvidence
}

export const archiveWal = procedure('archiveWal', archiveWalMessage, async (input: ArchiveWalInput): Promise<ArchiveWalResult> => {
  const board = createProgressBoard('archiveWal', input.system)
  const site = siteOfQueue()
  const noticesOf = (limits: TimeLimits, configHash: string | null) =>
    createNotices(site, limits, { configHash, system: input.system, procedure: 'archiveWal' })
  let notices = noticesOf(defaultTimeLimits, input.configHash ?? null)
  let plan: BackupPlan | null = null
  const found: Found = { databases: [], failures: [] }
  const keep = (outcome: EvidenceOutcome, problem: PlainFailure | null) => keepWalEvidence({ input, site, board, notices, plan, found, outcome, problem })
  try {
    board.phase('planning')
    plan = await onSite(site, 'control', firstLimits).planBackup.executeWithOptions({ summary: `which databases ${input.system} has` }, [
      { system: input.system, components: input.components ?? null, configHash: input.configHash ?? null },
    ])
    notices = noticesOf(plan.limits, plan.configHash)
    const planned = plan.waves.flat().filter(({ type }) => type === 'postgresql')
    if (planned.length === 0) throw fail('NothingToDo', `system "${input.system}" has no database whose WAL could be archived`)
    board.phase(`archiving ${planned.map(({ component }) => component).join(', ')}`)
    await archiveAll(input, plan, planned, found)
    const { databases, failures } = found
    const gaps = databases.flatMap(({ component, gaps: some }) => some.map((gap) => `${component}: ${gap}`))
    const backup = gaps.length > 0 ? await backUpAfter(gaps, input.system, plan.configHash, site, notices) : null
    if (failures.length > 0) throw failures[0]
    const outcome = gaps.length > 0 ? 'degraded' : 'succeeded'
    board.phase(outcome)
    board.outcome(outcome)
    await notices.settled()
    const record = outcome === 'succeeded' && input.point === undefined ? null : await keep(outcome, null)
    return { system: input.system, outcome, databases, backup, record }
  } catch (error) {
    if (!isFailure(error)) throw error
    await tellOfEnd(input.system, error, board, notices)
    await keep(isCancellation(error) ? 'cancelled' : 'failed', failureOf(error))
    throw isCancellation(error) ? error : fail(failureOf(error).type, `archiving WAL of ${input.system} failed: ${failureOf(error).message}`)
  }
})

export interface Found {
  readonly databases: ArchivedWal[]
  readonly failures: unknown[]
}

/** Every database is asked whatever becomes of the others. */
async function archiveAll(input: ArchiveWalInput, plan: BackupPlan, planned: readonly PlannedComponent[], found: Found): Promise<void> {
  const results = await Promise.allSettled(
    planned.map(({ component, host }) =>
      onHost(host, 'control', plan.limits).archiveWal.executeWithOptions({ summary: `archive WAL of ${component}` }, [
        { system: input.system, component, configHash: plan.configHash, ...(input.point !== undefined && { point: input.point }) },
      ]),
    ),
  )
  for (const result of results) {
    if (result.status === 'fulfilled') found.databases.push(result.value)
    else found.failures.push(result.reason)
  }
}

/** Moments inside a gap cannot be recovered; a new base makes everything after it recoverable. @returns the id of the backup's run */
async function backUpAfter(gaps: readonly string[], system: string, configHash: string, site: string, notices: Notices): Promise<string> {
  notices.send('alarm', 'critical', `WAL of ${system} has a gap`, `${gaps.join('\n')}\nA full backup is started; moments inside the gap cannot be recovered.`)
  const workflowId = `backup/${system}/after-gap-${workflowInfo().runId}`
  await startChild(backupSystem, {
    workflowId,
    args: [{ system, configHash }],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    staticSummary: `full backup of ${system} after a gap in its WAL`,
    memo: { site },
  })
  return workflowId
}

async function tellOfEnd(system: string, error: unknown, board: ProgressBoard, notices: Notices): Promise<void> {
  const outcome: Outcome = isCancellation(error) ? 'cancelled' : 'failed'
  board.phase(outcome)
  board.outcome(outcome)
  await CancellationScope.nonCancellable(async () => {
    if (outcome === 'failed') notices.send('failed', 'critical', `archiving WAL of ${system} failed`, failureOf(error).message)
    await notices.settled()
  })
}
