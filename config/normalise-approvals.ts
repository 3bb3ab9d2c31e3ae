/** Who must agree before a procedure, as written → as it counts. */
import type { ApprovalsConfig } from '../domain/config.ts'
import { isYes } from './normalise-values.ts'
import type { WrittenApprovals } from './schema-approvals.ts'

/** @param approvers how many people may approve: one alone may approve what they asked for */
export function normaliseApprovals({ count, accept, requesterMay }: WrittenApprovals, approvers: number): ApprovalsConfig {
  return { count, accept, requesterMay: requesterMay === undefined ? approvers < 2 : isYes(requesterMay) }
}
