/**
 * Rehearses a recovery in quarantine: nothing in service is touched, nothing can reach what is restored.
 *
 *  1. plan                  which recovery point, which backups, on which host        undo: remove the drill's folder
 *  2. restore aside         replayed to the target, held there                        undo: stop it, remove it
 *  3. check                 the configured checks, read-only; trees against their index; the drill's smoke command
 *  4. promote               the engine becomes writable, in quarantine
 *  5. clean up              always: also after a failure and a cancellation
 *  6. evidence              signed, in every store; also of a drill that failed
 *
 * There is no point of no return: everything is undone in any case.
 */
import { CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow'
import type { DrillPlan } from '../activities/host/drill/plan-drill.ts'
import type { Promoted } from '../activities/host/restore/types.ts'
import type { FilesDecision } from '../domain/decision.ts'
import type { CheckResult } from '../domain/repository-format.ts'
import { type EvidenceCheck, evidenceWith, missedObjectives, type RunEvidence } from '../domain/evidence.ts'
import { defaultTimeLimits } from '../domain/time-limits.ts'
import { secondsBetween, toMicros } from '../domain/times.ts'
import { onSite, undoOnHost, urgentOnHost } from './activity-options.ts'
import { cutTexts, type KeptEvidence, keepEvidence } from './evidence.ts'
import { failureOf, isFailure, type PlainFailure } from './failure-of.ts'
import { type DrillInput, drillMessage } from './messages.ts'
import { createNotices } from './notices.ts'
import { fail, procedure } from './procedure.ts'
import { createProgressBoard, type Outcome } from './progress.ts'
import { siteOfQueue } from './queues.ts'
import { checkAside, promoteAside, restoreAside } from './restore/aside.ts'
import { targetOf } from './restore/evidence.ts'
import { type RestoreContext, runName, stepOf, timed, trees } from './restore/context.ts'
import { createSaga } from './saga.ts'

export interface DrillResult {
  readonly system: string
  readonly outcome: Outcome
  readonly evidence: RunEvidence
  /** Where the signed record is; null where no store took it. */
  readonly record: KeptEvidence
}

interface Rehearsal {
  readonly declaredAt: string
  host: string
  /** Known before there is a plan, so that a drill that cannot be planned has evidence too. */
  configHash: string
  plan: DrillPlan | null
  context: RestoreContext | null
  dataReadyAt: string | null
  verifiedAt: string | null
  reached: ReadonlyMap<string, string | null>
  promoted: ReadonlyMap<string, Promoted>
}

export const drill = procedure('drill', drillMessage, async (input: DrillInput): Promise<DrillResult> => {
  const board = createProgressBoard('drill', input.system)
  const site = siteOfQueue()
  const rehearsal: Rehearsal = {
    declaredAt: workflowInfo().startTime.toISOString(),
    host: '',
    configHash: input.configHash ?? '',
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
    const evidence = evidenceOf(input, rehearsal, problem, cancellation !== null, leftovers)
    const result = await conclude(input, site, board, rehearsal, evidence)
    if (cancellation !== null && leftovers.length === 0) throw cancellation
    if (problem || leftovers.length > 0)
      throw fail(problem?.type ?? 'RestoreFailed', [problem?.message ?? 'the drill was not cleaned up', ...leftovers].join('; '))
    return result
  })
})

async function rehearse(input: DrillInput, site: string, board: RestoreContext['board'], saga: RestoreContext['saga'], rehearsal: Rehearsal): Promise<void> {
  board.phase('planning')
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
  board.note([`${plan.kind}: ${plan.why}`, ...plan.decision.components.map((one) => `${one.component}: backup ${one.backup} from ${one.fromStore}`)])
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
  }
  rehearsal.context = context
  const held = await restoreAside(context)
  rehearsal.reached = new Map([...held].map(([component, { lastCommitAt }]) => [component, lastCommitAt]))
  rehearsal.dataReadyAt = new Date().toISOString()
  await checkAside(context)
  context.checks.push(...trees(context).map(treeCheck))
  if (input.drill !== undefined) await smoke(context, input.drill, host)
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

function evidenceOf(input: DrillInput, rehearsal: Rehearsal, problem: PlainFailure | null, cancelled: boolean, leftovers: readonly string[]): RunEvidence {
  const { plan, context, declaredAt, verifiedAt, dataReadyAt, host } = rehearsal
  const { workflowId, runId } = workflowInfo()
  const measured = { rtoSeconds: verifiedAt === null ? null : secondsBetween(declaredAt, verifiedAt), rpoSeconds: plan ? lossOf(rehearsal, plan) : null }
  const missed = missedObjectives(plan?.objectives ?? {}, measured)
  const checks = checksOf(rehearsal)
  const deviations = [
    ...(problem ? [`${problem.type}: ${problem.message}`] : []),
    ...missed,
    ...leftovers,
    ...(plan && checks.length === 0 ? ['no checks are configured: that the engine started and was promoted is all that is proven'] : []),
  ]
  const failed = problem !== null || leftovers.length > 0
  return evidenceWith({
    system: input.system,
    procedure: 'drill',
    kind: input.kind,
    run: { workflowId, runId },
    requestedBy: input.requestedBy ?? 'unknown',
    configHash: rehearsal.configHash,
    plan: plan?.decisionHash ?? null,
    outcome: cancelled ? 'cancelled' : failed ? 'failed' : missed.length > 0 ? 'degraded' : 'succeeded',
    host,
    target: plan?.decision.target ?? null,
    targets: (plan?.decision.components ?? []).map(targetOf),
    times: { declaredAt, approvedAt: null, dataReadyAt, serviceVerifiedAt: verifiedAt, dnsObservedAt: null, endedAt: new Date().toISOString() },
    objectives: plan?.objectives ?? {},
    measured,
    recovered: plan ? recoveredOf(rehearsal, plan) : [],
    steps: context?.steps ?? [],
    checks,
    deviations: cutTexts(deviations),
  })
}

function recoveredOf({ reached }: Rehearsal, plan: DrillPlan): RunEvidence['recovered'] {
  return plan.decision.components.map((one) => {
    const manifest = plan.manifests.find(({ component }) => component === one.component)
    return {
      component: one.component,
      backup: one.backup,
      manifestSha256: manifest?.manifestSha256 ?? null,
      fromStore: one.fromStore,
      incarnation: one.type === 'postgresql' ? one.incarnation : null,
      at: one.type === 'postgresql' ? (reached.get(one.component) ?? null) : (manifest?.endedAt ?? null),
    }
  })
}

/** What would have been lost at the moment the drill was declared; only where the newest moment was asked for. */
function lossOf(rehearsal: Rehearsal, plan: DrillPlan): number | null {
  if (plan.decision.target.kind !== 'latest' || rehearsal.dataReadyAt === null) return null
  const databases = plan.decision.components.filter(({ type }) => type === 'postgresql').map(({ component }) => component)
  const moments = recoveredOf(rehearsal, plan).filter(({ component }) => databases.length === 0 || databases.includes(component))
  const seconds = moments.flatMap(({ at }) => (at === null ? [] : [secondsBetween(at, rehearsal.declaredAt)]))
  return seconds.length === 0 ? null : Math.max(0, ...seconds)
}

function checksOf({ context, plan }: Rehearsal): readonly EvidenceCheck[] {
  const before = plan?.manifests.flatMap(({ checks }) => checks) ?? []
  return (context?.checks ?? []).map(({ name, ok, detail }) => ({ name, ok, detail, atBackup: before.find((one) => one.name === name)?.detail ?? null }))
}

/** Tells people, and keeps the record: also of a drill that failed. */
async function conclude(input: DrillInput, site: string, board: RestoreContext['board'], rehearsal: Rehearsal, evidence: RunEvidence): Promise<DrillResult> {
  const { system } = input
  const limits = rehearsal.plan?.limits ?? defaultTimeLimits
  const notices = createNotices(site, limits, { configHash: evidence.configHash || null, system, procedure: 'drill' })
  const good = evidence.outcome === 'succeeded'
  const lines = [figures(evidence), ...evidence.deviations]
  notices.send(good ? 'succeeded' : 'failed', good ? 'info' : 'critical', `drill of ${system} ${evidence.outcome}`, lines.join('\n'))
  const undelivered = await notices.settled()
  const whole = { ...evidence, delivered: notices.delivered(), undelivered }
  const record = await keepEvidence({ site, limits, board, title: `drill of ${system}` }, whole)
  board.phase(evidence.outcome)
  board.outcome(evidence.outcome)
  return { system, outcome: evidence.outcome, evidence: whole, record }
}

function figures({ measured }: RunEvidence): string {
  const text = (seconds: number | null) => (seconds === null ? 'not measured' : `${seconds.toFixed(1)} s`)
  return `back in ${text(measured.rtoSeconds)}, lost ${text(measured.rpoSeconds)}`
}
