/** What the failover of a site ends with: a line for each of its systems. Compact: fifty of them fit into one payload. */
import type { Priority } from '../../domain/config.ts'
import type { LeftOut } from '../../domain/site-failover.ts'
import type { KeptEvidence } from '../evidence.ts'
import type { PlainFailure } from '../failure-of.ts'
import type { Outcome } from '../progress.ts'

interface SystemOfSite {
  readonly system: string
  readonly priority: Priority
  readonly from: string
  readonly to: string
  readonly objectives: { readonly rtoSeconds: number | null }
  /** Why it could not be planned, or did not succeed. */
  readonly problem: PlainFailure | null
}

export interface SystemPlanned extends SystemOfSite {
  readonly hosts: readonly string[]
  /** Hash of the decision; null where none could be made. */
  readonly plan: string | null
  readonly expiresAt: string | null
  /** How many people have to approve, and how. */
  readonly approvals: { readonly count: number; readonly accept: 'claimed' | 'signed' } | null
  /** Oldest moment that a component of it comes back to; null where it is not known. */
  readonly recoveryPointAt: string | null
  readonly loss: { readonly text: string; readonly seconds: number | null } | null
  readonly durationSeconds: number | null
  readonly durationBasis: string
  /** Beside the others, if nobody has to be waited for. */
  readonly startsAfterSeconds: number | null
  readonly endsAfterSeconds: number | null
  /** What a person should know first: stores that are out, an old side that does not answer, warnings. */
  readonly missing: readonly string[]
}

export interface SystemMoved extends SystemOfSite {
  readonly workflowId: string
  /** Null where it was not started. */
  readonly runId: string | null
  readonly outcome: Outcome
  readonly plan: string | null
  /** From when the failover of the site was asked for until the system was seen healthy. */
  readonly rtoSeconds: number | null
  readonly lossSeconds: number | null
  readonly record: KeptEvidence
}

export interface FailoverSiteResult {
  readonly site: string
  readonly outcome: Outcome
  readonly perHost: number
  /** Of a plan, in the order in which they go. */
  readonly planned: readonly SystemPlanned[]
  /** Of what was carried out. */
  readonly systems: readonly SystemMoved[]
  readonly leftOut: readonly LeftOut[]
  readonly declaredAt: string
  readonly endedAt: string
  readonly undelivered: readonly { readonly channel: string; readonly problem: string }[]
  /** Of the whole; null of a plan. */
  readonly record: KeptEvidence
}

/** Texts that a system has at most: its problem, its loss, and so on. */
const textsOfOne = 8
const textBudget = 32 * 1024

/** Shortens texts so far that those of all systems fit into one payload. */
export function cutFor(systems: number): (text: string) => string {
  const most = Math.max(60, Math.min(300, Math.floor(textBudget / textsOfOne / systems)))
  return (text) => (text.length > most ? `${text.slice(0, most)}…` : text)
}
