/** What is found at the place a restore would change, observed on its host. */
import type { SetAsideMethod } from './decision.ts'

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
  readonly sizeBytes: number
  readonly freeBytes: number
  readonly memberDirectory: string
  /** Patroni, repmgr, Pacemaker: refused in place. */
  readonly managedBy: string | null
  readonly tailSources: readonly { readonly source: string; readonly found: boolean; readonly detail: string }[]
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
