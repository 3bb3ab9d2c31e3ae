/** What a drill leaves: what it brought back, how long that took, and what was not as it should be. */
import { workflowInfo } from '@temporalio/workflow'
import type { DrillPlan } from '../activities/host/drill/plan-drill.ts'
import type { Promoted } from '../activities/host/restore/types.ts'
import { type DrillAsked, type EvidenceCheck, evidenceWith, missedObjectives, type RunEvidence } from '../domain/evidence.ts'
import { wholeSeconds } from '../domain/run-time.ts'
import { shrunkText } from '../domain/shrunk-checks.ts'
import { secondsBetween } from '../domain/times.ts'
import { cutTexts } from './evidence.ts'
import type { PlainFailure } from './failure-of.ts'
import type { DrillInput } from './messages.ts'
import type { Readiness } from './readiness.ts'
import type { RestoreContext } from './restore/context.ts'
import { expectedOf, targetOf } from './restore/evidence.ts'

/** How far a drill came. */
export interface Rehearsal {
  readonly declaredAt: string
  host: string
  /** Known before there is a plan, so that a drill that cannot be planned has evidence too. */
  configHash: string
  /** Of kind failover: what its plan showed. */
  ready: Readiness
  plan: DrillPlan | null
  context: RestoreContext | null
  dataReadyAt: string | null
  verifiedAt: string | null
  reached: ReadonlyMap<string, string | null>
  promoted: ReadonlyMap<string, Promoted>
}

export function drillEvidence(
  input: DrillInput,
  rehearsal: Rehearsal,
  problem: PlainFailure | null,
  cancelled: boolean,
  leftovers: readonly string[],
): RunEvidence {
  const { plan, context, declaredAt, verifiedAt, dataReadyAt, host } = rehearsal
  const { workflowId, runId } = workflowInfo()
  const measured = { rtoSeconds: verifiedAt === null ? null : secondsBetween(declaredAt, verifiedAt), rpoSeconds: plan ? lossOf(rehearsal, plan) : null }
  const missed = missedObjectives(plan?.objectives ?? {}, measured)
  const { checks, shrunk } = checksOf(rehearsal)
  const remarks = [...missed, ...shrunk, ...rehearsal.ready.remarks]
  const proofs = checks.length - rehearsal.ready.checks.length
  const deviations = [
    ...(problem ? [`${problem.type}: ${problem.message}`] : []),
    ...missed,
    ...shrunk,
    ...leftovers,
    ...rehearsal.ready.remarks,
    ...(plan && proofs === 0 ? ['no checks are configured: that the engine started and was promoted is all that is proven'] : []),
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
    outcome: cancelled ? 'cancelled' : failed ? 'failed' : remarks.length > 0 ? 'degraded' : 'succeeded',
    host,
    asked: askedOf(input),
    target: plan?.decision.target ?? null,
    targets: (plan?.decision.components ?? []).map(targetOf),
    times: { declaredAt, approvedAt: null, dataReadyAt, serviceVerifiedAt: verifiedAt, dnsObservedAt: null, endedAt: new Date().toISOString() },
    objectives: plan?.objectives ?? {},
    measured,
    ...(plan && context && { expected: expectedOf(plan, verifiedAt === null ? null : wholeSeconds({ procedure: 'drill', steps: context.steps, move: null })) }),
    recovered: plan ? recoveredOf(rehearsal, plan) : [],
    steps: context?.steps ?? [],
    checks,
    deviations: cutTexts(deviations),
  })
}

function askedOf({ components, from, random, to, drill, examine }: DrillInput): DrillAsked {
  return {
    components: components ?? null,
    from: from ?? null,
    random: random ?? false,
    to: to?.time ?? null,
    drill: drill ?? null,
    examined: examine !== undefined,
  }
}

function recoveredOf({ reached, context }: Rehearsal, plan: DrillPlan): RunEvidence['recovered'] {
  return plan.decision.components.map((one) => {
    const manifest = plan.manifests.find(({ component }) => component === one.component)
    const took = context?.took.get(one.component)
    return {
      component: one.component,
      backup: one.backup,
      manifestSha256: manifest?.manifestSha256 ?? null,
      fromStore: one.fromStore,
      incarnation: one.type === 'postgresql' ? one.incarnation : null,
      at: one.type === 'postgresql' ? (reached.get(one.component) ?? null) : (manifest?.endedAt ?? null),
      ...(took && { took }),
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

/** Checks of two databases may have one name: both lists are in the order of the plan. */
function checksOf({ context, plan, ready }: Rehearsal): { readonly checks: readonly EvidenceCheck[]; readonly shrunk: readonly string[] } {
  const before = plan?.manifests.flatMap(({ checks }) => checks) ?? []
  const pairs = [...ready.checks, ...(context?.checks ?? [])].map((now) => {
    const index = before.findIndex(({ name }) => name === now.name)
    return { now, was: index < 0 ? undefined : before.splice(index, 1)[0] }
  })
  return {
    checks: pairs.map(({ now: { name, ok, detail }, was }) => ({ name, ok, detail, atBackup: was?.detail ?? null })),
    shrunk: pairs.flatMap(({ now, was }) => shrunkText(now, was) ?? []),
  }
}
