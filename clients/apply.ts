/**
 * Applies a configuration: keys, marker, signed config and site records into every store, the config to this
 * host, schedules to Temporal. Succeeds when one store has it; the others are a debt.
 */
import { randomUUID } from 'node:crypto'
import type { Client } from '@temporalio/client'
import type { Signer, Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { configHash } from '../config/canonical.ts'
import type { Config } from '../domain/config.ts'
import { foldRecords } from '../domain/control-state.ts'
import { MusterError } from '../domain/failures.ts'
import { configKey, storeMarkerKey } from '../domain/object-keys.ts'
import type { StoreMarker } from '../domain/repository-format.ts'
import { appendRecord } from '../repository/control-records.ts'
import { signDocument } from '../repository/signed-document.ts'
import { applySchedules, type ScheduleChange } from './schedules.ts'

export interface ApplyDeps {
  readonly config: Config
  readonly control: Signer
  readonly verifier: Verifier
  /** The key list as it is stored. */
  readonly keyList: { readonly key: string; readonly bytes: Buffer }
  readonly store: (name: string) => Promise<Store>
  /** Makes the root of a directory store where that is allowed. */
  readonly prepareStore: (name: string) => Promise<void>
  readonly saveLocally: (hash: string, bytes: Buffer) => Promise<void>
  /** Null where Temporal is left out. */
  readonly temporal: Client | null
  readonly by: string
  readonly now: () => Date
}

export interface ApplyResult {
  readonly configHash: string
  readonly stores: readonly { readonly store: string; readonly ok: boolean; readonly problem: string | null }[]
  readonly schedules: readonly ScheduleChange[]
}

export async function applyConfig(deps: ApplyDeps, dryRun: boolean): Promise<ApplyResult> {
  const hash = configHash(deps.config)
  if (dryRun) {
    const schedules = deps.temporal ? await applySchedules(deps.temporal, deps.config, hash, false) : []
    return { configHash: hash, stores: [], schedules }
  }
  const bytes = signDocument(deps.control, 'config', deps.config)
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
  if (!stores.some(({ ok }) => ok)) {
    throw new MusterError('CopiesMissing', `no store took the configuration: ${stores.map(({ store, problem }) => `${store}: ${problem}`).join('; ')}`)
  }
  await deps.saveLocally(hash, bytes)
  await writeSiteRecords(
    deps,
    stores.filter(({ ok }) => ok).map(({ store }) => store),
  )
  const schedules = deps.temporal ? await applySchedules(deps.temporal, deps.config, hash, true) : []
  return { configHash: hash, stores, schedules }
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
  if ((await store.putBytes(deps.keyList.key, deps.keyList.bytes)) === 'exists') {
    const there = await store.readBytes(deps.keyList.key)
    if (!there.equals(deps.keyList.bytes)) {
      throw new MusterError('KeyNotTrusted', `store "${name}" has another key list: it belongs to another installation`, {
        hint: 'use an empty store, or the keys that made this one',
      })
    }
  }
  await store.putBytes(configKey(hash), bytes)
}

/** A system's first site record says where it is active. */
async function writeSiteRecords(deps: ApplyDeps, reachable: readonly string[]): Promise<void> {
  const stores = await Promise.all(
    Object.keys(deps.config.stores)
      .filter((name) => reachable.includes(name))
      .map((name) => deps.store(name)),
  )
  const writer = { stores, verifier: deps.verifier, signer: deps.control, organisation: deps.config.organisation, by: deps.by, now: deps.now }
  for (const [system, { components }] of Object.entries(deps.config.systems)) {
    const host = Object.values(components)[0]?.host
    const site =
      Object.entries(deps.config.sites).find(([, { hosts }]) => host !== undefined && hosts.includes(host))?.[0] ??
      Object.keys(deps.config.sites)[0] ??
      'primary'
    await appendRecord(writer, system, (records) => (foldRecords(records).site ? null : { kind: 'site', site, controlIncarnation: 1 }))
  }
}
