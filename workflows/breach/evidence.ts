/** What the answer to a breach leaves, however it ended. The move has evidence of its own, and each candidate too. */
import { workflowInfo } from '@temporalio/workflow'
import { type EvidenceOutcome, evidenceWith, missedObjectives, type RunEvidence } from '../../domain/evidence.ts'
import { secondsBetween } from '../../domain/times.ts'
import { cutTexts } from '../evidence.ts'
import type { PlainFailure } from '../failure-of.ts'
import type { MoveResult } from '../messages.ts'
import type { Approval } from '../restore/approval.ts'
import type { BreachContext } from './context.ts'

export interface BreachEnd {
  readonly outcome: EvidenceOutcome
  readonly declaredAt: string
  readonly approvedAt: string | null
  readonly approvals: readonly Approval[]
  readonly moved: MoveResult | null
  /** The chosen moment; null where none was. */
  readonly point: string | null
  readonly problem: PlainFailure | null
}

export function breachEvidence(context: BreachContext, end: BreachEnd): RunEvidence {
  const { plan, input, review } = context
  const { decision } = plan
  const { workflowId, runId } = workflowInfo()
  const verifiedAt = end.moved?.times.verifiedAt ?? null
  const measured = { rtoSeconds: verifiedAt === null ? null : secondsBetween(end.declaredAt, verifiedAt), rpoSeconds: null }
  const record = end.moved?.record
  return evidenceWith({
    system: input.system,
    procedure: 'respondToBreach',
    kind: null,
    run: { workflowId, runId },
    requestedBy: input.requestedBy ?? 'unknown',
    approvals: end.approvals.map(({ person, accept, key, note, breakGlass }) => ({ person, accept, key: key ?? null, note, breakGlass: breakGlass ?? false })),
    reviewDue: `hosts ${decision.suspects.join(', ')} are under suspicion since ${decision.since}`,
    configHash: decision.configHash,
    plan: plan.decisionHash,
    outcome: end.outcome,
    host: plan.scope.hosts[0] ?? '',
    target: end.point === null ? null : { kind: 'time', time: end.point },
    times: {
      declaredAt: end.declaredAt,
      approvedAt: end.approvedAt,
      dataReadyAt: end.moved?.times.dataReadyAt ?? null,
      serviceVerifiedAt: verifiedAt,
      dnsObservedAt: end.moved?.times.dnsObservedAt ?? null,
      endedAt: new Date().toISOString(),
    },
    objectives: plan.objectives,
    measured,
    move: { from: decision.from, to: decision.to, fence: end.moved?.fence ?? null, dns: end.moved?.dns ?? [] },
    steps: context.steps,
    checks: context.checks.map(({ name, ok, detail }) => ({ name, ok, detail, atBackup: null })),
    deviations: cutTexts([
      ...(end.problem ? [`${end.problem.type}: ${end.problem.message}`] : []),
      ...missedObjectives(plan.objectives, measured),
      ...(end.point === null ? [] : [`what was committed or written after ${end.point} was left, as it was meant`]),
      ...(record ? [`the move has a record of its own: ${record.key}`] : []),
      ...context.copies.map(({ component, backup, store, manifestSha256 }) => `forensic copy of ${component}: ${store}: ${backup}, manifest ${manifestSha256}`),
      ...review,
    ]),
  })
}
