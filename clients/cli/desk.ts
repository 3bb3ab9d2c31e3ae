/** What the verbs are given: stores, keys and connections are handed in, none is made here. */
import type { Client } from '@temporalio/client'
import type { AppliedConfig } from '../applied.ts'
import type { ShipperStatus } from '../../adapters/component/postgresql/shipper-protocol.ts'
import type { Decryption, Verifier } from '../../adapters/crypto/crypto.ts'
import type { Store } from '../../adapters/store/store.ts'
import type { LoadedConfig } from '../../config/load.ts'
import type { Config } from '../../domain/config.ts'
import type { FilesManifest } from '../../domain/repository-format.ts'
import type { TreeEntry } from '../../domain/tree-index.ts'
import type { DocumentCache } from '../../repository/document-cache.ts'
import type { ApplyResult } from '../apply.ts'
import type { Output } from './output.ts'

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
  decryption(config: Config, identityFile: string | null): Promise<Decryption>
  cacheOf(host: string): DocumentCache
  /** Entries of a tree backup, from its index; decrypted with the identity on this host. */
  treeEntries?(manifest: FilesManifest, storeName: string, identityFile: string | null): AsyncIterable<TreeEntry>
  /** Null when no shipper answers on this host. */
  shipperStatus(host: string): Promise<ShipperStatus | null>
  temporal(): Promise<Client>
  apply(options: { readonly dryRun: boolean; readonly withoutTemporal: boolean }): Promise<ApplyResult>
  init(options: {
    readonly organisation: string
    readonly system: string
    readonly store: string | null
    readonly paths: readonly string[]
    readonly force: boolean
    readonly dataDirectory?: string | null
  }): Promise<InitResult>
  doctor(options: { readonly system: string | null }): Promise<readonly DoctorFinding[]>
  up(options: { readonly uiPort: number; readonly port: number }): Promise<void>
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
