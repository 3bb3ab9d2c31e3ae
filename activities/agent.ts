/**
 * What the activities of a host or site are given: ports with their adapters behind them,
 * made from the signed config of a hash. Wiring builds it; nothing here knows an adapter.
 */
import type { PostgresqlPort } from '../adapters/component/postgresql/postgresql.ts'
import type { FilesPort } from '../adapters/component/files/files.ts'
import type { PostgresqlInstance } from '../adapters/component/postgresql/instance.ts'
import type { MembersPort } from '../adapters/component/member/members.ts'
import type { Decryption, Encryption, Signer, Verifier } from '../adapters/crypto/crypto.ts'
import type { Notifier } from '../adapters/notifier/notifier.ts'
import type { ServiceAdapter } from '../adapters/service/service.ts'
import type { Store } from '../adapters/store/store.ts'
import type { ComponentConfig, Config, SystemConfig } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import type { DocumentCache } from '../repository/document-cache.ts'
import type { BoundaryDeps } from './boundary.ts'

export interface AppliedConfig {
  readonly config: Config
  readonly hash: string
}

export interface Agent extends BoundaryDeps {
  readonly host: string
  readonly site: string
  readonly machineId: string
  readonly musterVersion: string
  /** Versions of age, tar and zstd, as they are recorded in manifests. */
  readonly tools: Readonly<Record<string, string>>
  /** State of this host: staging, locks, spool, catalog cache. */
  readonly hostDirectory: string
  /**
   * The config with this hash, its signature checked; the newest applied one for null.
   * @throws MusterError UnknownName | SignatureInvalid
   */
  config(hash: string | null): Promise<AppliedConfig>
  store(config: Config, name: string): Promise<Store>
  /** Believed keys, from the first of the stores that answers. */
  verifier(config: Config): Promise<Verifier>
  readonly cache: DocumentCache
  signer(): Promise<Signer>
  encryption(config: Config): Encryption
  /** @throws MusterError IdentityMissing */
  decryption(config: Config, identityFile: string | null): Promise<Decryption>
  readonly postgresql: PostgresqlPort
  readonly files: FilesPort
  readonly members: MembersPort
  /** A database of this host with its secret resolved. @throws MusterError UnknownName | SecretMissing */
  instance(config: Config, system: string, component: string): Promise<PostgresqlInstance>
  /** Unix socket of this host's WAL shipper. */
  readonly shipperSocket: string
  service(config: Config, system: string, name: string): ServiceAdapter
  notifiers(config: Config): Promise<readonly Notifier[]>
  now(): Date
}

export function systemOf(config: Config, system: string): SystemConfig {
  const found = config.systems[system]
  if (!found) {
    throw new MusterError('UnknownName', `there is no system "${system}"; configured are: ${Object.keys(config.systems).join(', ')}`)
  }
  return found
}

export function componentOf(config: Config, system: string, component: string): ComponentConfig {
  const found = systemOf(config, system).components[component]
  if (!found) {
    const known = Object.keys(systemOf(config, system).components).join(', ')
    throw new MusterError('UnknownName', `system "${system}" has no component "${component}"; it has: ${known}`)
  }
  return found
}
