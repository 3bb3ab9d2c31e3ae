/**
 * What the activities of a host or site are given: ports with their adapters behind them,
 * made from the signed config of a hash. Wiring builds it; nothing here knows an adapter.
 */
import type { PostgresqlPort } from '../adapters/component/postgresql/postgresql.ts'
import type { FilesPort } from '../adapters/component/files/files.ts'
import type { PostgresqlInstance } from '../adapters/component/postgresql/instance.ts'
import type { MembersPort } from '../adapters/component/member/members.ts'
import type { ApprovalVerifier, Decryption, Encryption, Signer, Verifier } from '../adapters/crypto/crypto.ts'
import type { Dns, DnsWork } from '../adapters/dns/dns.ts'
import type { Histories } from '../adapters/history/history.ts'
import type { Notifier } from '../adapters/notifier/notifier.ts'
import type { ServiceAdapter } from '../adapters/service/service.ts'
import type { Store } from '../adapters/store/store.ts'
import type { ComponentConfig, Config, ContactConfig, DnsRecordConfig, HealthCheck, SecretReference, SystemConfig } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import type { ConfigDocuments } from '../repository/config-documents.ts'
import type { LocalKit } from '../repository/replay-kits.ts'
import type { DocumentCache } from '../repository/document-cache.ts'
import type { AppliedNumber } from '../domain/repository-format.ts'
import type { BoundaryDeps } from './boundary.ts'

export interface AppliedConfig {
  /** Each system as it is at the site of this agent. */
  readonly config: Config
  readonly hash: string
  /** As it was signed: each system at home. */
  readonly whole: Config
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
   * The config with this hash, its signature checked; the newest applied one for null. One that this host was never
   * given is looked for in the stores it knows.
   * @throws MusterError ConfigInvalid | ObjectMissing | SignatureInvalid | KeyNotTrusted
   */
  config(hash: string | null): Promise<AppliedConfig>
  /**
   * Takes a config as this host's newest, if the control key signed it and it is not older than what is here. For null
   * it takes what the stores say was applied last.
   * @throws MusterError KeyNotTrusted | SignatureInvalid | ManifestInvalid | WrongTarget | PreconditionFailed | Unreachable
   */
  takeConfig(documents: ConfigDocuments | null): Promise<AppliedNumber & { readonly isNew: boolean }>
  store(config: Config, name: string): Promise<Store>
  /** Believed keys, from the first of the stores that answers. */
  verifier(config: Config): Promise<Verifier>
  /** Believes control keys alone. */
  controlVerifier(): Promise<Verifier>
  readonly cache: DocumentCache
  signer(): Promise<Signer>
  encryption(config: Config): Encryption
  /** @throws MusterError IdentityMissing */
  decryption(config: Config, identityFile: string | null): Promise<Decryption>
  /** Runs the smoke command of a drill, whose exit code is the answer, without a network where the host allows that. @throws MusterError CheckFailed */
  runSmokeCommand(
    words: readonly string[],
    options: {
      readonly signal?: AbortSignal
      readonly label?: string
      readonly env: Readonly<Record<string, string>>
      readonly what?: string
      readonly timeoutSeconds?: number
    },
  ): Promise<void>
  /** Whether a program of the owner's is on this host and may be run; nothing is started. */
  hasProgram(program: string): boolean
  /** Runs a command of the owner's. @throws MusterError CommandFailed with its last words, Timeout, Cancelled */
  runCommand(words: readonly string[], options: { readonly signal: AbortSignal; readonly label: string; readonly timeoutSeconds: number }): Promise<void>
  /** The same with what it prints in a new file. @throws MusterError as `runCommand` */
  recordCommand(
    words: readonly string[],
    file: string,
    options: { readonly signal: AbortSignal; readonly label: string; readonly timeoutSeconds: number },
  ): Promise<void>
  /** What a secret reference leads to on this host. @throws MusterError SecretMissing */
  secret(reference: SecretReference): Promise<string>
  /** Signatures of people. */
  readonly approvals: ApprovalVerifier
  readonly postgresql: PostgresqlPort
  readonly files: FilesPort
  readonly members: MembersPort
  /** A database of this host with its secret resolved. @throws MusterError UnknownName | SecretMissing */
  instance(config: Config, system: string, component: string): Promise<PostgresqlInstance>
  /** Unix socket of this host's WAL shipper. */
  readonly shipperSocket: string
  service(config: Config, system: string, name: string): ServiceAdapter
  /** One look from this host, whether what is asked answers as it should. What does not is in the result. @throws MusterError Cancelled */
  lookAt(check: HealthCheck, signal?: AbortSignal): Promise<{ readonly healthy: boolean; readonly detail: string }>
  /** Nothing is asked, and no secret resolved, before a method is called. */
  dns(record: DnsRecordConfig, work: DnsWork): Dns
  /**
   * Makes the schedules of a system those of a site. @returns ids of those that changed; null where this agent does not know
   * Temporal's schedules
   */
  moveSchedules(system: string, site: string): Promise<readonly string[] | null>
  notifiers(config: Config): Promise<readonly Notifier[]>
  /** One for each channel of a contact, in their order; one by its name is the same as among `notifiers`. */
  contactNotifiers(config: Config, contact: ContactConfig): Promise<readonly Notifier[]>
  /** What Temporal remembers of runs: for evidence, never a condition of a recovery. */
  readonly histories: Histories
  /** What replays the runs of a code; null where this host has none of it. */
  replayKit(code: string): Promise<LocalKit | null>
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
