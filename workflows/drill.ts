/**
 * Rehearses a recovery in quarantine: nothing in service is touched, nothing can reach what is restored.
 *
 *  0. readiness             of kind failover: the failover is planned at the other site, with its DNS records, its fence tried, and thrown away
 *  1. plan                  which recovery point, which backups, on which host        undo: remove the drill's folder
 *  2. restore aside         replayed to the target, held there                        undo: stop it, remove it
 *  3. check                 the configured checks, read-only; trees against their index; the drill's smoke command; of a
 *                           candidate that answers a breach, its inventory and the scanners
 *  4. promote               the engine becomes writable, in quarantine
 *  5. clean up              always: also after a failure and a cancellation
 *  6. evidence              signed, in every store; also of a drill that failed
 *
 * There is no point of no return: everything is undone in any case.
 */
import { CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow'
import type { DrillPlan } from '../activities/host/drill/plan-drill.ts'
import type { FilesDecision } from '../domain/decision.ts'
import type { CheckResult } from '../domain/repository-format.ts'
import { durationText } from '../domain/forecast.ts'
import type { RunEvidence } from '../domain/evidence.ts'
import { defaultTimeLimits } from '../domain/time-limits.ts'
import { drillEvidence, type Rehearsal } from './drill-evidence.ts'
import { toMicros } from '../domain/times.ts'
import { onSite, undoOnHost, urgentOnHost } from './activity-options.ts'
import { type KeptEvidence, keepEvidence } from './evidence.ts'
import { failureOf, isFailure, type PlainFailure } from './failure-of.ts'
import { type DrillInput, drillMessage } from './messages.ts'
import { createNotices } from './notices.ts'
import { fail, procedure } from './procedure.ts'
import { createProgressBoard, type Outcome } from './progress.ts'
import { siteOfQueue } from './queues.ts'
import { planFailover } from './readiness.ts'
import { checkAside, promoteAside, restoreAside } from './restore/aside.ts'
import { type RestoreContext, runName, stepOf, timed, trees } from './restore/context.ts'
import { refuseLess } from './restore/promise.ts'
import { createSaga } from './saga.ts'

export interface DrillResult {
  readonly system: string
  readonly outcome: Outcome
  /** Of a plan alone, nothing was done, and it is kept nowhere. */
  readonly evidence: RunEvidence
  /** Only of a plan alone. */
  readonly plan?: DrillPlan
  /** Where the signed record is; null where no store took it. */
  readonly record: KeptEvidence
}

export const drill = procedure('drill', drillMessage, async (input: DrillInput): Promise<DrillResult> => {
  const board = createProgressBoard('drill', input.system)
  const site = siteOfQueue()
  const rehearsal: Rehearsal = {
    declaredAt: workflowInfo().startTime.toISOString(),
    host: '',
    configHash: input.configHash ?? '',
    ready: { checks: [], remarks: [] },
    plan: null,
    context: null,
    dataReadyAt: null,
    verifiedAt: null,
    reached: new Map(),
    promoted: new Map(),
  }
  const saga = createSaga()
  let problem: PlainFailure | null = null
  let cancellation: Error | null = null
  try {
    await rehearse(input, site, board, saga, rehearsal)
  } catch (error) {
    if (!isFailure(error)) throw error
    problem = failureOf(error)
    if (isCancellation(error)) cancellation = error as Error
  }
  return CancellationScope.nonCancellable(async () => {
    board.phase('clean up')
    const { failed } = await saga.compensate()
    const leftovers = failed.map((one) => `left behind: "${one.compensation}" failed: ${one.message}`)
    const evidence = drillEvidence(input, rehearsal, problem, cancellation !== null, leftovers)
    const result = input.planOnly ? planned(board, rehearsal, evidence) : await conclude(input, site, board, rehearsal, evidence)
    if (cancellation !== null && leftovers.length === 0) throw cancellation
    if (problem || leftovers.length > 0)
      throw fail(problem?.type ?? 'RestoreFailed', [problem?.message ?? 'the drill was not cleaned up', ...leftovers].join('; '))
    return result
  })
})

async function rehearse(input: DrillInput, site: string, board: RestoreContext['board'], saga: RestoreContext['saga'], rehearsal: Rehearsal): Promise<void> {
  board.phase('planning')
  if (input.kind === 'failover') rehearsal.ready = await planFailover(input, site)
  const scope = await onSite(site).scopeRestore.executeWithOptions({ summary: `what ${input.system} consists of` }, [
    { system: input.system, components: input.components ?? null, configHash: input.configHash ?? null },
  ])
  const host = input.host ?? scope.components[0]?.host
  if (host === undefined) throw fail('NothingToDo', `system "${input.system}" has nothing to restore`)
  rehearsal.host = host
  rehearsal.configHash = scope.configHash
  const run = runName()
  const place = { system: input.system, configHash: scope.configHash, run }
  saga.before(`remove what the drill restored on ${host}`, () =>
    undoOnHost(host, defaultTimeLimits).releaseDrill.executeWithOptions({ summary: `remove what the drill restored on ${host}` }, [place]),
  )
  const plan = await urgentOnHost(host, 'control', defaultTimeLimits).planDrill.executeWithOptions({ summary: `plan the drill of ${input.system}` }, [
    {
      system: input.system,
      kind: input.kind,
      components: input.components ?? null,
      from: input.from ?? null,
      random: input.random ?? false,
      ...(input.to && { at: toMicros(input.to.time) }),
      host,
      configHash: scope.configHash,
      requester: input.requestedBy ?? 'unknown',
      run,
    },
  ])
  rehearsal.plan = plan
  board.note([
    `${plan.kind}: ${plan.why}`,
    durationText(plan.forecast),
    ...plan.decision.components.map((one) => `${one.component}: backup ${one.backup} from ${one.fromStore}`),
  ])
  if (input.planOnly) return
  const notices = createNotices(site, plan.limits, { configHash: scope.configHash, system: input.system, procedure: 'drill' })
  const context: RestoreContext = {
    input: { system: input.system },
    title: `drill of ${input.system}`,
    plan,
    site,
    board,
    notices,
    saga,
    corrections: { await: () => Promise.reject(fail('RestoreFailed', 'a drill waits for nobody')) },
    run,
    steps: [],
    checks: [],
    tails: new Map(),
    took: new Map(),
    restoredTrees: new Map(),
    ruled: new Map(),
  }
  rehearsal.context = context
  const held = await restoreAside(context)
  rehearsal.reached = new Map([...held].map(([component, { lastCommitAt }]) => [component, lastCommitAt]))
  rehearsal.dataReadyAt = new Date().toISOString()
  refuseLess(plan, held)
  await checkAside(context)
  context.checks.push(...trees(context).map(treeCheck))
  if (input.drill !== undefined) await smoke(context, input.drill, host)
  if (input.examine !== undefined) await examine(context, input.examine, host)
  rehearsal.promoted = await promoteAside(context)
  rehearsal.verifiedAt = new Date().toISOString()
}

/** A tree that differs from its index fails its restore; what came back is therefore what was backed up. */
function treeCheck({ component }: FilesDecision): CheckResult {
  return { name: `${component} against its index`, value: null, ok: true, detail: 'every entry is equal' }
}

async function smoke(context: RestoreContext, drill: string, host: string): Promise<void> {
  const { plan, run } = context
  const { system } = context.input
  const step = { system, configHash: plan.decision.configHash, run, drill, restored: plan.decision.components.map((one) => stepOf(context, one)) }
  await timed(context, 'smoke', () =>
    urgentOnHost(host, 'transfer', plan.limits).smokeDrill.executeWithOptions({ summary: `smoke command of ${drill}` }, [step]),
  )
  context.checks.push({ name: `smoke command of ${drill}`, value: null, ok: true, detail: 'exit code 0' })
}

/** Whether somebody who was there would come back with it: before anything of it may run. */
async function examine(context: RestoreContext, asked: NonNullable<DrillInput['examine']>, host: string): Promise<void> {
  const { plan } = context
  const restored = plan.decision.components.map((one) => stepOf(context, one))
  const step = { system: context.input.system, configHash: plan.decision.configHash, ...asked, restored }
  const { checks } = await timed(context, 'examine', () =>
    urgentOnHost(host, 'transfer', plan.limits).examineCandidate.executeWithOptions({ summary: `examine ${asked.name}` }, [step]),
  )
  context.checks.push(...checks)
}

/** Nothing was restored: there is nothing to tell and nothing to keep. */
function planned(board: RestoreContext['board'], { plan }: Rehearsal, evidence: RunEvidence): DrillResult {
  board.phase(plan ? 'planned' : evidence.outcome)
  return { system: evidence.system, outcome: evidence.outcome, evidence, ...(plan && { plan }), record: null }
}

/** Tells people, and keeps the record: also of a drill that failed. */
async function conclude(input: DrillInput, site: string, board: RestoreContext['board'], rehearsal: Rehearsal, evidence: RunEvidence): Promise<DrillResult> {
  const { system } = input
  const limits = rehearsal.plan?.limits ?? defaultTimeLimits
  const notices = createNotices(site, limits, { configHash: evidence.configHash || null, system, procedure: 'drill' })
  const good = evidence.outcome === 'succeeded'
  const lines = [figures(evidence), ...evidence.deviations]
  // That a candidate is of no use is no alarm of its own: whoever tries candidates goes on with the next.
  const severity = good || input.examine ? 'info' : 'critical'
  notices.send(good ? 'succeeded' : 'failed', severity, `drill of ${system} ${evidence.outcome}`, lines.join('\n'))
  const undelivered = await notices.settled()
  const whole = { ...evidence, delivered: notices.delivered(), undelivered }
  const record = await keepEvidence({ site, limits, board, title: `drill of ${system}` }, whole, rehearsal.plan?.decision ?? null)
  board.phase(evidence.outcome)
  board.outcome(evidence.outcome)
  return { system, outcome: evidence.outcome, evidence: whole, record }
}

function figures({ measured }: RunEvidence): string {
  const text = (seconds: number | null) => (seconds === null ? 'not measured' : `${seconds.toFixed(1)} s`)
  return `back in ${text(measured.rtoSeconds)}, lost ${text(measured.rpoSeconds)}`
}
