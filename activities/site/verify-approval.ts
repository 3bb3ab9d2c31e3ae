import { type ApprovalStatement, approvalText } from '../../domain/approval.ts'
import { MusterError } from '../../domain/failures.ts'
import type { Agent } from '../agent.ts'
import type { Work } from '../boundary.ts'

export interface VerifyApprovalInput {
  readonly system: string
  readonly configHash: string
  readonly statement: ApprovalStatement
  /** Armoured SSHSIG. */
  readonly signature: string
}

/**
 * Proves that a person of the signed configuration signed exactly this answer.
 *
 * Effect: none.
 * Idempotent: yes, it only reads.
 * Heartbeat: none needed.
 * Fails with: ApprovalRejected (unknown person, no key, another text, another key), ApprovalExpired.
 */
export function verifyApproval(agent: Agent) {
  return async ({ configHash, statement, signature }: VerifyApprovalInput, work: Work): Promise<{ readonly key: string }> => {
    const { config } = await agent.config(configHash)
    const { person, expiresAt } = statement
    if (expiresAt <= agent.now().toISOString()) throw new MusterError('ApprovalExpired', `the plan expired at ${expiresAt}`)
    const found = config.people[person]
    if (!found?.approve || found.role === 'viewer') {
      throw new MusterError('ApprovalRejected', `${person} has no key in people, or may not approve`, {
        hint: 'write their public key as people.NAME.approve, then: muster apply',
      })
    }
    const key = await agent.approvals.verify({ person, publicKey: found.approve, text: approvalText(statement), signature, signal: work.signal })
    return { key }
  }
}
