/**
 * What a person signs: one decision, of one run, until one moment. The text is canonical, so that
 * who verifies builds it anew and never has to believe what was sent.
 */
import { canonicalJson } from './canonical-json.ts'
import type { PersonConfig } from './config.ts'

/** Namespace of approvals: `ssh-keygen -Y sign -n muster`. */
export const approvalNamespace = 'muster'

export interface ApprovalStatement {
  readonly format: 'muster-approval-1'
  /** Hash of the decision. */
  readonly plan: string
  /** Workflow id and run id: an answer counts in no other run. */
  readonly run: string
  readonly person: string
  readonly decision: 'approve' | 'reject'
  readonly note: string | null
  /** One person instead of all who would be needed. */
  readonly breakGlass: boolean
  /** Of the plan, ISO-8601 UTC. */
  readonly expiresAt: string
}

/** The signed text: one line, with its end of line. */
export function approvalText(statement: ApprovalStatement): string {
  return `${canonicalJson(statement)}\n`
}

/** What counts as an approval of a decision; part of the decision. */
export interface ApprovalRule {
  /** How many different people. */
  readonly count: number
  /** `claimed`: a name that was typed. `signed`: proven with the person's SSH key. */
  readonly accept: 'claimed' | 'signed'
  readonly requesterMay: boolean
  readonly requester: string
  /** Who may answer: for `signed` those with a key, for `claimed` the configured people who are no viewers. Absent: anybody. */
  readonly approvers?: readonly string[]
}

/**
 * Why a person may not answer for this decision, or null.
 * @param given people whose approval counts already
 */
export function refusalOf(
  rule: ApprovalRule,
  answer: { readonly person: string; readonly decision: string; readonly breakGlass: boolean },
  given: readonly string[],
): string | null {
  const { person } = answer
  const approvers = rule.approvers ?? (rule.accept === 'signed' ? [] : null)
  if (approvers !== null && !approvers.includes(person)) return `${person} may not approve this; who may: ${approvers.join(', ')}`
  if (answer.decision === 'reject') return null
  if (given.includes(person)) return `${person} has approved already; another person is needed`
  if (answer.breakGlass || person !== rule.requester) return null
  if (rule.count > 1) return `${person} asked for this restore, and where ${rule.count} people approve the requester is not one of them`
  return rule.requesterMay ? null : `${person} asked for this restore, so another person approves it`
}

const fencePrefix = 'fence: '

/** The note of what a person signs about the old side of a move; no approval may have one that looks like it. */
export function fenceNote(statement: string): string {
  return `${fencePrefix}${statement}`
}

export function isFenceNote(note: string | undefined): boolean {
  return note?.startsWith(fencePrefix.trimEnd()) ?? false
}

/** Who may answer: part of the decision, so that nobody is added to it later. Where nobody is configured, any name may be claimed. */
export function approversOf(people: Readonly<Record<string, PersonConfig>>, accept: ApprovalRule['accept']): { readonly approvers?: readonly string[] } {
  const known = Object.entries(people)
  if (accept === 'claimed' && known.length === 0) return {}
  const may = known.filter(([, { approve, role }]) => role !== 'viewer' && (accept === 'claimed' || approve !== undefined))
  return { approvers: may.map(([name]) => name).sort() }
}
