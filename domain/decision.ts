/**
 * A plan: the *decision* is hashed and approved, and computed again right before the first
 * irreversible step; the *forecast* is re-taken at will and only has to stay inside the
 * decision's bounds.
 */
import { canonicalJson } from './canonical-json.ts'
import { MusterError } from './failures.ts'

export const decisionLimitBytes = 32 * 1024

export type SetAsideMethod = 'rename' | 'rename-contents' | 'copy' | 'none'

export type RecoveryTarget =
  | { readonly kind: 'latest' }
  | { readonly kind: 'time'; readonly time: string }
  | { readonly kind: 'lsn'; readonly lsn: string }
  | { readonly kind: 'name'; readonly name: string }
  /** To the end of one backup, without further WAL. */
  | { readonly kind: 'backup'; readonly backup: string }

export interface RestoreDecision {
  readonly format: 'muster-decision-1'
  readonly procedure: 'restoreSystem' | 'recoverToPointInTime'
  readonly organisation: string
  readonly system: string
  readonly configHash: string
  readonly target: RecoveryTarget
  readonly mode: 'in-place' | 'elsewhere' | 'back'
  readonly components: readonly ComponentDecision[]
  /**
   * Services in stop order, with what each was when the plan was made. `lost`: stopped, because what it serves is lost;
   * it is started at the end, but not when the run is rolled back.
   */
  readonly services: readonly { readonly name: string; readonly host: string; readonly state: 'running' | 'stopped' | 'lost' }[]
  readonly stopFirst: boolean
  /** Steps in order, as ids; `docs/operating.md` says what each does. */
  readonly steps: readonly string[]
  /** The step after which nothing is rolled back by itself. */
  readonly pointOfNoReturn: string
  readonly bounds: RestoreBounds
  /** Required stores the run may open without, because a person said so when asking. */
  readonly openWith: readonly string[]
  readonly approvals: { readonly count: 0 | 1; readonly accept: 'claimed'; readonly requesterMay: boolean; readonly requester: string }
  readonly expiresAt: string
}

export interface RestoreBounds {
  /** Commits up to this moment must be in what is opened; null when the target itself says so. */
  readonly lastCommitAtLeast: string | null
  readonly lsnAtLeast: string | null
}

export type ComponentDecision = PostgresqlDecision | FilesDecision

export interface PostgresqlDecision {
  readonly type: 'postgresql'
  readonly component: string
  readonly host: string
  readonly directory: string
  /** Only for `elsewhere`: the port of the restored server. */
  readonly port: number | null
  /** What must be found at the target, planned and again before acting; null where nothing is there any more. */
  readonly identity: { readonly systemIdentifier: string; readonly incarnation: string } | null
  /** Whether its server ran when the plan was made: what was stopped stays stopped when the run is rolled back. */
  readonly running: boolean
  readonly fromStore: string
  readonly backup: string
  readonly incarnation: string
  readonly timelineId: number
  readonly setAside: SetAsideMethod
  /** Of the backup, with the new directory each goes to. */
  readonly tablespaces: readonly { readonly oid: number; readonly path: string; readonly into: string }[]
  readonly walDirectory: string | null
  /** Only for `back`: the directory of the safety set. */
  readonly safetyPath: string | null
}

export interface FilesDecision {
  readonly type: 'files'
  readonly component: string
  readonly host: string
  readonly fromStore: string
  readonly backup: string
  readonly members: readonly { readonly path: string; readonly into: string; readonly setAside: SetAsideMethod; readonly safetyPath: string | null }[]
  /** One path restored alone, or null for the whole tree. */
  readonly only: string | null
  readonly newerFiles: 'keep' | 'discard'
}

/** What is shown to whoever approves; re-taken, never hashed. */
export interface RestoreForecast {
  readonly recoveryPoint: readonly { readonly component: string; readonly at: string | null; readonly skewSeconds: number | null; readonly why: string }[]
  readonly newestReachableAt: string | null
  /** Commits after the target that will not be in the restored data, as far as known. */
  readonly loss: { readonly now: string; readonly afterTail: string }
  readonly tailSources: readonly { readonly source: string; readonly found: boolean; readonly detail: string }[]
  readonly durationSeconds: number | null
  readonly durationBasis: string
  readonly space: readonly { readonly path: string; readonly neededBytes: number; readonly freeBytes: number }[]
  readonly storesOut: readonly { readonly store: string; readonly problem: string }[]
  readonly warnings: readonly string[]
}

/** The text that is hashed and approved. @throws MusterError OutOfBounds when it would be larger than 32 KiB */
export function decisionText(decision: RestoreDecision): string {
  const text = canonicalJson(decision)
  if (text.length > decisionLimitBytes) {
    throw new MusterError('OutOfBounds', `the decision is ${text.length} bytes long, ${decisionLimitBytes} are allowed`, {
      hint: 'restore fewer components at once: --component NAME',
    })
  }
  return text
}

/** A target in words. */
export function describeTarget(target: RecoveryTarget): string {
  switch (target.kind) {
    case 'latest':
      return 'the newest reachable moment'
    case 'time':
      return target.time
    case 'lsn':
      return `LSN ${target.lsn}`
    case 'name':
      return `the point "${target.name}"`
    case 'backup':
      return `the end of backup ${target.backup}`
  }
}
