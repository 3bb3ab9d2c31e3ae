/**
 * Gathers while a restore runs what its evidence needs, and keeps it at the end, whatever becomes of the run: who
 * approved when, where it paused and who went on how, what came back, what was set aside.
 */
import { workflowInfo } from '@temporalio/workflow'
import type { PlanRestoreInput, Promoted, RestorePlan, SwappedIn } from '../../activities/host/restore/types.ts'
import type { ComponentDecision } from '../../domain/decision.ts'
import {
  type EvidenceApproval,
  type EvidenceExpected,
  type EvidenceMove,
  type EvidenceOutcome,
  type EvidenceTarget,
  evidenceWith,
  type RecoveredComponent,
  type RunEvidence,
} from '../../domain/evidence.ts'
import { wholeSeconds, withWaits } from '../../domain/run-time.ts'
import { defaultTimeLimits } from '../../domain/time-limits.ts'
import { secondsBetween } from '../../domain/times.ts'
import { cutTexts, type KeptEvidence, keepEvidence, leavesEvidence } from '../evidence.ts'
import { failureOf, type PlainFailure } from '../failure-of.ts'
import type { ProgressBoard } from '../progress.ts'
import type { Approval } from './approval.ts'
import type { RestoreContext } from './context.ts'
import type { CorrectionDesk } from './correction.ts'

/** What a restore brought back and set aside; empty where it did not come that far. */
export interface RestoredState {
  readonly promoted: ReadonlyMap<string, Promoted>
  readonly incarnations: ReadonlyMap<string, string>
  readonly safety: SwappedIn['safety']
}

/** Of the input of a restore or a move, what is kept. */
export interface DossierInput {
  readonly system: string
  readonly requestedBy?: string | undefined
  readonly configHash?: string | undefined
  readonly planOnly?: boolean | undefined
}

export interface Dossier {
  /** Says when it was approved, and by whom. */
  approved(given: readonly Approval[]): void
  /** Says what is in place, before it is opened to users. */
  reached(state: RestoredState): void
  /** The desk, with each pause and answer noted. */
  watching(desk: CorrectionDesk): CorrectionDesk
  /** Evidence of a run that could not be planned. */
  keepUnplanned(site: string, board: ProgressBoard, error: unknown, outcome: EvidenceOutcome): Promise<KeptEvidence>
  keepSucceeded(context: RestoreContext, state: RestoredState): Promise<KeptEvidence>
  /** @param remarks what state the system is in */
  keepFailed(context: RestoreContext, problem: PlainFailure, outcome: EvidenceOutcome, remarks: readonly string[]): Promise<KeptEvidence>
}

/** What a move adds. */
export interface MoveFacts {
  readonly title: string
  /** When data were ready, the service verified and the answer observed, as far as it came. */
  readonly times: () => { readonly dataReadyAt: string | null; readonly serviceVerifiedAt: string | null; readonly dnsObservedAt: string | null }
  readonly move: () => EvidenceMove | null
}

const nothing: RestoredState = { promoted: new Map(), incarnations: new Map(), safety: [] }

export function openDossier(procedure: PlanRestoreInput['procedure'], input: DossierInput, facts?: MoveFacts): Dossier {
  const { workflowId, runId, startTime } = workflowInfo()
  const declaredAt = startTime.toISOString()
  const pauses: string[] = []
  const waits: { readonly startedAt: string; readonly seconds: number }[] = []
  let inPlace = nothing
  let approvals: readonly Approval[] = []
  let approvedAt: string | null = null
  const title = facts?.title ?? `restore of ${input.system}`
  const known = {
    system: input.system,
    procedure: procedure === 'drill' ? ('restoreSystem' as const) : procedure,
    run: { workflowId, runId },
    requestedBy: input.requestedBy ?? 'unknown',
  }
  const timesOf = (reached: Reached): RunEvidence['times'] => ({ declaredAt, approvedAt, ...reached, endedAt: new Date().toISOString() })
  const keep = async (context: RestoreContext, state: RestoredState, ending: Pick<RunEvidence, 'outcome' | 'deviations'>) => {
    const { site, board, plan, notices, checks } = context
    const steps = withWaits(context.steps, waits)
    const move = facts?.move() ?? null
    const undelivered = await notices.settled()
    const reached = facts?.times() ?? {
      dataReadyAt: endOf(context, ['restore aside', 'replay the tail']),
      serviceVerifiedAt: endOf(context, ['health']),
      dnsObservedAt: null,
    }
    const rtoSeconds = reached.serviceVerifiedAt === null ? null : secondsBetween(declaredAt, reached.serviceVerifiedAt)
    return keepEvidence(
      { site, board, limits: plan.limits, title },
      evidenceWith({
        ...known,
        kind: plan.decision.mode === 'move' ? null : plan.decision.mode,
        approvals: approvals.map(plainApproval),
        reviewDue: reviewDue(approvals),
        configHash: plan.decision.configHash,
        plan: plan.decisionHash,
        host: plan.decision.components[0]?.host ?? '',
        target: plan.decision.target,
        targets: plan.decision.components.map(targetOf),
        times: timesOf(reached),
        measured: { rtoSeconds, rpoSeconds: lossOf(context, state, declaredAt) },
        expected: expectedOf(plan, ending.outcome === 'succeeded' ? wholeSeconds({ procedure: known.procedure, steps, move }) : null),
        recovered: reached.dataReadyAt === null && plan.decision.mode !== 'back' ? [] : plan.decision.components.map((one) => recoveredOf(context, state, one)),
        move,
        setAside: state.safety,
        steps,
        checks: checks.map(({ name, ok, detail }) => ({ name, ok, detail, atBackup: null })),
        delivered: notices.delivered(),
        undelivered,
        ...ending,
      }),
      plan.decision,
    )
  }
  return {
    approved(given) {
      approvals = given
      if (given.length > 0) approvedAt = new Date().toISOString()
    },
    reached(state) {
      inPlace = state
    },
    watching: (desk) => ({
      async await(problem, allowed, withinSeconds) {
        pauses.push(`paused: ${problem}`)
        const startedAt = new Date().toISOString()
        const answer = await desk.await(problem, allowed, withinSeconds)
        waits.push({ startedAt, seconds: (Date.now() - Date.parse(startedAt)) / 1000 })
        const stores = answer.stores?.length ? ` ${answer.stores.join(', ')}` : ''
        pauses.push(`${answer.person} went on with "${answer.action}${stores}": ${answer.reason}`)
        return answer
      },
    }),
    async keepUnplanned(site, board, error, outcome) {
      const problem = failureOf(error)
      if (input.planOnly || !leavesEvidence(problem)) return null
      const evidence = evidenceWith({
        ...known,
        configHash: input.configHash ?? '',
        outcome,
        times: timesOf(notReached),
        deviations: cutTexts([textOf(problem)]),
      })
      return keepEvidence({ site, board, limits: defaultTimeLimits, title }, evidence)
    },
    keepSucceeded: (context, state) => keep(context, state, { outcome: 'succeeded', deviations: cutTexts([...pauses, ...deviationsOf(context)]) }),
    keepFailed: (context, problem, outcome, remarks) =>
      keep(context, context.saga.sealed ? inPlace : nothing, { outcome, deviations: cutTexts([textOf(problem), ...pauses, ...remarks]) }),
  }
}

/** What the rules of trees did not do, or could not. */
function deviationsOf({ ruled }: RestoreContext): readonly string[] {
  return [...ruled.values()].flatMap(({ deviations }) => deviations)
}

type Reached = Pick<RunEvidence['times'], 'dataReadyAt' | 'serviceVerifiedAt' | 'dnsObservedAt'>

const notReached: Reached = { dataReadyAt: null, serviceVerifiedAt: null, dnsObservedAt: null }

function textOf({ type, message }: PlainFailure): string {
  return `${type}: ${message}`
}

/** When the last of these phases ended well; null where none did. */
function endOf({ steps }: RestoreContext, names: readonly string[]): string | null {
  const step = steps.findLast(({ name, failed }) => names.includes(name) && !failed)
  return step ? new Date(Date.parse(step.startedAt) + step.seconds * 1000).toISOString() : null
}

function plainApproval({ person, accept, key, note, breakGlass }: Approval): EvidenceApproval {
  return { person, accept, key: key ?? null, note, breakGlass: breakGlass ?? false }
}

function reviewDue(approvals: readonly Approval[]): string | null {
  const broken = approvals.find(({ breakGlass }) => breakGlass)
  return broken ? `${broken.person} broke the glass: ${broken.note ?? 'no reason is recorded'}` : null
}

export function targetOf(one: ComponentDecision): EvidenceTarget {
  const { component, host } = one
  if (one.type === 'postgresql') return { component, host, paths: [one.directory], identity: one.identity }
  return { component, host, paths: one.members.map(({ into }) => into), identity: null }
}

/** What was forecast, and what it was. */
export function expectedOf({ forecast: { durationSeconds, durationBasis } }: RestorePlan, took: number | null): EvidenceExpected {
  return { seconds: durationSeconds, basis: durationBasis, measuredSeconds: took }
}

function recoveredOf({ plan, took }: RestoreContext, { promoted, incarnations }: RestoredState, one: ComponentDecision): RecoveredComponent {
  const { component, backup, fromStore } = one
  const planned = plan.forecast.recoveryPoint.find((point) => point.component === component)?.at ?? null
  const at = one.type === 'postgresql' ? (promoted.get(component)?.lastCommitAt ?? null) : planned
  const measures = took.get(component)
  return { component, backup, manifestSha256: null, fromStore, incarnation: incarnations.get(component) ?? null, at, ...(measures && { took: measures }) }
}

/**
 * What was lost at the moment the restore was asked for, at most; only where the newest moment was. Nothing is where
 * the stopped server's WAL was replayed to its end.
 */
function lossOf({ plan, tails }: RestoreContext, { promoted }: RestoredState, declaredAt: string): number | null {
  if (plan.decision.target.kind !== 'latest' || !['in-place', 'move'].includes(plan.decision.mode) || promoted.size === 0) return null
  return lossSince([...promoted], (component) => Boolean(tails.get(component)?.stopped), declaredAt)
}

/** @param recovered newest commit that came back, by database @param isWhole whether WAL came along to the end of the stopped server's */
export function lossSince(
  recovered: readonly (readonly [string, { readonly lastCommitAt: string | null }])[],
  isWhole: (component: string) => boolean,
  declaredAt: string,
): number | null {
  const losses = recovered.flatMap(([component, { lastCommitAt }]) => {
    if (isWhole(component)) return [0]
    return lastCommitAt === null ? [] : [Math.max(0, secondsBetween(lastCommitAt, declaredAt))]
  })
  return losses.length === 0 ? null : Math.max(...losses)
}
