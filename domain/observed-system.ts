/** What was seen of a system in its stores, of its WAL shipper and of Temporal; domain/protection.ts judges it. */
import type { ObjectivesConfig, Priority, RequiredCopies } from './config.ts'
import type { ProofProblem } from './proof.ts'

export interface ObservedStore {
  readonly name: string
  readonly reachable: boolean
  readonly writable: boolean
  /** See `StoreProbe.place`. */
  readonly place: string
  readonly problem: string | null
  readonly invalidDocuments: readonly string[]
}

export interface ObservedBackup {
  readonly backup: string
  readonly run: string
  readonly startedAt: string
  readonly endedAt: string
  readonly sizeBytes: number
  /** Stores it was meant for. */
  readonly meantFor: readonly string[]
  /** Stores that have it whole. */
  readonly in: readonly string[]
  readonly damagedIn: readonly { readonly store: string; readonly problem: string }[]
}

/** A recoverable window of one store. */
export interface ObservedWindow {
  readonly store: string
  readonly incarnation: string
  readonly fromAt: string
  readonly fromLsn: string
  readonly untilLsn: string
  /** Newest commit in it; the end of its newest base backup where WAL holds none. */
  readonly untilAt: string
}

export interface ObservedWal {
  /** The incarnation in service; null before the first backup. */
  readonly incarnation: string | null
  readonly windows: readonly ObservedWindow[]
  /** Per store, the end of the newest WAL of the incarnation in service, with or without a hole before it. */
  readonly tips: Readonly<Record<string, string>>
  readonly shipEverySeconds: number
  /** Null where no shipper answers. */
  readonly shipper: ObservedShipper | null
  /** False where the component's host is another one: then no answer proves nothing. */
  readonly shipperExpected: boolean
}

export interface ObservedShipper {
  readonly state: string
  readonly problem: string | null
  readonly lags: readonly { readonly store: string; readonly lagSeconds: number | null; readonly problem: string | null }[]
}

export interface ObservedComponent {
  readonly component: string
  readonly type: 'postgresql' | 'files'
  readonly host: string
  readonly stores: readonly string[]
  /** Oldest first. */
  readonly backups: readonly ObservedBackup[]
  readonly rules: readonly { readonly every: string; readonly zone: string }[]
  readonly wal: ObservedWal | null
}

export interface ObservedSystem {
  readonly system: string
  readonly priority: Priority
  readonly objectives: ObjectivesConfig
  readonly required: RequiredCopies
  /** ISO-8601 UTC. */
  readonly now: string
  readonly stores: readonly ObservedStore[]
  readonly components: readonly ObservedComponent[]
  /** Why schedules do not run; null while they do. */
  readonly schedulerProblem: string | null
  /** Why the control records could not be believed. */
  readonly recordsProblem: string | null
  /** What is wrong with how it is rehearsed. */
  readonly proofProblems?: readonly ProofProblem[]
  /** Run ids of this system that go on right now. */
  readonly running: readonly string[]
}
