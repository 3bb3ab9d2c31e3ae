/** How this Temporal stands to the repository, as this machine sees it; and a person's adoption of it. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '@temporalio/client'
import { type HostedNotes, knownByNote, readNotes } from '../activities/run-notes.ts'
import { loadSigner } from '../adapters/crypto/signature.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import { placedWhereActive } from '../clients/active-sites.ts'
import { adopt, type Adopting } from '../clients/adopt.ts'
import { isServed } from '../clients/served.ts'
import { applySchedules, type ScheduleChange } from '../clients/schedules.ts'
import { gatherStanding } from '../clients/standing.ts'
import type { Standing } from '../domain/adoption.ts'
import type { Config, SignedConfig } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import { createDocumentCache } from '../repository/document-cache.ts'
import type { RecordWriter } from '../repository/incarnations.ts'
import { within } from '../repository/within.ts'
import { readAppliedConfig } from './applied-config.ts'
import { hostsHere } from './doctor/keys.ts'
import { makeAttributesKnown } from './known-attributes.ts'
import { hostDirectory, keyFiles, type Places } from './places.ts'
import { createStore } from './stores.ts'
import { localTrust } from './trust.ts'

export interface StandingOptions {
  /** Of each system; the newest few are enough to see whether something is wrong. */
  readonly most?: number
  /** False leaves out what only this host knows. */
  readonly withNotes?: boolean
  readonly secondsEach?: number
}

/** They look for the record every second or so, and begin to poll then. */
const backWithinMs = 10_000
const lookSeconds = 20
const few = 3
const many = 200
const storeSeconds = 5

/** @throws MusterError ConfigInvalid where nothing was applied yet; what Temporal's client throws */
export async function standingHere(
  places: Places,
  client: Client,
  { most = few, secondsEach = storeSeconds, withNotes = true }: StandingOptions = {},
): Promise<Standing> {
  const { verifier } = await localTrust(places)
  const { config } = await readAppliedConfig(places, verifier, null)
  const hosts = await hostsHere(places, hostsOf(config))
  const notes = withNotes ? (await Promise.all(hosts.map((host) => readNotes(notesOf(places, host))))).flat() : []
  const secrets = createSecretResolver()
  return gatherStanding({
    client,
    config,
    store: async (name) => createStore(config, name, secrets),
    verifier,
    cache: createDocumentCache(join(hostDirectory(places, hosts[0] ?? 'localhost'), 'catalog')),
    notes: notes.map(knownByNote),
    now: new Date(),
    secondsEach,
    most,
  })
}

/** For who looks at more than that. Never throws: that Temporal does not answer, or nothing was applied, is told elsewhere. */
export async function standingOrNull(places: Places, temporal: () => Promise<Client>): Promise<Standing | null> {
  try {
    return await within(lookSeconds, async () => standingHere(places, await temporal()), 'Temporal')
  } catch {
    return null
  }
}

/** Everything that an adoption would decide. */
export async function adoptingHere(places: Places, client: Client): Promise<Adopting> {
  const standing = await standingHere(places, client, { most: many, secondsEach: 4 * storeSeconds })
  const { verifier } = await localTrust(places)
  const applied = await readAppliedConfig(places, verifier, null)
  return {
    standing,
    schedules: await schedulesHere(client, applied, verifier, false),
    adopt: async (request) => adopt({ client, standing, writer: await writerHere(places, applied.config), ...request }),
    async makeSchedules() {
      await makeAttributesKnown(client)
      return schedulesHere(client, applied, verifier, true)
    },
    async workersBack() {
      for (let waited = 0; waited < backWithinMs; waited += 500) {
        if (await isServed(client)) return true
        await sleep(500)
      }
      return false
    },
  }
}

/** With `write` makes Temporal's schedules those of the applied configuration, where each system is active. */
export async function schedulesHere(
  client: Client,
  { config, hash }: SignedConfig,
  verifier: RecordWriter['verifier'],
  write: boolean,
): Promise<readonly ScheduleChange[]> {
  const secrets = createSecretResolver()
  const stores = Object.keys(config.stores).map((name) => createStore(config, name, secrets))
  const changes = await applySchedules(client, await placedWhereActive(config, { stores, verifier }), hash, write, config)
  return changes.filter(({ change }) => change !== 'keep')
}

/** With the control key where that is, else with the key of this host: a machine that was set up from a store has no other. */
export async function writerHere(places: Places, config: Config): Promise<RecordWriter> {
  const { verifier } = await localTrust(places)
  const secrets = createSecretResolver()
  const stores = Object.keys(config.stores).map((name) => createStore(config, name, secrets))
  const common = { stores, verifier, organisation: config.organisation, now: () => new Date() }
  const control = join(places.keys, keyFiles.control)
  if (await isThere(control)) return { ...common, signer: await loadSigner(control), by: 'control' }
  const [host] = await hostsHere(places, hostsOf(config))
  if (host === undefined)
    throw new MusterError('SecretMissing', `neither the control key nor the key of a configured host is in ${places.keys}`, {
      hint: 'run it where the control key is, or on a host',
    })
  return { ...common, signer: await loadSigner(join(places.keys, keyFiles.host(host))), by: host }
}

/** Whether this machine can apply a configuration. */
export function hasControlKey(places: Places): Promise<boolean> {
  return isThere(join(places.keys, keyFiles.control))
}

function notesOf(places: Places, host: string): HostedNotes {
  return { hostDirectory: hostDirectory(places, host) }
}

function hostsOf(config: Config): readonly string[] {
  return Object.values(config.sites).flatMap(({ hosts }) => [...hosts])
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
