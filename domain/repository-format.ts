/**
 * The shapes of what lies in a store. docs/repository-format.md explains each;
 * that page and this file change together. Times are ISO-8601 UTC, sizes bytes,
 * hashes lower-case hex SHA-256, LSNs as PostgreSQL prints them (`0/3000060`).
 */
import type { ComponentConfig } from './config.ts'

/** One encrypted object of a backup, or one shipment of WAL. */
export interface ObjectReference {
  /** Full key in the store. */
  readonly key: string
  /** Of the ciphertext, as it lies in the store. */
  readonly sizeBytes: number
  readonly sha256: string
  /** Of what `age -d` gives. */
  readonly plainSizeBytes: number
  readonly plainSha256: string
}

export interface BackupObject extends ObjectReference {
  /** `base`, `tablespace:<oid>`, `postgresql-manifest`, `tree:<n>`, `index`. */
  readonly role: string
}

export interface Writer {
  readonly host: string
  readonly machineId: string
  readonly muster: string
  /** Program name → version line. */
  readonly tools: Readonly<Record<string, string>>
}

export type Manifest = PostgresqlManifest | FilesManifest

interface ManifestCommon {
  readonly format: 'muster-manifest-1'
  readonly backup: string
  readonly organisation: string
  readonly system: string
  readonly component: string
  readonly kind: 'full'
  /** Id of the run that made it: backups of one run form a recovery point. */
  readonly run: string
  readonly attempt: number
  readonly configHash: string
  readonly startedAt: string
  readonly endedAt: string
  /** Ids of the backups this one needs; empty for a full backup. */
  readonly parents: readonly string[]
  readonly objects: readonly BackupObject[]
  /** Every store it was meant for; a store without it is in debt. */
  readonly stores: readonly string[]
  readonly recipients: readonly string[]
  readonly writer: Writer
}

export interface PostgresqlManifest extends ManifestCommon {
  readonly type: 'postgresql'
  readonly postgresql: {
    readonly incarnation: string
    readonly systemIdentifier: string
    readonly timelineId: number
    readonly startLsn: string
    readonly endLsn: string
    readonly serverVersion: number
    readonly serverVersionText: string
    readonly dataDirectory: string
    readonly tablespaces: readonly { readonly oid: number; readonly path: string }[]
    /** Where `pg_wal` is a link. */
    readonly walDirectory?: string
    readonly segmentSizeBytes: number
    readonly pageChecksums: boolean
    readonly glibc: string
    readonly icu?: string
    /** Uncompressed size of everything, as the server estimated it. */
    readonly dataSizeBytes: number
    /** Results of the configured checks at the time of the backup; numbers and times only. */
    readonly checks: readonly CheckResult[]
  }
}

export interface FilesManifest extends ManifestCommon {
  readonly type: 'files'
  readonly files: {
    readonly paths: readonly string[]
    readonly entries: number
    readonly dataSizeBytes: number
    /** Files that changed while they were read; their hash in the index is null. */
    readonly changedWhileRead: number
    readonly unreadable: number
  }
}

export interface CheckResult {
  readonly name: string
  readonly value: number | string | null
  readonly ok: boolean
  readonly detail: string
}

/** One shipment of WAL: a whole segment, or the bytes of a segment since the last shipment. */
export interface WalIndex {
  readonly format: 'muster-wal-1'
  readonly organisation: string
  readonly system: string
  readonly component: string
  readonly incarnation: string
  readonly timelineId: number
  /** 24 hex digits, or `0000000N.history`. */
  readonly segment: string
  readonly kind: 'segment' | 'partial' | 'history'
  readonly startLsn: string
  /** First byte after what this shipment holds. */
  readonly endLsn: string
  readonly firstCommitAt: string | null
  readonly lastCommitAt: string | null
  readonly lastCommitLsn: string | null
  readonly object: ObjectReference
  readonly shippedAt: string
  readonly stores: readonly string[]
  readonly writer: { readonly host: string; readonly muster: string }
}

/** One link of a system's chain of control records. */
export interface ControlRecord {
  readonly format: 'muster-record-1'
  readonly organisation: string
  readonly system: string
  readonly sequence: number
  /** SHA-256 of the signed text of record sequence − 1; 64 zeros for the first. */
  readonly previous: string
  readonly at: string
  readonly by: string
  readonly body: ControlBody
}

export type ControlBody =
  | { readonly kind: 'site'; readonly site: string; readonly controlIncarnation: number }
  | ({ readonly kind: 'incarnation' } & Incarnation)
  | {
      readonly kind: 'restore-point'
      readonly component: string
      readonly incarnation: string
      readonly name: string
      readonly lsn: string
      readonly at: string
    }
  | {
      readonly kind: 'gap'
      readonly component: string
      readonly incarnation: string
      readonly afterLsn: string
      readonly beforeLsn: string
      readonly reason: string
    }
  | {
      readonly kind: 'opened-without'
      readonly component: string
      readonly incarnation: string
      readonly stores: readonly string[]
      readonly by: string
      readonly reason: string
    }
  | { readonly kind: 'safety-set'; readonly run: string; readonly host: string; readonly members: readonly SafetyMember[]; readonly keepUntil: string }

export interface SafetyMember {
  readonly component: string
  /** The path that was replaced. */
  readonly path: string
  readonly safetyPath: string
  readonly sizeBytes: number
}

export interface Incarnation {
  readonly component: string
  readonly incarnation: string
  readonly systemIdentifier: string
  readonly timelineId: number
  readonly parent: string | null
  /** Where this timeline left its parent's; null for the first. */
  readonly forkLsn: string | null
  /** Time of the last commit of the parent that this incarnation contains; null for the first. */
  readonly forkAt: string | null
  readonly host: string
  readonly registeredAt: string
}

export interface KeyList {
  readonly format: 'muster-keys-1'
  readonly sequence: number
  readonly previous: string
  readonly at: string
  readonly keys: readonly TrustedKey[]
}

export interface TrustedKey {
  readonly role: 'control' | 'host'
  /** Host name, or `control`. */
  readonly name: string
  /** `ssh-ed25519 AAAA…` without a comment. */
  readonly publicKey: string
  readonly validFrom: string
  readonly revokedSince: string | null
}

/** The marker of a store, written by the first `apply`: proves that this is the store and not an empty mount point. */
export interface StoreMarker {
  readonly format: 'muster-store-1'
  readonly organisation: string
  readonly store: string
  readonly id: string
  readonly createdAt: string
}

/** What is signed for each kind of document. */
export const signatureNamespaces = {
  config: 'muster-config',
  manifest: 'muster-manifest',
  wal: 'muster-wal',
  record: 'muster-record',
  keys: 'muster-keys',
} as const

export type SignedKind = keyof typeof signatureNamespaces

/** A component of a signed config, for readers that look one up by id. */
export type ConfiguredComponent = ComponentConfig
