/** What the failover of a site leaves: how each of its systems ended. What was done with one is in the evidence of its own run. */
import { workflowInfo } from '@temporalio/workflow'
import { type EvidenceOfSystem, evidenceWith, missedObjectives, type RunEvidence } from '../../domain/evidence.ts'
import { installationChain } from '../../domain/object-keys.ts'
import { isMissed, type LeftOut } from '../../domain/site-failover.ts'
import { cutTexts } from '../evidence.ts'
import type { FailoverSiteInput } from '../messages.ts'
import type { Outcome } from '../progress.ts'
import type { FailoverSiteResult, SystemMoved } from './result.ts'
import { leftOutLine } from './summary.ts'

interface SiteEnd extends Pick<FailoverSiteResult, 'systems' | 'leftOut' | 'declaredAt' | 'undelivered'>, Pick<RunEvidence, 'configHash' | 'delivered'> {
  readonly outcome: Outcome
}

/** The site was back with the last of its systems: where one was not, no recovery time was measured. */
export function siteEvidence({ site, requestedBy }: FailoverSiteInput, end: SiteEnd): RunEvidence {
  const { systems, leftOut, declaredAt, ...known } = end
  const { workflowId, runId } = workflowInfo()
  const rtoSeconds = worstOf(systems, leftOut, (one) => one.rtoSeconds)
  return evidenceWith({
    ...known,
    system: installationChain,
    procedure: 'failoverSite',
    run: { workflowId, runId },
    requestedBy: requestedBy ?? 'unknown',
    times: {
      declaredAt,
      approvedAt: null,
      dataReadyAt: null,
      serviceVerifiedAt: rtoSeconds === null ? null : new Date(Date.parse(declaredAt) + rtoSeconds * 1000).toISOString(),
      dnsObservedAt: null,
      endedAt: new Date().toISOString(),
    },
    measured: { rtoSeconds, rpoSeconds: worstOf(systems, leftOut, (one) => one.lossSeconds) },
    steps: systems.flatMap(({ system, rtoSeconds: seconds }) => (seconds === null ? [] : [{ name: `failover of ${system}`, startedAt: declaredAt, seconds }])),
    lostSite: { site, systems: systems.map(lineOf), leftOut },
    deviations: cutTexts([...systems.flatMap(deviationsOf), ...leftOut.filter(isMissed).map(leftOutLine)]),
  })
}

/** Of all that had to be moved; null where it is not known of one. */
function worstOf(systems: readonly SystemMoved[], leftOut: readonly LeftOut[], of: (one: SystemMoved) => number | null): number | null {
  const found = systems.map(of)
  if (leftOut.some(isMissed) || found.length === 0) return null
  return found.some((one) => one === null) ? null : Math.max(...found.map(Number))
}

function lineOf(moved: SystemMoved): EvidenceOfSystem {
  const { system, priority, to, outcome, workflowId, runId, plan, rtoSeconds, lossSeconds, objectives, problem, record } = moved
  return {
    system,
    priority,
    to,
    outcome,
    workflowId,
    runId,
    plan,
    rtoSeconds,
    rtoObjectiveSeconds: objectives.rtoSeconds,
    lossSeconds,
    problem: problem === null ? null : `${problem.type}: ${problem.message}`,
    evidence: record && { key: record.key, sha256: record.sha256 },
  }
}

function deviationsOf({ system, outcome, problem, rtoSeconds, objectives }: SystemMoved): readonly string[] {
  const missed = missedObjectives(objectives.rtoSeconds === null ? {} : { rtoSeconds: objectives.rtoSeconds }, { rtoSeconds, rpoSeconds: null })
  return [
    ...(problem ? [`${system} ${outcome}: ${problem.message}`] : outcome === 'succeeded' ? [] : [`${system} ${outcome}`]),
    ...missed.map((text) => `${system}: ${text}`),
  ]
}
