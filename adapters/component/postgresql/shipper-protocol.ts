/**
 * What the WAL shipper of a host says and takes over its Unix socket: JSON over HTTP.
 * `GET /status`, `POST /flush`, `POST /pause`, `POST /resume`. LSNs as PostgreSQL prints them.
 */
import type { FailureType } from '../../../domain/failures.ts'
import type { Incarnation } from '../../../domain/repository-format.ts'
import type { ConnectionOverride } from './wal-source.ts'

export type ShipperState = 'streaming' | 'down' | 'paused' | 'gap' | 'protecting-database'

export interface StoreLag {
  readonly store: string
  /** Everything of the incarnation before it, back to where receiving began, is in the store; null while unknown. */
  readonly shippedLsn: string | null
  readonly lastCommitAt: string | null
  /** Upper bound of the age of the oldest commit that is not in the store; null while unknown. */
  readonly lagSeconds: number | null
  readonly lagBytes: number | null
  /** Segments it misses that are in the spool no more; they come from another store. */
  readonly missingSegments: number
  /** Where the store lies, as `Store.place` says; null while unknown, left out by shippers that do not look. */
  readonly place?: string | null
  readonly problem: string | null
}

export interface SlotStatus {
  readonly name: string
  readonly walStatus: string | null
  readonly restartLsn: string | null
  readonly safeWalSizeBytes: number | null
  readonly active: boolean
}

export interface GapStatus {
  readonly incarnation: string
  readonly afterLsn: string
  readonly beforeLsn: string | null
  readonly reason: string
  readonly at: string
}

export interface InstanceStatus {
  readonly system: string
  readonly component: string
  readonly state: ShipperState
  /** What is wrong, for a person; null while streaming well. */
  readonly problem: string | null
  readonly incarnation: string | null
  readonly timelineId: number | null
  /** End of what is in the spool. */
  readonly receivedLsn: string | null
  /** The server's own position when it was last seen. */
  readonly currentLsn: string | null
  /** End of what is in enough stores. */
  readonly requiredLsn: string | null
  readonly stores: readonly StoreLag[]
  readonly slots: { readonly stream: SlotStatus | null; readonly anchor: SlotStatus | null }
  readonly spoolBytes: number
  /** Spools of earlier incarnations, kept until their bytes are in the required stores. */
  readonly spoolsAside: number
  readonly receiverPid: number | null
  readonly lastGap: GapStatus | null
}

export interface ShipperStatus {
  readonly pid: number
  readonly startedAt: string
  readonly instances: readonly InstanceStatus[]
}

export interface FlushRequest {
  readonly system: string
  readonly component: string
  /** Default: the server's position now, or the end of the spool where no server answers. */
  readonly untilLsn?: string
  /** Commit a tick first; default true. */
  readonly tick?: boolean
  /** All of these, instead of enough for the required copies. */
  readonly stores?: readonly string[]
  readonly timeoutSeconds: number
}

export interface FlushAnswer {
  readonly untilLsn: string
  readonly requiredLsn: string
  readonly lastCommitAt: string | null
  readonly stores: readonly StoreLag[]
}

export interface PauseRequest {
  readonly system: string
  readonly component: string
  readonly reason: string
}

export interface ResumeRequest {
  readonly system: string
  readonly component: string
  /** Holds until the next resume. */
  readonly connection?: ConnectionOverride
  /** Registered already; its spool is made new. */
  readonly newIncarnation?: Incarnation
}

/** Every answer but 200. */
export interface ShipperFailure {
  readonly type: FailureType
  readonly message: string
  readonly hint: string
}
