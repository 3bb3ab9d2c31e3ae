/** What one store knows of one database, for planning and fetching. */
import type { Config } from '../../../domain/config.ts'
import { foldRecords, type ControlState } from '../../../domain/control-state.ts'
import { withinFence } from '../../../domain/fences.ts'
import type { WalShipmentName } from '../../../domain/object-keys.ts'
import { walIndexKey } from '../../../domain/object-keys.ts'
import type { PostgresqlManifest, WalIndex } from '../../../domain/repository-format.ts'
import type { Store } from '../../../adapters/store/store.ts'
import { readCatalog } from '../../../repository/catalog.ts'
import { readRecords } from '../../../repository/control-records.ts'
import { believedShipments, type WalPlace } from '../../../repository/doubtful-wal.ts'
import { incarnationsNeeded, type Repository } from '../../../repository/recovery-choice.ts'
import { openDocument } from '../../../repository/signed-document.ts'
import { listShipments } from '../../../repository/wal-publish.ts'
import type { Agent } from '../../agent.ts'

export async function readState(agent: Agent, config: Config, system: string): Promise<ControlState> {
  const stores = await Promise.all(Object.keys(config.stores).map((name) => agent.store(config, name)))
  const { records } = await readRecords({ stores, verifier: await agent.verifier(config) }, system)
  return foldRecords(records)
}

/** Backups that lack an object are left out; `damaged` names them. */
export async function viewStore(
  agent: Agent,
  config: Config,
  system: string,
  component: string,
  storeName: string,
  state: ControlState,
): Promise<Repository & { readonly damaged: readonly string[] }> {
  const store = await agent.store(config, storeName)
  const verifier = await agent.verifier(config)
  const catalog = await readCatalog({ verifier, cache: agent.cache, suspicions: state.suspicions }, store, system)
  const damaged = new Set(catalog.damaged.map(({ backup }) => backup))
  const manifests = catalog.manifests.filter(
    (one): one is PostgresqlManifest => one.type === 'postgresql' && one.component === component && !damaged.has(one.backup),
  )
  const shipments = new Map<string, readonly WalShipmentName[]>()
  for (const { incarnation } of incarnationsNeeded(state, component)) {
    shipments.set(incarnation, withinFence(state, component, incarnation, await listShipments(store, system, component, incarnation)))
  }
  const believed = await believedOf({ verifier, cache: agent.cache, suspicions: state.suspicions }, store, { system, component }, shipments)
  const read = async (incarnation: string, name: WalShipmentName) => {
    const key = walIndexKey(system, component, incarnation, name)
    return openDocument<WalIndex>(verifier, 'wal', await agent.cache.read(store, key), `${storeName}:${key}`).value
  }
  const problems = [...catalog.damaged.map((one) => `${one.backup}: ${one.key} ${one.problem}`), ...catalog.invalid.map((one) => one.problem)]
  return { store, manifests, shipments, read, damaged: problems, ...(believed && { believed }) }
}

/** Only where hosts are under suspicion: it costs a second look at what came since. */
async function believedOf(
  deps: Parameters<typeof believedShipments>[0],
  store: Store,
  place: Pick<WalPlace, 'system' | 'component'>,
  all: ReadonlyMap<string, readonly WalShipmentName[]>,
): Promise<Repository['believed'] | null> {
  const before = deps.suspicions
    .map(({ since }) => since)
    .sort()
    .at(-1)
  if (before === undefined) return null
  const shipments = new Map<string, readonly WalShipmentName[]>()
  for (const [incarnation, names] of all) shipments.set(incarnation, await believedShipments(deps, store, { ...place, incarnation }, names))
  return { before, shipments }
}
