/**
 * Waits for a person to approve the hash of a decision. The Update's validator refuses a
 * wrong hash, a second answer and a requester who may not, before anything is recorded.
 */
import { condition, defineUpdate } from '@temporalio/workflow'
import type { RestoreDecision } from '../../domain/decision.ts'
import { type ApproveInput, approveMessage, updateNames } from '../messages.ts'
import { fail, handleUpdate } from '../procedure.ts'

export interface Approval {
  readonly person: string
  readonly note: string | null
  /** `claimed`: a name that was typed, not proven. */
  readonly accept: 'claimed'
}

export interface ApprovalDesk {
  /** Opens the desk for a decision; answers for another hash are refused. */
  await(decision: RestoreDecision, hash: string, expirySeconds: number): Promise<Approval>
  /** Approves in the name of the requester, where the decision lets them. */
  byRequester(decision: RestoreDecision, hash: string, given: string): Approval
}

export const approveUpdate = defineUpdate<{ readonly accepted: boolean; readonly plan: string }, [ApproveInput]>(updateNames.approve)

export function createApprovalDesk(): ApprovalDesk {
  let open: { decision: RestoreDecision; hash: string } | null = null
  let answer: ApproveInput | null = null
  handleUpdate(
    approveUpdate,
    approveMessage,
    'approve or reject the plan: {"plan": "<hash>", "person": "<name>", "decision": "approve"}',
    (input) => {
      if (!open) throw fail('ApprovalRejected', 'this run has no plan that waits for approval')
      if (answer) throw fail('ApprovalRejected', `${answer.person} has already answered`)
      if (input.plan !== open.hash) throw fail('ApprovalRejected', `the plan is ${open.hash}, not ${input.plan}`)
      const { requester, requesterMay } = open.decision.approvals
      if (!requesterMay && input.person === requester) throw fail('ApprovalRejected', `${requester} asked for this restore, so another person approves it`)
    },
    (input) => {
      answer = input
      return { accepted: input.decision === 'approve', plan: input.plan }
    },
  )
  return {
    async await(decision, hash, expirySeconds) {
      open = { decision, hash }
      const answered = await condition(() => answer !== null, `${expirySeconds}s`)
      open = null
      const given = answer as ApproveInput | null
      if (!answered || !given) throw fail('ApprovalExpired', `nobody approved plan ${hash} within ${expirySeconds} s; nothing was changed`)
      if (given.decision === 'reject')
        throw fail('ApprovalRejected', `${given.person} rejected plan ${hash}${given.note ? `: ${given.note}` : ''}; nothing was changed`)
      return { person: given.person, note: given.note ?? null, accept: 'claimed' }
    },
    byRequester(decision, hash, given) {
      const { requester, requesterMay } = decision.approvals
      if (!requesterMay) throw fail('ApprovalRejected', `${requester} asked for this restore, so another person approves it`)
      if (given !== hash) throw fail('PlanChanged', `the plan is now ${hash}, not ${given}; nothing was changed`)
      return { person: requester, note: null, accept: 'claimed' }
    },
  }
}
