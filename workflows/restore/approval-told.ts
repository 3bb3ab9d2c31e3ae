/** What follows from an answer to a plan: its signature is proven, and people see who has approved. */
import type { ApprovalStatement } from '../../domain/approval.ts'
import { onSite } from '../activity-options.ts'
import { failureOf } from '../failure-of.ts'
import { fail } from '../procedure.ts'
import { siteOfQueue } from '../queues.ts'
import type { Approval } from './approval.ts'
import type { RestoreContext } from './context.ts'

/** @returns the fingerprint of the key @throws ApplicationFailure ApprovalRejected | ApprovalExpired */
export async function proveApproval(system: string, statement: ApprovalStatement, configHash: string, signature: string): Promise<string> {
  try {
    const { key } = await onSite(siteOfQueue()).verifyApproval.executeWithOptions({ summary: `prove the signature of ${statement.person}` }, [
      { system, configHash, statement, signature },
    ])
    return key
  } catch (error) {
    // An answer that does not pass refuses the answer, not the run.
    const { type, message } = failureOf(error)
    throw fail(type, message)
  }
}

export function tellOfApproval(system: string, told: Pick<RestoreContext, 'board' | 'notices'> | null, given: readonly Approval[], needed: number): void {
  if (!told) return
  if (needed > 1) told.board.approvedBy(given.map(({ person }) => person))
  const broken = given.find(({ breakGlass }) => breakGlass)
  if (!broken) return
  told.notices.send(
    'alarm',
    'critical',
    `${broken.person} broke the glass: restore of ${system} goes on with one approval of ${needed}`,
    `reason: ${broken.note ?? ''}\nReview it: who asked, who approved and what was done is in the run.`,
  )
}
