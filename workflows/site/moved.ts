/** How the failover of one system ended, as a line of the failover of its site. */
import { ApplicationFailure, ChildWorkflowFailure, TerminatedFailure, WorkflowExecutionAlreadyStartedError } from '@temporalio/common'
import { isCancellation } from '@temporalio/workflow'
import type { SystemToMove } from '../../domain/site-failover.ts'
import { secondsBetween } from '../../domain/times.ts'
import { failureOf, type PlainFailure } from '../failure-of.ts'
import type { MoveResult } from '../move/run-move.ts'
import type { Outcome } from '../progress.ts'
import { lossSince } from '../restore/evidence.ts'
import { type SystemMoved } from './result.ts'

interface About {
  readonly toMove: SystemToMove
  readonly from: string
  readonly workflowId: string
  readonly runId: string | null
}

/** @param about.declaredAt when the failover of the site was asked for */
export function movedOf(about: About & { readonly declaredAt: string }, { outcome, plan, times, recovered, tails, record }: MoveResult): SystemMoved {
  return {
    ...known(about),
    outcome,
    problem: null,
    plan: plan.decisionHash,
    rtoSeconds: times.verifiedAt === null ? null : secondsBetween(about.declaredAt, times.verifiedAt),
    lossSeconds: lossSince(Object.entries(recovered), (component) => Boolean(tails[component]?.stopped), about.declaredAt),
    record,
  }
}

export function notMoved(about: About, error: unknown): SystemMoved {
  return { ...known(about), ...endOf(error, about), plan: null, rtoSeconds: null, lossSeconds: null, record: null }
}

function known({ toMove: { system, priority, to, rtoSeconds }, from, workflowId, runId }: About) {
  return { system, priority, from, to, workflowId, runId, objectives: { rtoSeconds } }
}

function endOf(error: unknown, { workflowId }: About): { readonly outcome: Outcome; readonly problem: PlainFailure } {
  if (error instanceof WorkflowExecutionAlreadyStartedError) {
    return { outcome: 'refused', problem: { type: 'LockHeld', message: `${workflowId} runs already, and goes on by itself: muster watch ${workflowId}` } }
  }
  const cause = error instanceof ChildWorkflowFailure ? error.cause : undefined
  if (cause instanceof TerminatedFailure) {
    return { outcome: 'failed', problem: { type: 'Cancelled', message: `${workflowId} was terminated in Temporal and could not clean up` } }
  }
  const { type, message } = failureOf(error)
  return { outcome: outcomeIn(cause) ?? (isCancellation(error) ? 'cancelled' : 'failed'), problem: { type, message } }
}

/** As a run says it that gave up. */
function outcomeIn(cause: unknown): Outcome | null {
  if (!(cause instanceof ApplicationFailure)) return null
  const [detail] = (cause.details ?? []) as { readonly outcome?: Outcome }[]
  return detail?.outcome ?? null
}
