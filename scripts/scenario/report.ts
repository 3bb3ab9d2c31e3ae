/** What the scenario measured and whether it holds; written as `.muster/scenarios/two-sites.json`. */
import type { Bare } from './bare.ts'
import type { Loss, Mode } from './options.ts'
import type { Return } from './return.ts'
import type { RolledBack } from './roll-back.ts'

export interface RunReport {
  /** How the primary was lost. */
  readonly primary: Loss
  readonly mode: Mode
  /** Where Temporal stood until then; lost with the primary site, another is started by the failover. */
  readonly temporalAt: 'the primary site' | 'the third place'
  readonly databaseBytes: number
  /** Until the name server that counts gave the new answer. */
  readonly approvalToDnsSeconds: number
  /** From the command that asked for the failover: two plans, each of which waits for the silent side, and a person are in it. */
  readonly askedToDnsSeconds: number
  /** Until a client outside had its first commit acknowledged at the other site. */
  readonly approvalToServiceSeconds: number
  /** approvalToDnsSeconds as a multiple of what the commands of RUNBOOK.md took in the same run. */
  readonly restoreRatioToBare: number
  readonly bare: Bare
  readonly steps: readonly { readonly name: string; readonly seconds: number }[]
  /** Of what was acknowledged at the primary before the cut. */
  readonly markersLost: number
  readonly secondsLost: number
  readonly markersBeforeCut: number
  /** Acknowledged at the primary after the cut. */
  readonly fencedSideCommits: number
  readonly fence: {
    readonly proven: boolean
    readonly by: string | null
    /** Anything of the fenced side from after the cut in the data of either site, after the failover or the failback. */
    readonly archivedBeyondFenceUsed: boolean
    /** An answer or a commit of the old database once it was stopped, or never stopped in time. */
    readonly oldPrimaryServedAfterReturn: boolean
    /** A name server that led to the old site between the failover and the failback. */
    readonly oldPrimaryTookDns: boolean
  }
  readonly afterReturn: Return
  /** How long the name server of the old site, once it was reached again, still said what it knew before it followed. */
  readonly staleNameServerSeconds: number
  readonly failback: { readonly markersLost: number; readonly markersExpected: number; readonly seconds: number }
  /** Of a restore at home whose last check fails; null of a run that does without. */
  readonly rollback: RolledBack | null
  /** Whether the signed records of both moves are archived, and everything in every store proves true. */
  readonly evidenceVerified: boolean
  readonly evidenceProblem: string | null
  readonly checks: readonly Check[]
  readonly ok: boolean
}

export interface Check {
  readonly name: string
  readonly target: string
  readonly measured: string
  readonly ok: boolean
}

export interface ScenarioReport {
  readonly scenario: 'two-sites'
  readonly ok: boolean
  readonly startedAt: string
  readonly seconds: number
  readonly shipEverySeconds: number
  readonly runs: readonly RunReport[]
}
