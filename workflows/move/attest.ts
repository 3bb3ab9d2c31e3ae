/** Takes what people write about the old side: an Update, checked before anything is recorded. */
import { condition, defineUpdate } from '@temporalio/workflow'
import { type ApprovalRule, type ApprovalStatement, fenceNote } from '../../domain/approval.ts'
import { type AttestInput, attestMessage, updateNames } from '../messages.ts'
import { fail, handleUpdate } from '../procedure.ts'
import type { AttestDesk, Attested } from './context.ts'

export interface AttestDeskDeps {
  /** Workflow id and run id, as they are signed. */
  readonly run: string
  /** Who may; null before there is a plan. */
  readonly rule: () => { readonly approvals: ApprovalRule; readonly expiresAt: string; readonly configHash: string } | null
  /** Proves a signature. @returns the fingerprint of the key @throws ApplicationFailure ApprovalRejected | ApprovalExpired */
  readonly verify: (statement: ApprovalStatement, configHash: string, signature: string) => Promise<string>
}

export const attestUpdate = defineUpdate<{ readonly missing: number }, [AttestInput]>(updateNames.attest)

export function createAttestDesk(deps: AttestDeskDeps): AttestDesk {
  let open: { readonly hash: string; readonly people: number; readonly given: Attested[] } | null = null
  const refuse = (input: AttestInput) => {
    const rule = deps.rule()
    if (!open || !rule) throw fail('PreconditionFailed', 'this run does not wait for anybody to say that the old side is stopped')
    if (input.plan !== open.hash) throw fail('ApprovalRejected', `the plan is ${open.hash}, not ${input.plan}`)
    const { approvers, accept } = rule.approvals
    if (approvers && !approvers.includes(input.person)) throw fail('ApprovalRejected', `${input.person} may not say this; who may: ${approvers.join(', ')}`)
    if (open.given.some(({ person }) => person === input.person))
      throw fail('ApprovalRejected', `${input.person} has said so already; another person is needed`)
    if (accept === 'signed' && input.signature === undefined) throw fail('ApprovalRejected', 'this system takes signed statements only: muster fence RUN')
  }
  handleUpdate(
    attestUpdate,
    attestMessage,
    'say that the old side is stopped: {"plan": "<hash>", "person": "<name>", "statement": "<what you have seen>"}',
    refuse,
    async (input) => {
      const rule = deps.rule() as NonNullable<ReturnType<AttestDeskDeps['rule']>>
      const key =
        rule.approvals.accept === 'signed' ? await deps.verify(statementOf(deps.run, rule.expiresAt, input), rule.configHash, input.signature ?? '') : undefined
      // While the signature was proven, another may have been enough.
      if (key !== undefined) refuse(input)
      open?.given.push({ person: input.person, statement: input.statement, ...(key !== undefined && { key }) })
      return { missing: Math.max(0, (open?.people ?? 0) - (open?.given.length ?? 0)) }
    },
  )
  return {
    async await({ hash, people }, withinSeconds) {
      const waiting = { hash, people, given: [] as Attested[] }
      open = waiting
      const enough = await condition(() => waiting.given.length >= people, `${withinSeconds}s`)
      open = null
      if (!enough) throw fail('Timeout', `${waiting.given.length} of ${people} people said within ${withinSeconds} s that the old side is stopped`)
      return waiting.given
    },
  }
}

function statementOf(run: string, expiresAt: string, { plan, person, statement }: AttestInput): ApprovalStatement {
  return { format: 'muster-approval-1', plan, run, person, decision: 'approve', note: fenceNote(statement), breakGlass: false, expiresAt }
}
