/**
 * Backs up a system.
 *
 *  1. plan                    which components, in which waves, to which stores
 *  2. produce (per component) read once, compress, encrypt, stage          undo: release the staging
 *  3. copy (per store)        upload, confirm, manifest last               nothing to undo: unpublished copies are swept
 *  4. pay debts               older copies that a store lacks come from another store
 *  5. release the staging
 *  6. judge                   are the required copies there? the rest is a debt
 *  7. notify
 *  8. evidence                signed, in every store; also of a run that failed
 *
 * Additive from beginning to end: there is no point of no return.
 */
import { CancellationScope, CancelledFailure, isCancellation, workflowInfo } from '@temporalio/workflow'
import type { BackupPlan, PlannedComponent } from '../activities/site/plan-backup.ts'
import type { ProducedBackup } from '../activities/host/produce-backup.ts'
import type { PublishedCopyResult } from '../activities/host/publish-copy.ts'
import { countCopies, type PlacedCopy } from '../domain/copies.ts'
import type { EvidenceStep } from '../domain/evidence.ts'
import { defaultTimeLimits, firstLimits, type TimeLimits } from '../domain/time-limits.ts'
import { onHost, onSite } from './activity-options.ts'
import { type BackupEnding, keepBackupEvidence } from './backup-evidence.ts'
import type { KeptEvidence } from './evidence.ts'
import { failureOf, isFailure, type PlainFailure } from './failure-of.ts'
import { type BackupSystemInput, backupSystemMessage } from './messages.ts'
import { createNotices, type Notices } from './notices.ts'
import { fail, procedure } from './procedure.ts'
import { createProgressBoard, type Outcome, type ProgressBoard } from './progress.ts'
import { siteOfQueue } from './queues.ts'
import { together } from './together.ts'

export interface ComponentBackup {
  readonly component: string
  readonly backup: string | null
  readonly outcome: Outcome
  readonly sizeBytes: number
  readonly plainSizeBytes: number
  readonly copies: readonly { readonly store: string; readonly objects: number; readonly manifestSha256: string; readonly place?: string }[]
  readonly debts: readonly { readonly store: string; readonly problem: PlainFailure }[]
  readonly problem: PlainFailure | null
  /** Why the staging could not be freed; the next backup sweeps it. */
  readonly staging: PlainFailure | null
  readonly startedAt: string | null
  readonly endedAt: string | null
}

export interface BackupSystemResult {
  readonly system: string
  readonly outcome: Outcome
  readonly configHash: string
  /** One recovery point: the backups of this run. */
  readonly components: readonly ComponentBackup[]
  readonly undelivered: readonly { readonly channel: string; readonly problem: string }[]
  /** Where the evidence is; null where no store took it. */
  readonly record: KeptEvidence
}

export const backupSystem = procedure('backupSystem', backupSystemMessage, async (input: BackupSystemInput): Promise<BackupSystemResult> => {
  const board = createProgressBoard('backupSystem', input.system)
  const site = siteOfQueue()
  const noticesOf = (limits: TimeLimits, configHash: string | null) =>
    createNotices(site, limits, { configHash, system: input.system, procedure: 'backupSystem' })
  let notices = noticesOf(defaultTimeLimits, input.configHash ?? null)
  const components: ComponentBackup[] = []
  const steps: EvidenceStep[] = []
  const ending = (end: Pick<BackupEnding, 'plan' | 'outcome' | 'problem'>): BackupEnding => ({ input, site, board, notices, components, steps, ...end })
  let plan: BackupPlan | null = null
  try {
    board.phase('planning')
    plan = await onSite(site, 'control', firstLimits).planBackup.executeWithOptions({ summary: `plan the backup of ${input.system}` }, [
      { system: input.system, components: input.components ?? null, configHash: input.configHash ?? null },
    ])
    notices = noticesOf(plan.limits, plan.configHash)
    notices.send('started', 'info', `backup of ${input.system} started`, '')
    for (const wave of plan.waves) {
      board.phase(`backing up ${wave.map(({ component }) => component).join(', ')}`)
      components.push(...(await backUpWave(plan, wave, input, steps)))
    }
  } catch (error) {
    if (!isFailure(error)) throw error
    await tellOfEnd(input.system, error, board, notices)
    await keepBackupEvidence(ending({ plan, outcome: isCancellation(error) ? 'cancelled' : 'failed', problem: failureOf(error) }))
    throw error
  }
  const { outcome, failure } = await judgeRun(input.system, components, board, notices)
  const record = await keepBackupEvidence(ending({ plan, outcome, problem: null }))
  if (failure) throw failure
  return { system: input.system, outcome, configHash: plan.configHash, components, undelivered: await notices.settled(), record }
})

/** A run that ends without a judgement of its copies: it could not be planned, or was cancelled. */
async function tellOfEnd(system: string, error: unknown, board: ProgressBoard, notices: Notices): Promise<void> {
  const cancelled = isCancellation(error)
  board.phase(cancelled ? 'cancelled' : 'failed')
  board.outcome(cancelled ? 'cancelled' : 'failed')
  await CancellationScope.nonCancellable(async () => {
    notices.send('failed', cancelled ? 'warning' : 'critical', `backup of ${system} ${cancelled ? 'was cancelled' : 'failed'}`, failureOf(error).message)
    await notices.settled()
  })
}

function backUpWave(plan: BackupPlan, wave: readonly PlannedComponent[], input: BackupSystemInput, steps: EvidenceStep[]): Promise<readonly ComponentBackup[]> {
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled')
  return together(wave.map((component) => () => timedBackUp(plan, component, input, steps)))
}

async function timedBackUp(plan: BackupPlan, planned: PlannedComponent, input: BackupSystemInput, steps: EvidenceStep[]): Promise<ComponentBackup> {
  const startedAt = Date.now()
  let ended: ComponentBackup | null = null
  try {
    ended = await backUp(plan, planned, input)
    return ended
  } finally {
    const isGood = ended !== null && ended.outcome !== 'failed'
    const name = `back up ${planned.component}`
    steps.push({ name, startedAt: new Date(startedAt).toISOString(), seconds: (Date.now() - startedAt) / 1000, ...(!isGood && { failed: true }) })
  }
}

async function backUp(plan: BackupPlan, planned: PlannedComponent, input: BackupSystemInput): Promise<ComponentBackup> {
  const { component, host } = planned
  const where = { system: input.system, component, configHash: plan.configHash }
  let produced: ProducedBackup | null = null
  let ending: ComponentBackup
  try {
    produced = await onHost(host, 'transfer', plan.limits).produceBackup.executeWithOptions({ summary: `read ${component}` }, [
      { ...where, kind: input.kind ?? 'full' },
    ])
    const backup = produced.backup
    const copies = await together(
      planned.stores.map(
        ({ store }) =>
          () =>
            copyTo(plan.limits, host, { ...where, backup, store }),
      ),
    )
    ending = judge(plan, planned, produced, copies)
    if (planned.stores.length > 1) await payDebts(plan.limits, host, where)
  } catch (error) {
    if (isCancellation(error)) {
      await release(plan.limits, host, input.system, component, produced?.backup ?? null)
      throw error
    }
    ending = failedComponent(component, failureOf(error))
  }
  const staging = await release(plan.limits, host, input.system, component, produced?.backup ?? null)
  return { ...ending, staging, outcome: staging && ending.outcome === 'succeeded' ? 'degraded' : ending.outcome }
}

type Copy = { readonly store: string } & ({ readonly published: PublishedCopyResult } | { readonly problem: PlainFailure })

async function copyTo(
  limits: TimeLimits,
  host: string,
  input: { system: string; component: string; backup: string; store: string; configHash: string },
): Promise<Copy> {
  try {
    const published = await onHost(host, 'copy', limits).publishCopy.executeWithOptions({ summary: `copy ${input.component} → ${input.store}` }, [input])
    return { store: input.store, published }
  } catch (error) {
    if (isCancellation(error)) throw error
    return { store: input.store, problem: failureOf(error) }
  }
}

/** Older copies that a store lacks; what cannot be paid now stays owed and is tried again by the next run. */
async function payDebts(limits: TimeLimits, host: string, where: { system: string; component: string; configHash: string }): Promise<void> {
  try {
    await onHost(host, 'copy', limits).payDebts.executeWithOptions({ summary: `pay debts of ${where.component}` }, [where])
  } catch (error) {
    if (isCancellation(error)) throw error
  }
}

/** @returns why the staging could not be freed, or null; what is published stays a backup either way */
async function release(limits: TimeLimits, host: string, system: string, component: string, backup: string | null): Promise<PlainFailure | null> {
  try {
    await CancellationScope.nonCancellable(() =>
      onHost(host, 'control', limits).releaseStaging.executeWithOptions({ summary: `free the staging of ${component}` }, [{ system, component, backup }]),
    )
    return null
  } catch (error) {
    return failureOf(error)
  }
}

/** Required copies decide success; what else is missing is a debt. */
function judge(plan: BackupPlan, planned: PlannedComponent, produced: ProducedBackup, copies: readonly Copy[]): ComponentBackup {
  const published = copies.flatMap((copy) => ('published' in copy ? [copy.published] : []))
  const debts = copies.flatMap((copy) => ('problem' in copy ? [{ store: copy.store, problem: copy.problem }] : []))
  const { met, missing } = countCopies(plan.required, placed(planned, published))
  const why = debts.map(({ store, problem }) => `${store}: ${problem.message}`)
  return {
    component: planned.component,
    backup: produced.backup,
    outcome: !met ? 'failed' : debts.length > 0 ? 'degraded' : 'succeeded',
    sizeBytes: produced.sizeBytes,
    plainSizeBytes: produced.plainSizeBytes,
    copies: published.map(({ store, objects, manifestSha256, place }) => ({ store, objects, manifestSha256, ...(place !== undefined && { place }) })),
    debts,
    problem: met ? null : { type: 'CopiesMissing', message: [missing, ...why].join('; ') },
    staging: null,
    startedAt: produced.startedAt,
    endedAt: produced.endedAt,
  }
}

/** An agent that does not say where its stores lie is believed to keep them apart, as all were before agents looked. */
function placed(planned: PlannedComponent, published: readonly PublishedCopyResult[]): readonly PlacedCopy[] {
  return planned.stores.flatMap(({ store, offHost, offSite }) => {
    const copy = published.find((one) => one.store === store)
    return copy ? [{ store, place: copy.place ?? `store:${store}`, offHost, offSite }] : []
  })
}

function failedComponent(component: string, problem: PlainFailure): ComponentBackup {
  const nothing = { backup: null, sizeBytes: 0, plainSizeBytes: 0, copies: [], debts: [], staging: null, startedAt: null, endedAt: null }
  return { component, outcome: 'failed', problem, ...nothing }
}

/** Tells people what became of the copies. */
async function judgeRun(
  system: string,
  components: readonly ComponentBackup[],
  board: ProgressBoard,
  notices: Notices,
): Promise<{ readonly outcome: 'succeeded' | 'degraded' | 'failed'; readonly failure: Error | null }> {
  const failed = components.filter(({ outcome }) => outcome === 'failed')
  const outcome = failed.length > 0 ? 'failed' : components.some((one) => one.outcome === 'degraded') ? 'degraded' : 'succeeded'
  board.phase(outcome)
  board.outcome(outcome)
  const lines = components.map(lineOf)
  if (outcome === 'failed') notices.send('failed', 'critical', `backup of ${system} failed`, lines.join('\n'))
  else notices.send('succeeded', outcome === 'degraded' ? 'warning' : 'info', `backup of ${system} ${outcome}`, lines.join('\n'))
  await notices.settled()
  const [first] = failed
  if (!first) return { outcome, failure: null }
  return {
    outcome,
    failure: fail(first.problem?.type ?? 'MusterBug', `backup of ${system} (run ${workflowInfo().runId}) failed: ${lines.join('; ')}`),
  }
}

function lineOf({ component, problem, copies, staging }: ComponentBackup): string {
  const what = problem ? problem.message : copies.map(({ store }) => store).join(', ')
  return `${component}: ${what}${staging ? `; its staging could not be freed: ${staging.message}` : ''}`
}
