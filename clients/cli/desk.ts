/** What the verbs are given: stores, keys and connections are handed in, none is made here. */
import type { Client } from '@temporalio/client'
import type { AppliedConfig } from '../applied.ts'
import type { ShipperStatus } from '../../adapters/component/postgresql/shipper-protocol.ts'
import type { ApprovalSigner, Decryption, Verifier } from '../../adapters/crypto/crypto.ts'
import type { Store } from '../../adapters/store/store.ts'
import type { LoadedConfig } from '../../config/load.ts'
import type { Witness } from '../../domain/audit-judgement.ts'
import type { Config } from '../../domain/config.ts'
import type { FilesManifest } from '../../domain/repository-format.ts'
import type { TreeEntry } from '../../domain/tree-index.ts'
import type { DocumentCache } from '../../repository/document-cache.ts'
import type { ApplyResult } from '../apply.ts'
import type { Replayer } from '../audit-replay.ts'
import type { Standing } from '../../domain/adoption.ts'
import type { Adopting } from '../adopt.ts'
import type { HeldBack } from '../held-back.ts'
import type { DivergedReport } from './diverged.ts'
import type { GuardAnswer, GuardOptions, PrintedUnits } from './guard.ts'
import type { OpenedRepository, OpenRepositoryOptions } from './open.ts'
import type { Output } from './output.ts'
import type { RestoredCopies } from './restored-copies.ts'

export interface Desk {
  readonly out: Output
  readonly places: { readonly configFile: string; readonly home: string; readonly keys: string }
  /** Who asks: MUSTER_USER, else the operating-system user. A claim. */
  readonly user: string
  /** Of the Temporal UI, such as `http://127.0.0.1:8233`. */
  readonly uiUrl: string
  /** muster.yaml as it stands. */
  load(): Promise<LoadedConfig>
  /** The signed config of a hash; the newest applied for null. */
  applied(hash: string | null): Promise<AppliedConfig>
  store(config: Config, name: string): Promise<Store>
  verifier(): Promise<Verifier>
  /** Believes control keys alone. */
  controlVerifier(): Promise<Verifier>
  decryption(config: Config, identityFile: string | null): Promise<Decryption>
  /** Signs in the name of the person at the terminal. */
  readonly signApproval: ApprovalSigner['sign']
  cacheOf(host: string): DocumentCache
  /** Entries of a tree backup, from its index; decrypted with the identity on this host. */
  treeEntries?(manifest: FilesManifest, storeName: string, identityFile: string | null): AsyncIterable<TreeEntry>
  /** Null when no shipper answers on this host. */
  shipperStatus(host: string): Promise<ShipperStatus | null>
  temporal(): Promise<Client>
  readonly restoredCopies: RestoredCopies
  /** What this host remembers of audit chains. */
  auditWitnesses(): Promise<readonly Witness[]>
  /** Replays archived histories. */
  readonly replayer: Replayer
  /** Notes, with the control key, that a person has looked at a run. @throws MusterError SecretMissing */
  recordReview(config: Config, system: string, review: { readonly workflowId: string; readonly run: string; readonly note: string }): Promise<void>
  /** Takes a suspicion back, with the control key. @throws MusterError SecretMissing | UnknownName */
  liftSuspicion(
    config: Config,
    system: string,
    lift: { readonly run: string; readonly reason: string; readonly rebuilt: boolean },
  ): Promise<{ readonly run: string; readonly hosts: readonly string[]; readonly others: readonly string[] }>
  apply(options: { readonly dryRun: boolean; readonly withoutTemporal: boolean }): Promise<ApplyResult>
  /** How this Temporal stands to the repository, and what adopting it would decide. @throws MusterError TemporalUnreachable, ConfigInvalid */
  adopting(): Promise<Adopting>
  /** The same in short, in seconds; null where Temporal does not answer or nothing was applied. */
  standing(): Promise<Standing | null>
  /** Whether nobody works for this Temporal because workers are held back; waits, and says so, while they may still adopt it by themselves. */
  heldBack(options: { readonly say: ((text: string) => void) | null }): Promise<HeldBack | null>
  /** Whether this machine can apply: it has the control key. */
  canApply(): Promise<boolean>
  init(options: {
    readonly organisation: string
    readonly system: string
    readonly store: string | null
    readonly paths: readonly string[]
    readonly force: boolean
    readonly dataDirectory?: string | null
  }): Promise<InitResult>
  /** Sets this machine up from one store. @throws MusterError; then nothing was written */
  openRepository(options: OpenRepositoryOptions): Promise<OpenedRepository>
  doctor(options: { readonly system: string | null }): Promise<readonly DoctorFinding[]>
  up(options: { readonly uiPort: number; readonly port: number; readonly listen: string; readonly host?: string; readonly site?: string }): Promise<void>
  /** Starts an embedded Temporal with this host's agent, unless they run; from then on `temporal` is that one. */
  goOffline(options: {
    /** Site that the system would move to: must be the one of this machine. */
    readonly goesTo: string
    readonly port: number
    readonly uiPort: number
    readonly listen: string
    readonly say: (text: string) => void
    /** What a person must not miss: on the other hosts of the site something has to be typed too. */
    readonly warn: (text: string) => void
  }): Promise<{ readonly ui: string }>
  /** Why this host may serve the system. @throws MusterError where it may not, or where that cannot be known */
  guard(system: string, options: GuardOptions): Promise<GuardAnswer>
  /** What each store says, a JSON line as soon as it has answered. */
  guardLook(system: string, options: { readonly host?: string }, say: (line: string) => void): Promise<void>
  guardUnits(system: string, options: { readonly host?: string; readonly site?: string }): Promise<PrintedUnits>
  /** What this host committed after its site was fenced. */
  diverged(system: string, options: { readonly host?: string }): Promise<DivergedReport>
  /** Runs a command with our terminal and signals. @returns its exit code */
  runInFront(words: readonly string[]): Promise<number>
  shipper(options: { readonly host: string; readonly site: string }): Promise<void>
  worker(options: {
    readonly host: string
    readonly site: string
    readonly roles: { readonly workflows: boolean; readonly site: boolean; readonly host: boolean }
  }): Promise<void>
}

export interface InitResult {
  readonly configFile: string
  readonly created: readonly string[]
  readonly rootFingerprint: string
  readonly recipients: readonly string[]
  readonly notes: readonly string[]
}

/** One thing that `doctor` looked at. */
export interface DoctorFinding {
  readonly about: string
  readonly ok: boolean
  /** Does not stop backups, but a person should know. */
  readonly severity: 'ok' | 'warning' | 'problem'
  readonly message: string
  readonly hint: string | null
}
