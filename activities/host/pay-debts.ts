import { join } from 'node:path'
import type { Store } from '../../adapters/store/store.ts'
import { MusterError } from '../../domain/failures.ts'
import type { WalShipmentName } from '../../domain/object-keys.ts'
import type { Manifest } from '../../domain/repository-format.ts'
import { replayableUntil } from '../../domain/wal-shipments.ts'
import { readCatalog } from '../../repository/catalog.ts'
import { copyBackup, copyShipment } from '../../repository/copy-between.ts'
import { incarnationsNeeded } from '../../repository/recovery-choice.ts'
import { removeStaging } from '../../repository/staging.ts'
import { listShipments } from '../../repository/wal-publish.ts'
import { type Agent, componentOf } from '../agent.ts'
import type { Work } from '../boundary.ts'
import { readState } from './restore/repository-view.ts'

export interface PayDebtsInput {
  readonly system: string
  readonly component: string
  readonly configHash: string
}

export interface PaidDebts {
  readonly paid: readonly { readonly store: string; readonly what: string }[]
  readonly owed: readonly { readonly store: string; readonly problem: string }[]
}

/**
 * Gives each store of a component what it was meant to have and another store has: backups, and WAL that the
 * shipper cannot ship any more.
 *
 * Effect: objects and documents in the stores that lacked them.
 * Idempotent: yes, and resumable.
 * Heartbeat: bytes copied.
 * Fails with: nothing of its own; a store that cannot be paid is named in the result.
 */
export function payDebts(agent: Agent) {
  return async (input: PayDebtsInput, work: Work): Promise<PaidDebts> => {
    const { config } = await agent.config(input.configHash)
    const component = componentOf(config, input.system, input.component)
    const paid: { store: string; what: string }[] = []
    const owed: { store: string; problem: string }[] = []
    let bytes = 0
    const stagingDirectory = join(agent.hostDirectory, 'staging', `debts.${input.system}.${input.component}`)
    // An attempt that died leaves the object it was at.
    await removeStaging(stagingDirectory)
    const options = {
      stagingDirectory,
      signal: work.signal,
      onProgress: (chunk: number) => {
        bytes += chunk
        work.progress({ phase: 'pay debts', doneBytes: bytes, totalBytes: null })
      },
    }
    const stores = await Promise.all(component.stores.map((name) => agent.store(config, name)))
    for (const to of stores) {
      try {
        for (const { from, manifest } of await missingBackups(agent, config, input, stores, to)) {
          await copyBackup(from, to, manifest, options)
          paid.push({ store: to.name, what: manifest.backup })
        }
        if (component.type === 'postgresql') {
          const copied = await payWal(agent, config, input, stores, to, options)
          if (copied > 0) paid.push({ store: to.name, what: `${copied} shipments of WAL` })
        }
      } catch (error) {
        work.signal.throwIfAborted()
        if (!(error instanceof MusterError)) throw error
        owed.push({ store: to.name, problem: error.message })
      }
    }
    await removeStaging(stagingDirectory)
    return { paid: paid.slice(0, 50), owed }
  }
}

type Config = Parameters<Agent['instance']>[0]

async function missingBackups(
  agent: Agent,
  config: Config,
  input: PayDebtsInput,
  stores: readonly Store[],
  to: Store,
): Promise<readonly { from: Store; manifest: Manifest }[]> {
  // What is doubtful in one store is not spread to others.
  const { suspicions } = await readState(agent, config, input.system)
  const deps = { verifier: await agent.verifier(config), cache: agent.cache, suspicions }
  const has = new Set((await readCatalog(deps, to, input.system)).manifests.map(({ backup }) => backup))
  const missing = new Map<string, { from: Store; manifest: Manifest }>()
  for (const from of stores.filter((one) => one !== to)) {
    const catalog = await readCatalog(deps, from, input.system).catch(() => null)
    const damaged = new Set(catalog?.damaged.map(({ backup }) => backup))
    for (const manifest of catalog?.manifests ?? []) {
      const wanted = manifest.component === input.component && manifest.stores.includes(to.name)
      if (wanted && !has.has(manifest.backup) && !damaged.has(manifest.backup)) missing.set(manifest.backup, { from, manifest })
    }
  }
  return [...missing.values()]
}

/** Whole segments and history files that another store has and this one cannot replay from its own. */
async function payWal(
  agent: Agent,
  config: Config,
  input: PayDebtsInput,
  stores: readonly Store[],
  to: Store,
  options: Parameters<typeof copyShipment>[5],
): Promise<number> {
  const state = await readState(agent, config, input.system)
  const verifier = await agent.verifier(config)
  let copied = 0
  for (const { incarnation } of incarnationsNeeded(state, input.component)) {
    const own = [...(await listShipments(to, input.system, input.component, incarnation))]
    for (const from of stores.filter((one) => one !== to)) {
      const theirs = await listShipments(from, input.system, input.component, incarnation).catch(() => [] as readonly WalShipmentName[])
      for (const name of theirs.filter((one) => lacks(own, one))) {
        await copyShipment(from, to, verifier, { system: input.system, component: input.component, incarnation }, name, options)
        own.push(name)
        copied++
      }
    }
  }
  return copied
}

/** The shipper still ships the newest partials itself; what it ships no more is whole segments and histories. */
function lacks(own: readonly WalShipmentName[], one: WalShipmentName): boolean {
  if (one.kind === 'history') return !own.some((mine) => mine.kind === 'history' && mine.segment === one.segment)
  return one.kind === 'segment' && replayableUntil(own, one.startLsn) < one.endLsn
}
