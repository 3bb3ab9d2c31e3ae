/** Waits for the approval of a plan, and says where and how it is given. */
import { whileUnanswered } from '../escalation.ts'
import type { Approval, ApprovalDesk } from './approval.ts'
import type { RestoreContext } from './context.ts'
import { planLines } from './summary.ts'

/** @returns who approved; nobody where nobody has to @throws ApplicationFailure ApprovalRejected | ApprovalExpired | PlanChanged */
export async function getApproval(context: RestoreContext, desk: ApprovalDesk): Promise<readonly Approval[]> {
  const { input, plan, board, notices } = context
  if (input.approve !== undefined) return [desk.byRequester(plan.decision, plan.decisionHash, input.approve)]
  const { count, accept } = plan.decision.approvals
  if (count === 0) return []
  board.plan(plan.decisionHash, { accept, count, expiresAt: plan.decision.expiresAt })
  board.phase('waiting for approval')
  const short = plan.decisionHash.slice(0, 12)
  const inUi = accept === 'signed' ? `what muster approve ${short} --print prints` : `{"plan": "${plan.decisionHash}", "person": "<name>"}`
  const how = `${count > 1 ? `${count} people: ` : ''}muster approve ${short}, or in the Temporal UI: Send an Update, approve, ${inUi}`
  const seconds = Math.max(1, Math.round((Date.parse(plan.decision.expiresAt) - Date.now()) / 1000))
  const body = [...planLines(plan), '', how].join('\n')
  return whileUnanswered(notices, { event: 'approval-needed', severity: 'warning', subject: `${context.title} waits for approval`, body }, () =>
    desk.await(plan.decision, plan.decisionHash, seconds),
  )
}
