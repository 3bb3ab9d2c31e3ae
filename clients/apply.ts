/**
 * Applies a configuration: keys, marker, signed config, site records and recovery kits into every store, the record of its number, the
 * config to this host and to every agent that answers, schedules to Temporal. Succeeds when one store and every agent
 * that answers has it; the others are a debt.
 */
import { randomUUID } from 'node:crypto'
import type { Client } from '@temporalio/client'
import type { Signer, Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { configHash } from '../config/canonical.ts'
import type { Config } from '../domain/config.ts'
import { foldRecords } from '../domain/control-state.ts'
import { siteOfSystem } from '../domain/copies.ts'
import { MusterError } from '../domain/failures.ts'
import { configKey, storeMarkerKey } from '../domain/object-keys.ts'
import type { StoreMarker } from '../domain/repository-format.ts'
import { recordApplied } from '../repository/applied-records.ts'
import type { ConfigDocuments } from '../repository/config-documents.ts'
import { appendRecord } from '../repository/control-records.ts'
import type { RecordWriter } from '../repository/incarnations.ts'
import { signDocument } from '../repository/signed-document.ts'
import type { KitStatus } from '../repository/view-kits.ts'
import type { AskedAgent } from '../workflows/messages.ts'
import { placedWhereActive } from './active-sites.ts'
import { type KitMaker, updateKits } from './recovery-kits.ts'
import { installOnAgents } from './install.ts'
import { applySchedules, type ScheduleChange } from './schedules.ts'

export interface ApplyDeps {
  readonly config: Config
  readonly control: Signer
  readonly verifier: Verifier
  /** Believes control keys alone. */
  readonly controlVerifier: Verifier
  /** The key lists as they are stored, in order. */
  readonly keyLists: readonly { readonly key: string; readonly bytes: Buffer }[]
  readonly store: (name: string) => Promise<Store>
  /** Makes the root of a directory store where that is allowed. */
  readonly prepareStore: (name: string) => Promise<void>
  /** Number of the configuration that this host has; 0 where it has none. */
  readonly numberHere: number
  /** Recovery kits of other sites, as they are to be had here. */
  readonly encryption: KitMaker['encryption']
  readonly gatherKit: KitMaker['gather']
  readonly saveLocally: (documents: ConfigDocuments) => Promise<unknown>
  /** Null where Temporal is left out, and with it the agents of other hosts and the schedules. */
  readonly temporal: Client | null
  readonly by: string
  /** Who runs it, for the run that brings it to the agents. */
  readonly requestedBy: string
  readonly now: () => Date
  /** Until an agent that does not answer is owed it. */
  readonly waitSeconds?: number
}

export interface ApplyResult {
  readonly configHash: string
  readonly stores: readonly { readonly store: string; readonly ok: boolean; readonly problem: string | null }[]
  /** Of each site that has a recovery kit. */
  readonly kits: readonly KitStatus[]
  /** Empty where Temporal was left out. */
  readonly agents: readonly AskedAgent[]
  /** Empty, and left as they are, where an agent refused the configuration. */
  readonly schedules: readonly ScheduleChange[]
}

export async function applyConfig(deps: ApplyDeps, dryRun: boolean): Promise<ApplyResult> {
  const hash = configHash(deps.config)
  if (dryRun) {
    const schedules = deps.temporal ? await applySchedules(deps.temporal, await whereActive(deps), hash, false, deps.config) : []
    return { configHash: hash, stores: [], kits: [], agents: [], schedules }
  }
  const bytes = signDocument(deps.control, 'config', deps.config)
  const stores = await applyToStores(deps, hash, bytes)
  const reachable = await Promise.all(stores.filter(({ ok }) => ok).map(({ store }) => deps.store(store)))
  const writer = { stores: reachable, signer: deps.control, organisation: deps.config.organisation, by: deps.by, now: deps.now }
  const applied = await recordApplied({ ...writer, verifier: deps.controlVerifier }, hash, deps.numberHere)
  const documents: ConfigDocuments = { keyLists: deps.keyLists.map((one) => one.bytes), applied, config: bytes }
  await deps.saveLocally(documents)
  await writeSiteRecords({ ...writer, verifier: deps.verifier }, deps.config)
  const { config, control, controlVerifier, store, encryption, gatherKit: gather, now } = deps
  const kits = await updateKits({ config, configHash: hash, control, controlVerifier, store, encryption, gather, now })
  if (!deps.temporal) return { configHash: hash, stores, kits, agents: [], schedules: [] }
  const agents = await installOnAgents(deps.temporal, {
    hosts: Object.values(deps.config.sites).flatMap((site) => [...site.hosts]),
    sites: Object.keys(deps.config.sites),
    documents,
    requestedBy: deps.requestedBy,
    ...(deps.waitSeconds !== undefined && { waitSeconds: deps.waitSeconds }),
  })
  // Runs that a schedule starts name the configuration: where an agent refused it, they would all fail there.
  const refused = agents.some(({ state }) => state === 'refused')
  return {
    configHash: hash,
    stores,
    kits,
    agents,
    schedules: refused ? [] : await applySchedules(deps.temporal, await whereActive(deps), hash, true, deps.config),
  }
}

/** Schedules are those of the site where each system is active. */
async function whereActive({ config, verifier, store }: ApplyDeps): Promise<Config> {
  const opened = await Promise.allSettled(Object.keys(config.stores).map((name) => store(name)))
  return placedWhereActive(config, { stores: opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])), verifier })
}

/** @throws MusterError CopiesMissing when no store took it */
async function applyToStores(deps: ApplyDeps, hash: string, bytes: Buffer): Promise<ApplyResult['stores']> {
  const stores: { store: string; ok: boolean; problem: string | null }[] = []
  for (const name of Object.keys(deps.config.stores)) {
    try {
      await applyToStore(deps, name, hash, bytes)
      stores.push({ store: name, ok: true, problem: null })
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      stores.push({ store: name, ok: false, problem: `${error.message}; ${error.hint}` })
    }
  }
  if (stores.some(({ ok }) => ok)) return stores
  throw new MusterError('CopiesMissing', `no store took the configuration: ${stores.map(({ store, problem }) => `${store}: ${problem}`).join('; ')}`)
}

async function applyToStore(deps: ApplyDeps, name: string, hash: string, bytes: Buffer): Promise<void> {
  await deps.prepareStore(name)
  const store = await deps.store(name)
  const marker: StoreMarker = {
    format: 'muster-store-1',
    organisation: deps.config.organisation,
    store: name,
    id: randomUUID(),
    createdAt: deps.now().toISOString(),
  }
  if ((await store.putBytes(storeMarkerKey, Buffer.from(`${JSON.stringify(marker)}\n`))) === 'exists') {
    const there = JSON.parse((await store.readBytes(storeMarkerKey)).toString('utf8')) as StoreMarker
    if (there.organisation !== deps.config.organisation || there.store !== name) {
      throw new MusterError('WrongTarget', `store "${name}" is marked as store "${there.store}" of "${there.organisation}"`, {
        hint: 'correct its path, bucket or prefix: two stores never share a place',
      })
    }
  }
  for (const { key, bytes: list } of deps.keyLists) {
    if ((await store.putBytes(key, list)) === 'created' || (await store.readBytes(key)).equals(list)) continue
    throw new MusterError('KeyNotTrusted', `store "${name}" has another key list: it belongs to another installation`, {
      hint: 'use an empty store, or the keys that made this one',
    })
  }
  await store.putBytes(configKey(hash), bytes)
}

/** A system's first site record says where it is active. */
async function writeSiteRecords(writer: RecordWriter, config: Config): Promise<void> {
  for (const system of Object.keys(config.systems)) {
    const site = siteOfSystem(config, system)
    await appendRecord(writer, system, (records) => (foldRecords(records).site ? null : { kind: 'site', site, controlIncarnation: 1 }))
  }
}
