/** Takes a suspicion back: a control record of the system, by the control key, so that no host can clear itself. */
import { join } from 'node:path'
import { loadSigner } from '../adapters/crypto/signature.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import type { Config } from '../domain/config.ts'
import { controlWriter, foldRecords } from '../domain/control-state.ts'
import { MusterError } from '../domain/failures.ts'
import type { ControlRecord, Suspicion } from '../domain/repository-format.ts'
import { appendRecord } from '../repository/control-records.ts'
import { keyFiles, type Places } from './places.ts'
import { createStore } from './stores.ts'
import { localTrust } from './trust.ts'

export interface Lift {
  readonly config: Config
  readonly system: string
  /** The run that noted it, or its run id. */
  readonly run: string
  readonly by: string
  readonly reason: string
  /** The hosts were made anew: only what they sign from now on counts. */
  readonly rebuilt: boolean
}

export interface Lifted extends Pick<Suspicion, 'run' | 'hosts'> {
  /** Runs that still have one of these hosts under suspicion: each answer to a breach notes its own. */
  readonly others: readonly string[]
}

/** @throws MusterError UnknownName; SecretMissing where the control key is not here; Unreachable */
export async function liftSuspicion(places: Places, { config, system, run, by, reason, rebuilt }: Lift): Promise<Lifted> {
  const secrets = createSecretResolver()
  const signer = await loadSigner(join(places.keys, keyFiles.control))
  const { verifier } = await localTrust(places)
  const stores = Object.keys(config.stores).map((name) => createStore(config, name, secrets))
  const writer = { stores, verifier, signer, organisation: config.organisation, by: controlWriter, now: () => new Date() }
  let lifted: Suspicion | null = null
  const records = await appendRecord(writer, system, (records) => {
    lifted = named(records, system, run)
    return { kind: 'suspicion-lifted', run: lifted.run, by, reason, ...(rebuilt && { rebuilt: true as const }) }
  })
  const { run: noted, hosts } = lifted as unknown as Suspicion
  const left = foldRecords(records).suspicions.filter((one) => one.until === undefined && one.hosts.some((host) => hosts.includes(host)))
  return { run: noted, hosts, others: left.map((one) => one.run) }
}

function named(records: readonly ControlRecord[], system: string, run: string): Suspicion {
  const suspicions = foldRecords(records).suspicions.filter(({ until }) => until === undefined)
  const found = suspicions.find((one) => one.run === run || one.run.endsWith(`:${run}`))
  if (found) return found
  throw new MusterError('UnknownName', `no suspicion of ${system} was noted by "${run}"; noted by: ${suspicions.map((one) => one.run).join(', ') || 'none'}`)
}
