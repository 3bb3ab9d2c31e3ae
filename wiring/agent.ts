/** Puts the agent of a host together: adapters behind ports, from the signed config of a hash. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from '@temporalio/client'
import type { Agent } from '../activities/agent.ts'
import { systemOf } from '../activities/agent.ts'
import { createStepAhead } from '../activities/step-ahead.ts'
import { files } from '../adapters/component/files/files.ts'
import { members } from '../adapters/component/member/members.ts'
import { postgresql } from '../adapters/component/postgresql/postgresql.ts'
import { approvalVerifier } from '../adapters/crypto/approval-signature.ts'
import { createAgeEncryption } from '../adapters/crypto/age.ts'
import { loadSigner } from '../adapters/crypto/signature.ts'
import { runSmokeCommand } from '../adapters/process/smoke-command.ts'
import { endLabelled } from '../adapters/process/find-processes.ts'
import { hasProgram } from '../adapters/process/launch.ts'
import { recordOwnerCommand, runOwnerCommand } from '../adapters/process/owner-command.ts'
import { runTool } from '../adapters/process/run-tool.ts'
import type { Histories } from '../adapters/history/history.ts'
import { createTemporalHistories } from '../adapters/history/temporal.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import { createService } from '../adapters/service/create.ts'
import { lookAtHealth } from '../adapters/service/health.ts'
import { moveSchedules } from '../clients/schedules.ts'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import { placedAt } from '../domain/placement.ts'
import { createLogger } from '../observability/logger.ts'
import { createDocumentCache } from '../repository/document-cache.ts'
import { createConfigKeeper } from './config-keeper.ts'
import { decryptionOf } from './decryption.ts'
import { createDns } from './dns.ts'
import { instanceOf } from './instance.ts'
import { createContactNotifiers, createNotifiers } from './notifiers.ts'
import { musterVersion } from './package-root.ts'
import { hostDirectory, keyFiles, type Places, shipperSocket } from './places.ts'
import { findReplayKit } from './replay-kits.ts'
import { createStore } from './stores.ts'
import { localTrust } from './trust.ts'

export { musterVersion, packageRoot } from './package-root.ts'

export interface AgentOptions {
  readonly places: Places
  readonly host: string
  readonly site: string
  /** Work without progress for so long is ended. */
  readonly noProgressSeconds?: number
  /** Of the Temporal that gives this agent its work: its histories, and the schedules that follow a system that moves. */
  readonly temporal?: Client
}

/** Of an agent that works for no Temporal, as the WAL shipper's. */
const noHistories: Histories = {
  soFar: () => Promise.reject(withoutTemporal()),
  closed: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(withoutTemporal()) }) }),
  phaseOf: () => Promise.reject(withoutTemporal()),
  read: () => Promise.reject(withoutTemporal()),
}

function withoutTemporal(): MusterError {
  return new MusterError('TemporalUnreachable', 'this agent was started without Temporal')
}

export async function createAgent({ places, host, site, noProgressSeconds = 900, temporal }: AgentOptions): Promise<Agent> {
  const secrets = createSecretResolver()
  const directory = hostDirectory(places, host)
  await mkdir(directory, { recursive: true, mode: 0o711 })
  const verifier = async () => (await localTrust(places)).verifier
  const signer = () => loadSigner(join(places.keys, keyFiles.host(host)))
  const openStore = async (config: Config, name: string) => createStore(config, name, secrets)
  const keeper = createConfigKeeper({ places, host, openStore, signer, log: createLogger({ room: 'config', host }) })
  const log = createLogger({ room: 'activities', host })
  const config: Agent['config'] = async (hash) => {
    const { config: whole, hash: found } = await keeper.config(hash)
    return { config: placedAt(whole, site), whole, hash: found }
  }
  return {
    stepAhead: createStepAhead({ hostDirectory: directory, host, config, store: openStore, signer, log }),
    host,
    site,
    machineId: await readFile('/etc/machine-id', 'utf8').then(
      (text) => text.trim(),
      () => 'unknown',
    ),
    musterVersion,
    tools: await toolVersions(),
    hostDirectory: directory,
    shipperSocket: shipperSocket(places, host),
    noProgressSeconds,
    log,
    endLabelled: (label) => endLabelled(label),
    config,
    async takeConfig(documents) {
      if (documents !== null) return keeper.take(documents)
      const taken = await keeper.catchUp()
      await keeper.confirm()
      return taken
    },
    store: openStore,
    verifier,
    controlVerifier: async () => (await localTrust(places)).controlVerifier,
    cache: createDocumentCache(join(directory, 'catalog')),
    signer,
    encryption: (config) => createAgeEncryption(config.encryption.recipients),
    decryption: (config, identityFile) => decryptionOf(config, identityFile),
    approvals: approvalVerifier,
    runSmokeCommand,
    hasProgram,
    runCommand: runOwnerCommand,
    recordCommand: recordOwnerCommand,
    secret: (reference) => secrets.resolve(reference),
    postgresql,
    files,
    members,
    instance: (config, system, component) => instanceOf(config, system, component, directory),
    service(config, system, name) {
      const service = systemOf(config, system).services.find((one) => one.name === name)
      if (!service) throw new MusterError('UnknownName', `system "${system}" has no service "${name}"`)
      return createService(service)
    },
    lookAt: (check, signal) => lookAtHealth(check, undefined, signal),
    dns: (record, work) => createDns(record, secrets, work),
    moveSchedules: async (system, at) => (temporal ? moveSchedules(temporal, system, at, async (hash) => (await keeper.config(hash)).config) : null),
    notifiers: async (config) => createNotifiers(config, places, secrets),
    contactNotifiers: async (config, contact) => createContactNotifiers(config, contact, places, secrets),
    histories: temporal ? createTemporalHistories(temporal) : noHistories,
    replayKit: (code) => findReplayKit(places, code),
    now: () => new Date(),
  }
}

async function toolVersions(): Promise<Readonly<Record<string, string>>> {
  const versions: Record<string, string> = {}
  for (const tool of ['age', 'tar', 'zstd']) {
    const { stdout } = await runTool(tool, ['--version'])
    versions[tool] = stdout.split('\n')[0] ?? ''
  }
  return versions
}
