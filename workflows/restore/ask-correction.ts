/** A pause: people are told why and what to type, one contact after the other, until one of them corrects it. */
import { workflowInfo } from '@temporalio/workflow'
import { waysOn } from '../../domain/ways-on.ts'
import { whileUnanswered } from '../escalation.ts'
import type { CorrectInput } from '../messages.ts'
import type { RestoreContext } from './context.ts'

export interface Pause {
  /** Of the notice. */
  readonly subject: string
  /** What the run says is wrong, to who asks it. */
  readonly problem: string
  /** Of the notice, before what to type; the problem where absent. */
  readonly body?: string
  readonly allowed: readonly CorrectInput['action'][]
}

/** @throws ApplicationFailure Timeout when nobody answers in time */
export function askCorrection(context: RestoreContext, { subject, problem, body = problem, allowed }: Pause): Promise<CorrectInput> {
  const lines = [body, ...waysOn(workflowInfo().workflowId, { allowed })]
  return whileUnanswered(context.notices, { event: 'alarm', severity: 'critical', subject, body: lines.join('\n') }, () =>
    context.corrections.await(problem, allowed, context.plan.limits.correctionSeconds),
  )
}
