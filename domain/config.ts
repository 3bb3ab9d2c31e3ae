/**
 * The configuration after validation: every default filled in, durations in seconds,
 * sizes in bytes, times as written. It holds references to secrets, never secrets.
 * The signed `config/<hash>.json` is the canonical text of exactly this shape.
 */
import type { BreachConfig } from './breach.ts'
import type { DnsRecordType } from './dns-values.ts'
import type { TimeLimits } from './time-limits.ts'

export interface Config {
  readonly format: 1
  readonly organisation: string
  readonly sites: Readonly<Record<string, SiteConfig>>
  readonly stores: Readonly<Record<string, StoreConfig>>
  readonly encryption: EncryptionConfig
  /** Absent where nothing is said about it: the sites of failovers have a kit all the same. */
  readonly recoveryKit?: RecoveryKitConfig
  readonly people: Readonly<Record<string, PersonConfig>>
  readonly systems: Readonly<Record<string, SystemConfig>>
  readonly notifications: NotificationsConfig
  /** Who is told when something asks for a person, in this order; nobody besides `notifications` where absent. */
  readonly contacts?: readonly ContactConfig[]
  /** Defaults of domain/time-limits.ts where absent. */
  readonly limits?: LimitsConfig
}

export interface LimitsConfig extends TimeLimits {
  /** Systems that one host brings back at once when a site is lost; domain/turns.ts where absent. */
  readonly failoversPerHost?: number
}

/** A configuration as it was signed, and the hash that names it. */
export interface SignedConfig {
  readonly config: Config
  readonly hash: string
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

export interface RecoveryKitConfig {
  /** Those of `encryption` where absent. */
  readonly recipients?: readonly string[]
  /** Sites with a kit, besides those that systems fail over to. */
  readonly sites?: readonly string[]
  /** Further references, beyond those that the configuration itself names. */
  readonly secrets?: readonly SecretReference[]
}

export interface PersonConfig {
  readonly email?: string
  /** Public SSH key whose signature is this person's approval: type and base64, no comment. */
  readonly approve?: string
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
  /** Absent in configurations that were signed before there were DNS records. */
  readonly dns?: readonly DnsRecordConfig[]
  readonly backups: readonly BackupRule[]
  readonly restore: RestoreConfig
  /** Absent in configurations that were signed before there were drills. */
  readonly drills?: readonly DrillRule[]
  readonly failover?: FailoverConfig
  readonly breach?: BreachConfig
  /** From where it is looked whether users reach it; nobody looks where absent. */
  readonly probes?: ProbesConfig
  /** In place of those of the organisation. */
  readonly contacts?: readonly ContactConfig[]
}

export interface RequiredCopies {
  readonly total: number
  readonly offHost: number
  readonly offSite: number
}

export interface ProbesConfig {
  /** Hosts whose agents look. */
  readonly from: readonly string[]
  readonly everySeconds: number
  /** So many that do not reach it are a loss; more than half. */
  readonly quorum: number
  /** So many times in a row. */
  readonly failures: number
  readonly check: ProbeCheck
}

/** Stops a lost site by another way than through it, and shows that it is stopped. Each has its words one by one. */
export interface FenceConfig {
  readonly command: readonly string[]
  readonly proof: readonly string[]
  readonly timeoutSeconds: number
}

/** `service`: its own health check, at the site where it is active. */
export type ProbeCheck = { readonly service: string } | Exclude<HealthCheck, { readonly command: readonly string[] }>

/** Where a system goes when its site is lost: what it consists of there, in full. */
export interface FailoverConfig {
  readonly to: string
  /** `restore`: from the newest reachable moment in the stores. `warm`: from a standby there that replays what they hold. */
  readonly mode: 'restore' | 'warm'
  /** Of mode `warm`: how often the standby replays. */
  readonly refreshEverySeconds?: number
  /** A failover that would lose more begins only where somebody accepts it. */
  readonly maxLossSeconds?: number
  readonly approvals: ApprovalsConfig
  readonly copies: { readonly required: RequiredCopies }
  readonly components: Readonly<Record<string, ComponentConfig>>
  /** In start order. */
  readonly services: readonly ServiceConfig[]
  /** How the lost site is stopped when its agents do not answer; two people in writing where absent. */
  readonly fence?: FenceConfig
}

export interface ApprovalsConfig {
  readonly count: number
  readonly accept: 'claimed' | 'signed'
  readonly requesterMay: boolean
}

export interface RestoreConfig {
  readonly approvals: ApprovalsConfig
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
  readonly restore: TreeRestoreConfig
}

/** How a tree is brought back; absent members are of configurations that were signed before there were rules. */
export interface TreeRestoreConfig {
  readonly after: readonly (readonly string[])[]
  /** Patterns of what is restored on the host of the backup. */
  readonly here?: 'all' | readonly string[]
  /** Patterns of what is restored on another host. */
  readonly elsewhere?: 'all' | readonly string[]
  /** Patterns of what is never restored on another host, besides those of domain/machine-files.ts. */
  readonly never?: readonly string[]
  /** False where the files of a machine come along to another host. */
  readonly neverDefaults?: boolean
  readonly substitute?: readonly SubstituteConfig[]
}

/** Text that differs between the sites of a system. */
export interface SubstituteConfig {
  /** Patterns of the files. */
  readonly files: readonly string[]
  /** At home. */
  readonly replace: string
  /** At the site it fails over to. */
  readonly with: string
}

export interface ServiceConfig {
  readonly name: string
  readonly host: string
  readonly control:
    | { readonly type: 'systemd'; readonly unit: string }
    | { readonly type: 'compose'; readonly file: string; readonly project?: string; readonly service: string }
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

export interface DrillRule {
  readonly name: string
  readonly kind: 'restore' | 'pitr' | 'component' | 'failover'
  readonly every: string
  readonly zone: string
  /** All components where absent. */
  readonly components?: readonly string[]
  readonly host?: string
  readonly from?: string
  readonly random: boolean
  /** A command run against what was restored; its exit code is the answer. */
  readonly smoke?: readonly string[]
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

/** A person or a rota that is told when something asks for a person. */
export interface ContactConfig {
  /** Who it is, in a few words; shown to the others. */
  readonly role: string
  readonly channels: readonly ContactChannel[]
  /** Until the next contact is told, when nobody has answered. */
  readonly escalateAfterSeconds: number
}

/** A channel of `notifications`, or one with addresses of the contact's own. */
export type ContactChannel = NotificationChannel | { readonly email: readonly string[] } | { readonly slack: SecretReference }

export const notificationChannels = ['email', 'slack', 'log'] as const
export type NotificationChannel = (typeof notificationChannels)[number]

/** One record that says where a system is, with what it holds while each site is active. */
export type DnsRecordConfig = Route53RecordConfig | Rfc2136RecordConfig | CommandRecordConfig | ManualRecordConfig

interface DnsRecordCommon {
  /** From the root, lower case, with a dot at its end; so is `zone`. */
  readonly name: string
  readonly type: DnsRecordType
  /** The apex of the zone it lies in. */
  readonly zone: string
  /** Policy: what a change writes, and what `monitorHealth` compares with. */
  readonly ttlSeconds: number
  /** By site, canonical and sorted. Several values are a declaration that the record has several. */
  readonly values: Readonly<Record<string, readonly string[]>>
  /** Every authoritative server of the zone; found by asking where empty. */
  readonly nameServers: readonly NameServerConfig[]
  /** Servers outside the lost site that must give the new answer, at least. */
  readonly minimumObserved: number
}

/** A server of DNS by name or address. */
export interface DnsServerAddress {
  readonly host: string
  readonly port: number
}

export interface NameServerConfig extends DnsServerAddress {
  /** Where it stands; absent where that is at none of the sites. */
  readonly site?: string
}

export interface Route53RecordConfig extends DnsRecordCommon {
  readonly provider: 'route53'
  /** Id of the hosted zone, as in `Z0123456789ABCDEFGHIJ`. */
  readonly hostedZone: string
  /** Names a secret of the form `ACCESS_KEY_ID:SECRET_ACCESS_KEY`. */
  readonly credentials: SecretReference
  readonly region: string
  /** For servers other than AWS. */
  readonly endpoint?: string
  /** Declares that the record is one of several of its name and type, chosen by a routing policy. */
  readonly setIdentifier?: string
  /** How long a change may be PENDING. */
  readonly settleSeconds: number
}

export interface Rfc2136RecordConfig extends DnsRecordCommon {
  readonly provider: 'rfc2136'
  /** Servers that take updates, in the order in which they are tried. */
  readonly servers: readonly UpdateServerConfig[]
  readonly key: {
    readonly name: string
    readonly algorithm: TsigAlgorithm
    /** Names a secret in base64, as `tsig-keygen` and `keymgr -t` print it. */
    readonly secret: SecretReference
  }
}

export interface UpdateServerConfig extends DnsServerAddress {
  /** The site whose loss takes this server away. */
  readonly site: string
}

export const tsigAlgorithms = ['hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as const
export type TsigAlgorithm = (typeof tsigAlgorithms)[number]

export interface CommandRecordConfig extends DnsRecordCommon {
  readonly provider: 'command'
  /** Prints the record as lines of a zone file. */
  readonly read: readonly string[]
  /** Changes it, or exits with 10 when it is not as expected. */
  readonly change: readonly string[]
  readonly timeoutSeconds: number
  readonly runAs?: string
}

export interface ManualRecordConfig extends DnsRecordCommon {
  readonly provider: 'manual'
}
