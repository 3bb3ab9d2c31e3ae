/** Puts the agent of a host together: adapters behind ports, from the signed config of a hash. */
import { readFileSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Agent } from '../activities/agent.ts'
import { componentOf, systemOf } from '../activities/agent.ts'
import { files } from '../adapters/component/files/files.ts'
import { members } from '../adapters/component/member/members.ts'
import type { PostgresqlInstance } from '../adapters/component/postgresql/instance.ts'
import { postgresql } from '../adapters/component/postgresql/postgresql.ts'
import { createAgeDecryption, createAgeEncryption } from '../adapters/crypto/age.ts'
import { loadSigner } from '../adapters/crypto/signature.ts'
import { endLabelled } from '../adapters/process/find-processes.ts'
import { runTool } from '../adapters/process/run-tool.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import { createService } from '../adapters/service/create.ts'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import { createLogger } from '../observability/logger.ts'
import { createDocumentCache } from '../repository/document-cache.ts'
import { readAppliedConfig } from './applied-config.ts'
import { createNotifiers } from './notifiers.ts'
import { hostDirectory, keyFiles, type Places, shipperSocket } from './places.ts'
import { createStore } from './stores.ts'
import { localTrust } from './trust.ts'

export const musterVersion: string = (JSON.parse(readFileSync(packageFile(), 'utf8')) as { version: string }).version

/** package.json of the clone, from the sources and from dist/ alike. */
export function packageRoot(): string {
  const here = new URL('..', import.meta.url).pathname.replace(/\/$/, '')
  return here.endsWith('/dist') ? here.slice(0, -'/dist'.length) : here
}

function packageFile(): string {
  return join(packageRoot(), 'package.json')
}

export interface AgentOptions {
  readonly places: Places
  readonly host: string
  readonly site: string
  /** Work without progress for so long is ended. */
  readonly noProgressSeconds?: number
}

export async function createAgent({ places, host, site, noProgressSeconds = 900 }: AgentOptions): Promise<Agent> {
  const secrets = createSecretResolver()
  const directory = hostDirectory(places, host)
  await mkdir(directory, { recursive: true, mode: 0o711 })
  const verifier = async () => (await localTrust(places)).verifier
  return {
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
    log: createLogger({ room: 'activities', host }),
    endLabelled: (label) => endLabelled(label),
    config: async (hash) => readAppliedConfig(places, await verifier(), hash),
    store: async (config, name) => createStore(config, name, secrets),
    verifier,
    cache: createDocumentCache(join(directory, 'catalog')),
    signer: () => loadSigner(join(places.keys, keyFiles.host(host))),
    encryption: (config) => createAgeEncryption(config.encryption.recipients),
    decryption: (config, identityFile) => decryptionOf(config, identityFile),
    postgresql,
    files,
    members,
    instance: (config, system, component) => instanceOf(config, system, component, directory),
    service(config, system, name) {
      const service = systemOf(config, system).services.find((one) => one.name === name)
      if (!service) throw new MusterError('UnknownName', `system "${system}" has no service "${name}"`)
      return createService(service)
    },
    notifiers: async (config) => createNotifiers(config, places, secrets),
    now: () => new Date(),
  }
}

/** The identity is a file on this host; it is never copied, and never in an input. */
export async function decryptionOf(config: Config, identityFile: string | null) {
  const reference = config.encryption.identity
  if (identityFile === null && !reference.startsWith('file:'))
    throw new MusterError('IdentityMissing', `encryption.identity must be file:/path, not ${reference}`)
  const path = identityFile ?? reference.slice('file:'.length)
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) throw new MusterError('IdentityMissing', `the age identity ${path} cannot be read on this host`)
  return createAgeDecryption(path)
}

export async function instanceOf(config: Config, system: string, component: string, directory: string): Promise<PostgresqlInstance> {
  const found = componentOf(config, system, component)
  if (found.type !== 'postgresql') throw new MusterError('InvalidInput', `${system}/${component} is not a PostgreSQL component`)
  const { password } = found.connection
  return {
    system,
    component,
    config: found,
    password: password === undefined ? null : await createSecretResolver().resolve(password),
    runDirectory: join(directory, 'run', `${system}-${component}`),
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
