/** What is found at the place a restore would change, observed on its host. */
import type { SetAsideMethod } from './decision.ts'
import type { Standby } from './standby.ts'

export type TargetObservation = DatabaseObservation | TreeObservation | ServiceObservation

export interface DatabaseObservation {
  readonly type: 'postgresql'
  readonly component: string
  readonly directory: string
  /** `absent`, `empty`, `database`, or `other` for a directory that holds something else. */
  readonly content: 'absent' | 'empty' | 'database' | 'other'
  readonly running: boolean
  readonly systemIdentifier: string | null
  readonly timelineId: number | null
  readonly setAside: SetAsideMethod
  readonly setAsideReason: string
  readonly tablespaces: readonly { readonly oid: number; readonly path: string; readonly mountPoint: boolean }[]
  readonly walDirectory: string | null
  /** What is at `walDirectory`. */
  readonly wal?: PlaceBeside | null
  readonly sizeBytes: number
  readonly freeBytes: number
  readonly memberDirectory: string
  /** Patroni, repmgr, Pacemaker: refused in place. */
  readonly managedBy: string | null
  readonly tailSources: readonly { readonly source: string; readonly found: boolean; readonly detail: string }[]
  /** The copy that is kept beside it for a failover; absent where there is none. */
  readonly standby?: Standby | null
}

/** A directory on a disk of its own, beside which a new one has to be made. */
export interface PlaceBeside {
  readonly path: string
  readonly sizeBytes: number
  readonly freeBytes: number
  /** Nothing can be made beside it: it is a mount point, or the directory above is closed. */
  readonly inside: boolean
  /** False when the disk is not there: neither the directory nor the one above it. */
  readonly there: boolean
  /** It shares its disk with the data directory. */
  readonly sameDisk: boolean
}

export interface TreeObservation {
  readonly type: 'files'
  readonly component: string
  readonly members: readonly {
    readonly path: string
    readonly content: 'absent' | 'empty' | 'tree' | 'other'
    readonly setAside: SetAsideMethod
    readonly sizeBytes: number
    readonly freeBytes: number
  }[]
}

export interface ServiceObservation {
  readonly type: 'service'
  readonly service: string
  readonly host: string
  readonly state: 'running' | 'stopped'
}
