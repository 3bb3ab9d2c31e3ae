/**
 * The configuration after validation: every default filled in, durations in seconds,
 * sizes in bytes, times as written. It holds references to secrets, never secrets.
 * The signed `config/<hash>.json` is the canonical text of exactly this shape.
 */
import type { TimeLimits } from './time-limits.ts'

export interface Config {
  readonly format: 1
  readonly organisation: string
  readonly sites: Readonly<Record<string, SiteConfig>>
  readonly stores: Readonly<Record<string, StoreConfig>>
  readonly encryption: EncryptionConfig
  readonly people: Readonly<Record<string, PersonConfig>>
  readonly systems: Readonly<Record<string, SystemConfig>>
  readonly notifications: NotificationsConfig
  /** Defaults of domain/time-limits.ts where absent. */
  readonly limits?: TimeLimits
}

export interface SiteConfig {
  readonly hosts: readonly string[]
}

/** `env:NAME` or `file:/path`; resolved only in the activity that needs it. */
export type SecretReference = string

export type StoreConfig = DirectoryStoreConfig | S3StoreConfig

interface StoreCommon {
  /** Hosts whose agents reach this store. */
  readonly hosts: readonly string[]
  /** The site where the store stands. */
  readonly site: string
}

export interface DirectoryStoreConfig extends StoreCommon {
  readonly type: 'directory'
  readonly path: string
  /** Nothing is written unless the path is on a mount of its own that carries the store's marker. */
  readonly mountRequired: boolean
  /** The host whose disk this is, where it is not the component's own. */
  readonly host?: string
}

export interface S3StoreConfig extends StoreCommon {
  readonly type: 's3'
  readonly bucket: string
  readonly region: string
  readonly prefix: string
  /** For S3 servers other than AWS. */
  readonly endpoint?: string
  readonly forcePathStyle: boolean
  readonly credentials: {
    /** Each reference names a secret of the form `ACCESS_KEY_ID:SECRET_ACCESS_KEY`. */
    readonly write: SecretReference
    readonly read: SecretReference
  }
}

export interface EncryptionConfig {
  readonly type: 'age'
  readonly recipients: readonly string[]
  readonly restoreHosts: readonly string[]
  readonly identity: SecretReference
}

export interface PersonConfig {
  readonly email?: string
  readonly role: 'viewer' | 'operator' | 'approver' | 'admin'
}

export type Priority = 'P1' | 'P2' | 'P3'

export interface ObjectivesConfig {
  readonly rpoSeconds?: number
  readonly rtoSeconds?: number
}

export interface SystemConfig {
  readonly priority: Priority
  readonly objectives: ObjectivesConfig
  readonly copies: { readonly required: RequiredCopies }
  readonly components: Readonly<Record<string, ComponentConfig>>
  /** In start order. */
  readonly services: readonly ServiceConfig[]
  readonly backups: readonly BackupRule[]
  readonly restore: RestoreConfig
}

export interface RequiredCopies {
  readonly total: number
  readonly offHost: number
  readonly offSite: number
}

export interface RestoreConfig {
  readonly approvals: { readonly count: 0 | 1; readonly accept: 'claimed'; readonly requesterMay: boolean }
  readonly approvalExpiresSeconds: number
  /** Health must be good this long before the run commits. */
  readonly commitAfterSeconds: number
  readonly keepSafetySetsSeconds: number
  readonly newerFiles: 'keep' | 'discard'
  readonly stopFirst: boolean
}

export type ComponentConfig = PostgresqlComponentConfig | FilesComponentConfig

export interface PostgresqlComponentConfig {
  readonly type: 'postgresql'
  readonly host: string
  /** Store names; all that the host reaches unless configured. */
  readonly stores: readonly string[]
  readonly dataDirectory: string
  readonly connection: PostgresqlConnection
  /** Directory of the client and server programs; found from the server's version where absent. */
  readonly binDirectory?: string
  /** Operating-system user that owns the data directory and runs the tools. */
  readonly runAs?: string
  readonly server: PostgresqlServerControl
  readonly checkpoint: 'fast' | 'spread'
  readonly maxRateKbPerSecond?: number
  readonly wal: WalConfig
  readonly checks: readonly SqlCheck[]
}

export interface PostgresqlConnection {
  /** A socket directory (absolute path) or a host name. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password?: SecretReference
}

export type PostgresqlServerControl =
  | { readonly control: 'pg_ctl'; readonly options: readonly string[]; readonly logFile?: string }
  | { readonly control: 'systemd'; readonly unit: string }
  | { readonly control: 'command'; readonly start: readonly string[]; readonly stop: readonly string[] }

export interface WalConfig {
  readonly from: 'streaming'
  /** Longest age of what is not in the stores. */
  readonly shipEverySeconds: number
  /** How often `archiveWal` walks for gaps; a schedule, as written in the config. */
  readonly every: string
  readonly whenStoresAreOut: 'protectDatabase' | 'protectRecovery'
  /** Free space to keep on `pg_wal` and spool, in bytes; the larger of 10 % and 5 GB where absent. */
  readonly reserveBytes?: number
}

export interface SqlCheck {
  readonly sql: string
  readonly database?: string
  readonly min?: number
  readonly max?: number
  /** The result is a time that must be younger than this, measured at the recovery target. */
  readonly maxAgeSeconds?: number
}

export interface FilesComponentConfig {
  readonly type: 'files'
  readonly host: string
  readonly stores: readonly string[]
  readonly paths: readonly string[]
  readonly exclude: readonly string[]
  /** Unreadable paths that do not fail the backup. */
  readonly allowUnreadable: readonly string[]
  readonly allowEmpty: boolean
  readonly follows?: string
  readonly runAs?: string
  readonly restore: { readonly after: readonly (readonly string[])[] }
}

export interface ServiceConfig {
  readonly name: string
  readonly host: string
  readonly control:
    | { readonly type: 'systemd'; readonly unit: string }
    | {
        readonly type: 'command'
        readonly start: readonly string[]
        readonly stop: readonly string[]
        /** Exit code 0 means running. */
        readonly status: readonly string[]
      }
  readonly health?: HealthCheck
  readonly stopTimeoutSeconds: number
  readonly startTimeoutSeconds: number
  readonly runAs?: string
}

export type HealthCheck = { readonly http: string; readonly expectStatus: number } | { readonly tcp: string } | { readonly command: readonly string[] }

export interface BackupRule {
  readonly name: string
  readonly components: readonly string[]
  readonly kind: 'full'
  /** As written in the config, e.g. `daily 02:00`; see domain/schedule-spec.ts. */
  readonly every: string
  readonly zone: string
}

export interface NotificationsConfig {
  readonly email?: {
    readonly from: string
    readonly to: readonly string[]
    readonly smtp: { readonly host: string; readonly port: number; readonly secure: boolean; readonly user?: string; readonly password?: SecretReference }
  }
  readonly slack?: { readonly webhook: SecretReference }
  /** Path of a JSON-lines file. */
  readonly log?: { readonly path: string }
}
