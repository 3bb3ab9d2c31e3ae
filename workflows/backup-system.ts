/**
 * Backs up a system.
 *
 *  1. plan                    which components, in which waves, to which stores
 *  2. produce (per component) read once, compress, encrypt, stage          undo: release the staging
 *  3. copy (per store)        upload, confirm, manifest last               nothing to undo: unpublished copies are swept
 *  4. release the staging
 *  5. judge                   are the required copies there? the rest is a debt
 *  6. notify
 *
 * Additive from beginning to end: there is no point of no return.
 */
import { CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow'
import type { BackupPlan, PlannedComponent } from '../activities/site/plan-backup.ts'
import type { ProducedBackup } from '../activities/host/produce-backup.ts'
import type { PublishedCopyResult } from '../activities/host/publish-copy.ts'
import type { TimeLimits } from '../domain/time-limits.ts'
import { onHost, onSite } from './activity-options.ts'
import { failureOf, type PlainFailure } from './failure-of.ts'
import { type BackupSystemInput, backupSystemMessage } from './messages.ts'
import { createNotices } from './notices.ts'
import { fail, procedure } from './procedure.ts'
import { createProgressBoard, type Outcome } from './progress.ts'
import { siteOfQueue } from './queues.ts'

export interface ComponentBackup {
  readonly component: string
  readonly backup: string | null
  readonly outcome: Outcome
  readonly sizeBytes: number
  readonly plainSizeBytes: number
  readonly copies: readonly { readonly store: string; readonly objects: number; readonly manifestSha256: string }[]
  readonly debts: readonly { readonly store: string; readonly problem: PlainFailure }[]
  readonly problem: PlainFailure | null
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
}

export const backupSystem = procedure(backupSystemMessage, async (input: BackupSystemInput): Promise<BackupSystemResult> => {
  const board = createProgressBoard('backupSystem', input.system)
  const site = siteOfQueue()
  board.phase('planning')
  const plan = await onSite(site).planBackup.executeWithOptions({ summary: `plan the backup of ${input.system}` }, [
    { system: input.system, components: input.components ?? null, configHash: input.configHash ?? null },
  ])
  const notices = createNotices(site, plan.limits, { configHash: plan.configHash, system: input.system, procedure: 'backupSystem' })
  notices.send('started', 'info', `backup of ${input.system} started`, '')
  const components: ComponentBackup[] = []
  try {
    for (const wave of plan.waves) {
      board.phase(`backing up ${wave.map(({ component }) => component).join(', ')}`)
      const done = await Promise.all(wave.map((component) => backUp(plan, component, input)))
      components.push(...done)
    }
  } catch (error) {
    board.outcome(isCancellation(error) ? 'cancelled' : 'failed')
    await CancellationScope.nonCancellable(async () => {
      notices.send('failed', 'warning', `backup of ${input.system} ${isCancellation(error) ? 'was cancelled' : 'failed'}`, failureOf(error).message)
      await notices.settled()
    })
    throw error
  }
  return finish(input.system, plan, components, board, notices)
})

async function backUp(plan: BackupPlan, planned: PlannedComponent, input: BackupSystemInput): Promise<ComponentBackup> {
  const { component, host } = planned
  const where = { system: input.system, component, configHash: plan.configHash }
  let produced: ProducedBackup | null = null
  try {
    produced = await onHost(host, 'transfer', plan.limits).produceBackup.executeWithOptions({ summary: `read ${component}` }, [
      { ...where, kind: input.kind ?? 'full' },
    ])
    const backup = produced.backup
    const copies = await Promise.all(planned.stores.map(({ store }) => copyTo(plan.limits, host, { ...where, backup, store })))
    return judge(plan, planned, produced, copies)
  } catch (error) {
    if (isCancellation(error)) throw error
    return failedComponent(component, failureOf(error))
  } finally {
    await release(plan.limits, host, input.system, component, produced?.backup ?? null)
  }
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

async function release(limits: TimeLimits, host: string, system: string, component: string, backup: string | null): Promise<void> {
  await CancellationScope.nonCancellable(() =>
    onHost(host, 'control', limits).releaseStaging.executeWithOptions({ summary: `free the staging of ${component}` }, [{ system, component, backup }]),
  )
}

/** Required copies decide success; what else is missing is a debt. */
function judge(plan: BackupPlan, planned: PlannedComponent, produced: ProducedBackup, copies: readonly Copy[]): ComponentBackup {
  const published = copies.flatMap((copy) => ('published' in copy ? [copy.published] : []))
  const debts = copies.flatMap((copy) => ('problem' in copy ? [{ store: copy.store, problem: copy.problem }] : []))
  const facts = planned.stores.filter(({ store }) => published.some((copy) => copy.store === store))
  const missing = [
    facts.length < plan.required.total && `${facts.length} of ${plan.required.total} copies`,
    facts.filter(({ offHost }) => offHost).length < plan.required.offHost && `too few off-host copies (${plan.required.offHost} required)`,
    facts.filter(({ offSite }) => offSite).length < plan.required.offSite && `too few off-site copies (${plan.required.offSite} required)`,
  ].filter((text) => text !== false)
  const why = debts.map(({ store, problem }) => `${store}: ${problem.message}`).join('; ')
  return {
    component: planned.component,
    backup: produced.backup,
    outcome: missing.length > 0 ? 'failed' : debts.length > 0 ? 'degraded' : 'succeeded',
    sizeBytes: produced.sizeBytes,
    plainSizeBytes: produced.plainSizeBytes,
    copies: published.map(({ store, objects, manifestSha256 }) => ({ store, objects, manifestSha256 })),
    debts,
    problem: missing.length > 0 ? { type: 'CopiesMissing', message: `${missing.join(', ')} — ${why}` } : null,
    startedAt: produced.startedAt,
    endedAt: produced.endedAt,
  }
}

function failedComponent(component: string, problem: PlainFailure): ComponentBackup {
  const nothing = { backup: null, sizeBytes: 0, plainSizeBytes: 0, copies: [], debts: [], startedAt: null, endedAt: null }
  return { component, outcome: 'failed', problem, ...nothing }
}

async function finish(
  system: string,
  plan: BackupPlan,
  components: readonly ComponentBackup[],
  board: ReturnType<typeof createProgressBoard>,
  notices: ReturnType<typeof createNotices>,
): Promise<BackupSystemResult> {
  const failed = components.filter(({ outcome }) => outcome === 'failed')
  const outcome: Outcome = failed.length > 0 ? 'failed' : components.some(({ outcome }) => outcome === 'degraded') ? 'degraded' : 'succeeded'
  board.phase(outcome)
  board.outcome(outcome)
  const lines = components.map((one) => `${one.component}: ${one.problem ? one.problem.message : `${one.copies.map(({ store }) => store).join(', ')}`}`)
  if (outcome === 'failed') notices.send('failed', 'critical', `backup of ${system} failed`, lines.join('\n'))
  else notices.send('succeeded', outcome === 'degraded' ? 'warning' : 'info', `backup of ${system} ${outcome}`, lines.join('\n'))
  const undelivered = await notices.settled()
  if (failed.length > 0) {
    const [first] = failed
    throw fail(first?.problem?.type ?? 'MusterBug', `backup of ${system} (run ${workflowInfo().runId}) failed: ${lines.join('; ')}`)
  }
  return { system, outcome, configHash: plan.configHash, components, undelivered }
}
