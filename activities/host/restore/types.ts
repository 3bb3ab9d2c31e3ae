/** What the activities of a restore take and give; small, by id, never a command or an address. */
import type { ComponentDecision, FilesDecision, PostgresqlDecision, RecoveryTarget, RestoreDecision } from '../../../domain/decision.ts'
import type { ShownForecast } from '../../../domain/forecast.ts'
import type { ContactTurn } from '../../../domain/contacts.ts'
import type { CheckResult } from '../../../domain/repository-format.ts'
import type { BytesInTime } from '../../../domain/evidence.ts'
import type { MoveDecision } from '../../../domain/move.ts'
import type { ShownDifference } from '../../../domain/shown-difference.ts'
import type { TimeLimits } from '../../../domain/time-limits.ts'
import type { TargetObservation } from '../../../domain/target.ts'

export interface PlanRestoreInput {
  readonly procedure: RestoreDecision['procedure']
  readonly system: string
  readonly components: readonly string[] | null
  readonly target: RecoveryTarget
  readonly incarnation: string | null
  readonly from: string | null
  readonly into: { readonly directory: string; readonly port: number | null } | null
  readonly path: string | null
  readonly back: string | null
  readonly openWith: readonly string[]
  readonly newerFiles: 'keep' | 'discard' | null
  readonly stopFirst: boolean | null
  readonly requester: string
  /** Of the plan that is approved in the same breath; null for a new plan. */
  readonly expiresAt: string | null
  /** Host that restores, where it is another than the component's; only elsewhere. */
  readonly onHost?: string
  /** A file with an age identity on the hosts that restore, instead of the configured one. */
  readonly identityFile?: string | null
  /** Only of a move. */
  readonly move?: MoveDecision
  readonly configHash: string | null
  readonly observations: readonly TargetObservation[]
  /** The approved decision, when it is computed again: choices that were free are taken from it. */
  readonly pinned: RestoreDecision | null
}

export interface RestorePlan {
  readonly decision: RestoreDecision
  readonly decisionHash: string
  /** Key and hash of the whole, and the figures that an approver is shown. */
  readonly forecast: ShownForecast
  /** What would change in trees, file by file; absent where it was not looked at, and in older histories. */
  readonly differences?: readonly ShownDifference[]
  /** Of a move that should begin from standbys: why some do not. Absent where all do. */
  readonly notWarm?: readonly string[]
  readonly limits: TimeLimits
  readonly commitAfterSeconds: number
  readonly keepSafetySetsSeconds: number
  readonly healthSeconds: number
  /** Who is told after whom while the run waits for a person; absent where nobody is, and in older histories. */
  readonly contacts?: readonly ContactTurn[]
}

/** What every step of one component's restore is told. */
export interface RestoreStep {
  readonly system: string
  readonly component: string
  readonly configHash: string
  /** Workflow id and run id of the restore: the safety set is named by them. */
  readonly run: string
  readonly target: RecoveryTarget
  /** `standby`: the copy that is kept at the other site. */
  readonly mode: RestoreDecision['mode'] | 'standby'
  readonly identityFile: string | null
}

export interface DatabaseStep extends RestoreStep {
  readonly decision: PostgresqlDecision
}

export interface TreeStep extends RestoreStep {
  readonly decision: FilesDecision
}

export interface AnyStep extends RestoreStep {
  readonly decision: ComponentDecision
}

export interface RestoredAside {
  readonly restoredBytes: number
  readonly seconds: number
  /** Versions of the programs that unpacked it. Absent in histories of before evidence named them. */
  readonly tools?: Readonly<Record<string, string>>
}

export interface PrefetchedWal {
  readonly segments: number
  readonly untilLsn: string
  readonly lastCommitAt: string | null
  readonly sizeBytes: number
  /** All of it, in LSNs; absent where an earlier attempt had begun, and in older histories. */
  readonly fetched?: BytesInTime
}

export interface Held {
  readonly replayedLsn: string
  readonly lastCommitAt: string | null
  /** From the start of the base backup; absent where an earlier attempt had begun, of a tail, and in older histories. */
  readonly replayed?: BytesInTime
}

export interface SavedTail {
  readonly sources: readonly { readonly source: string; readonly found: boolean; readonly detail: string }[]
  /** First byte after the last commit: replayed to here, nothing that can be reached is lost. */
  readonly untilLsn: string | null
  readonly lastCommitAt: string | null
  /** Stores the tail is in. */
  readonly stores: readonly string[]
  /** Where and when the stopped server wrote its last checkpoint; null where there is none to read. Absent in old histories. */
  readonly stopped?: StoppedAt | null
}

/** From where an old life goes on after a roll back. */
export interface StoppedAt {
  readonly lsn: string
  /** ISO-8601 UTC. */
  readonly at: string
}

export interface Promoted {
  readonly timelineId: number
  readonly forkLsn: string
  readonly lastCommitAt: string | null
}

/** What somebody made at a path while it was being swapped, and where it is now. Muster never removes it. */
export interface FoundByOthers {
  readonly path: string
  readonly keptAt: string
}

export interface SwappedBack {
  readonly members: number
  /** Absent where nobody made anything. */
  readonly found?: readonly FoundByOthers[]
}

export interface SwappedIn {
  readonly safety: readonly { readonly path: string; readonly safetyPath: string; readonly sizeBytes: number }[]
  /** As of `SwappedBack`. */
  readonly found?: readonly FoundByOthers[]
  readonly seconds: number
}

export interface Protected {
  readonly incarnation: string
  readonly stores: readonly string[]
}

export interface Checked {
  readonly checks: readonly CheckResult[]
}

/** What the rules of a tree did. */
export interface AppliedRules {
  /** Names and bytes that were carried over from the target. */
  readonly carried: number
  readonly carriedBytes: number
  /** Names of the backup that were not brought. */
  readonly leftOut: number
  /** By position of the substitution. */
  readonly substituted: readonly { readonly files: number; readonly replaced: number }[]
  /** What a person should know: rules that did nothing, files that have no place. */
  readonly deviations: readonly string[]
}
