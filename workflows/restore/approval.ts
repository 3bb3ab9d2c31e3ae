/**
 * Waits until enough people have approved the hash of a decision. What can be judged from the answer alone is refused
 * by the Update's validator, before anything is recorded; a signature is proven by an activity, and an answer that does
 * not pass leaves its attempt in the history.
 */
import { condition, defineUpdate } from '@temporalio/workflow'
import { type ApprovalStatement, isFenceNote, refusalOf } from '../../domain/approval.ts'
import type { RestoreDecision } from '../../domain/decision.ts'

/** What the desk needs of whatever is approved. */
export type Approvable = Pick<RestoreDecision, 'approvals' | 'expiresAt' | 'configHash'>

import { type ApproveInput, approveMessage, updateNames } from '../messages.ts'
import { fail, handleUpdate } from '../procedure.ts'

export interface Approval {
  readonly person: string
  readonly note: string | null
  /** `claimed`: a name that was typed, not proven. `signed`: proven with the person's key. */
  readonly accept: 'claimed' | 'signed'
  /** Fingerprint of the key that signed. */
  readonly key?: string
  /** One person in place of all who would be needed; the note is the reason. */
  readonly breakGlass?: true
}

export interface ApprovalDesk {
  /**
   * Opens the desk for a decision; answers for another hash are refused.
   * @returns who approved; one person where the glass was broken
   */
  await(decision: Approvable, hash: string, expirySeconds: number): Promise<readonly Approval[]>
  /** Approves in the name of the requester, where the decision lets them. */
  byRequester(decision: Approvable, hash: string, given: string): Approval
}

export interface ApprovalDeskDeps {
  /** Workflow id and run id, as they are signed. */
  readonly run: string
  /** Proves a signature. @returns the fingerprint of the key @throws ApplicationFailure ApprovalRejected | ApprovalExpired */
  readonly verify: (statement: ApprovalStatement, configHash: string, signature: string) => Promise<string>
  /** Told of each approval that counts. */
  readonly counted: (given: readonly Approval[], needed: number) => void
}

export interface AnswerResult {
  readonly accepted: boolean
  readonly plan: string
  /** How many more people are needed. */
  readonly missing?: number
}

export const approveUpdate = defineUpdate<AnswerResult, [ApproveInput]>(updateNames.approve)

interface OpenPlan {
  readonly decision: Approvable
  readonly hash: string
  readonly given: Approval[]
  rejected: { readonly person: string; readonly note: string | null } | null
}

export function createApprovalDesk(deps: ApprovalDeskDeps): ApprovalDesk {
  let open: OpenPlan | null = null
  let ended: OpenPlan | null = null
  handleUpdate(
    approveUpdate,
    approveMessage,
    'approve or reject the plan: {"plan": "<hash>", "person": "<name>", "decision": "approve"}; where signatures are asked for, muster approve HASH --print gives the whole input',
    (input) => {
      refuse(open ?? ended, open !== null, input)
    },
    async (input) => {
      const plan = open as OpenPlan
      const { accept } = plan.decision.approvals
      const key = accept === 'signed' ? await deps.verify(statementOf(plan, deps.run, input), plan.decision.configHash, input.signature ?? '') : undefined
      // While the signature was proven another answer may have ended the wait.
      if (key !== undefined) refuse(plan, open !== null, input)
      return take(plan, input, accept, key, deps)
    },
  )
  return {
    async await(decision, hash, expirySeconds) {
      const plan: OpenPlan = { decision, hash, given: [], rejected: null }
      open = plan
      const answered = await condition(() => plan.rejected !== null || isEnough(plan), `${expirySeconds}s`)
      open = null
      ended = plan
      if (plan.rejected) {
        const { person, note } = plan.rejected
        throw fail('ApprovalRejected', `${person} rejected plan ${hash}${note ? `: ${note}` : ''}; nothing was changed`)
      }
      if (!answered) throw fail('ApprovalExpired', `${missingText(plan)} plan ${hash} within ${expirySeconds} s; nothing was changed`)
      return plan.given
    },
    byRequester(decision, hash, given) {
      const { requester, accept, count } = decision.approvals
      if (accept === 'signed') throw fail('ApprovalRejected', 'this system asks for signed approvals: start without "approve", then sign: muster approve HASH')
      const refusal = refusalOf(decision.approvals, { person: requester, decision: 'approve', breakGlass: false }, [])
      if (refusal !== null) throw fail('ApprovalRejected', refusal)
      if (count > 1) throw fail('ApprovalRejected', `${count} people have to approve this`)
      if (given !== hash) throw fail('PlanChanged', `the plan is now ${hash}, not ${given}; nothing was changed`)
      return { person: requester, note: null, accept: 'claimed' }
    },
  }
}

/** What is wrong with an answer before its signature is looked at. @throws ApplicationFailure ApprovalRejected */
function refuse(plan: OpenPlan | null, isOpen: boolean, input: ApproveInput): void {
  if (!plan) throw fail('ApprovalRejected', 'this run has no plan that waits for approval')
  if (!isOpen || plan.rejected || isEnough(plan)) {
    const people = plan.rejected ? [plan.rejected.person] : plan.given.map(({ person }) => person)
    throw fail('ApprovalRejected', `${people.join(' and ') || 'nobody'} ${people.length > 1 ? 'have' : 'has'} already answered`)
  }
  if (input.plan !== plan.hash) throw fail('ApprovalRejected', `the plan is ${plan.hash}, not ${input.plan}`)
  const { decision } = plan
  if (decision.approvals.accept === 'signed' && input.signature === undefined) {
    throw fail('ApprovalRejected', `this plan takes signed approvals only: muster approve ${plan.hash.slice(0, 12)}`)
  }
  if (isFenceNote(input.note)) throw fail('InvalidInput', 'a note that begins with "fence:" is what people sign about the old side, not an approval')
  if (input.breakGlass && !input.note) throw fail('InvalidInput', 'breakGlass needs a note that says why')
  const refusal = refusalOf(
    decision.approvals,
    { person: input.person, decision: input.decision, breakGlass: input.breakGlass ?? false },
    plan.given.map(({ person }) => person),
  )
  if (refusal !== null) throw fail('ApprovalRejected', refusal)
}

function take(plan: OpenPlan, input: ApproveInput, accept: Approval['accept'], key: string | undefined, deps: ApprovalDeskDeps): AnswerResult {
  const note = input.note ?? null
  if (input.decision === 'reject') {
    plan.rejected = { person: input.person, note }
    return { accepted: false, plan: input.plan }
  }
  plan.given.push({ person: input.person, note, accept, ...(key !== undefined && { key }), ...(input.breakGlass && { breakGlass: true }) })
  deps.counted(plan.given, plan.decision.approvals.count)
  const missing = isEnough(plan) ? 0 : plan.decision.approvals.count - plan.given.length
  return { accepted: true, plan: input.plan, ...(missing > 0 && { missing }) }
}

function isEnough(plan: OpenPlan): boolean {
  return plan.given.length >= plan.decision.approvals.count || plan.given.some(({ breakGlass }) => breakGlass)
}

function missingText({ given, decision }: OpenPlan): string {
  if (given.length === 0) return 'nobody approved'
  return `only ${given.map(({ person }) => person).join(', ')} of ${decision.approvals.count} people approved`
}

function statementOf({ hash, decision }: OpenPlan, run: string, input: ApproveInput): ApprovalStatement {
  return {
    format: 'muster-approval-1',
    plan: hash,
    run,
    person: input.person,
    decision: input.decision,
    note: input.note ?? null,
    breakGlass: input.breakGlass ?? false,
    expiresAt: decision.expiresAt,
  }
}
