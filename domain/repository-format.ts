/**
 * The shapes of what lies in a store. docs/repository-format.md explains each;
 * that page and this file change together. Times are ISO-8601 UTC, sizes bytes,
 * hashes lower-case hex SHA-256, LSNs as PostgreSQL prints them (`0/3000060`).
 */
import type { ComponentConfig } from './config.ts'
import type { FenceProof } from './move.ts'

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
  /** `forensic`: as a suspected host was found; never a recovery point. */
  readonly kind: 'full' | 'forensic'
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
  /** The page that restores this backup by hand; absent in backups of before there were any. */
  readonly runbook?: { readonly key: string; readonly sizeBytes: number; readonly sha256: string }
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
    /** Of the collations, as the server tells it. */
    readonly icu?: string
    /** Major version of the ICU library; absent where the server has none, and in backups of before it was noted. */
    readonly icuLibrary?: string
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

/** One link of a chain of control records: of a system, of the installation, or of a host. */
export interface ControlRecord {
  readonly format: 'muster-record-1'
  readonly organisation: string
  /** Name of the chain: a system, `_installation` or `_host-<host>`. */
  readonly system: string
  readonly sequence: number
  /** SHA-256 of the signed text of record sequence − 1; 64 zeros for the first. */
  readonly previous: string
  readonly at: string
  readonly by: string
  readonly body: ControlBody
}

export type ControlBody =
  | {
      readonly kind: 'site'
      readonly site: string
      /** Of two chains that have grown apart, the one with the higher number counts. */
      readonly controlIncarnation: number
      /** The run that moved the system; absent in the first. */
      readonly run?: string
    }
  | ({ readonly kind: 'fence' } & Fence)
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
  | ({ readonly kind: 'config' } & AppliedNumber)
  | ({ readonly kind: 'config-taken'; readonly host: string } & AppliedNumber)
  | ({ readonly kind: 'adopted' } & Adoption)
  /** A person has looked at a run that was due for review. */
  | { readonly kind: 'review'; readonly workflowId: string; readonly run: string; readonly by: string; readonly note: string }
  | ({ readonly kind: 'suspicion' } & Suspicion)
  /**
   * A person has decided that nothing came of it: what these hosts signed counts again, and they may serve. `rebuilt`: something did,
   * and they were made anew: what they sign from then on counts.
   */
  | { readonly kind: 'suspicion-lifted'; readonly run: string; readonly by: string; readonly reason: string; readonly rebuilt?: true }
  /** A command of a run that must not be run twice has ended well. */
  | { readonly kind: 'step-done'; readonly run: string; readonly step: string }
  | {
      readonly kind: 'safety-set'
      readonly run: string
      readonly host: string
      readonly members: readonly SafetyMember[]
      readonly keepUntil: string
      /** The run whose safety set is in service again since then. */
      readonly broughtBack?: string
    }

/** Hosts that somebody else may have ruled since a moment. */
export interface Suspicion {
  /** The run that answers it. */
  readonly run: string
  /** ISO-8601 UTC. What the keys of these hosts signed after it is no recovery point. */
  readonly since: string
  readonly hosts: readonly string[]
  /** When it was written down: a key that a host was given later is not under suspicion. */
  readonly notedAt: string
  /** ISO-8601 UTC: since when the hosts are made anew; absent as long as nobody has said so. Never in the record itself. */
  readonly until?: string
}

/** From now on this Temporal counts: what the repository knows of before, it need not know. */
export interface Adoption {
  /** Of the namespace, as Temporal gave it. */
  readonly temporal: string
  /** ISO-8601 UTC: runs of which nothing newer is known need not be known there. */
  readonly until: string
  /** Who decided; `host <name>` where nobody had to. */
  readonly by: string
  readonly reason: string
  /** What was decided about: runs of which the repository and this Temporal did not say the same. */
  readonly runs: readonly AdoptedRun[]
  /** Further ones; 0 where all are named. */
  readonly more: number
}

export interface AdoptedRun {
  readonly workflowId: string
  readonly runId: string
  readonly decided: 'accepted' | 'terminated' | 'looked-at'
}

/** Written right before a run changes its system in place for the first time on a host: one whose end nobody knows is found by it. */
export interface BegunMark {
  readonly format: 'muster-begun-1'
  readonly organisation: string
  readonly system: string
  readonly procedure: string
  readonly run: { readonly workflowId: string; readonly runId: string }
  readonly startedAt: string
  /** The activity, and when it was scheduled. */
  readonly step: string
  readonly at: string
  readonly host: string
}

/** Where the old lives of a system end when it leaves a site: what they ship beyond is never used. */
export interface Fence {
  /** The run that fences. */
  readonly run: string
  /** The site that is fenced. */
  readonly site: string
  readonly proof: FenceProof
  readonly lives: readonly {
    readonly component: string
    readonly incarnation: string
    /** End of what the stores had. */
    readonly untilLsn: string
    /** Everything up to here is in the data that goes into service. */
    readonly replayedLsn: string
  }[]
}

/** Which configuration was applied, as the how manieth: only a higher number replaces what an agent has. */
export interface AppliedNumber {
  readonly configHash: string
  readonly number: number
}

export interface SafetyMember {
  readonly component: string
  /** The path that was replaced. */
  readonly path: string
  readonly safetyPath: string
  readonly sizeBytes: number
  /** Names directly in `safetyPath` that belong to another life of the database and not to this member. */
  readonly except?: readonly string[]
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
  forecast: 'muster-forecast',
  evidence: 'muster-evidence',
  begun: 'muster-begun',
  audit: 'muster-audit',
  kit: 'muster-kit',
  recoveryKit: 'muster-recovery-kit',
} as const

export type SignedKind = keyof typeof signatureNamespaces

/** A component of a signed config, for readers that look one up by id. */
export type ConfiguredComponent = ComponentConfig
