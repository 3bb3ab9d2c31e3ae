/** What each store holds of a system, read from the stores themselves: backups, and the windows of its databases. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store, StoreProbe } from '../adapters/store/store.ts'
import type { Config, SystemConfig } from '../domain/config.ts'
import { type ControlState, currentIncarnation } from '../domain/control-state.ts'
import { MusterError } from '../domain/failures.ts'
import type { WalShipmentName } from '../domain/object-keys.ts'
import { walIndexKey } from '../domain/object-keys.ts'
import { pathsTo, type RecoverableWindow, windowsOf } from '../domain/recovery-path.ts'
import type { Incarnation, PostgresqlManifest, WalIndex } from '../domain/repository-format.ts'
import { isBefore } from '../domain/times.ts'
import { formatLsn } from '../domain/wal.ts'
import { readCatalog, type StoreCatalog } from './catalog.ts'
import type { DocumentCache } from './document-cache.ts'
import { baseFacts, incarnationsNeeded, placed, type Repository } from './recovery-choice.ts'
import { openDocument } from './signed-document.ts'
import { listShipments } from './wal-publish.ts'
import { lastCommit } from './wal-times.ts'
import { within } from './within.ts'

export interface StoreViewDeps {
  readonly config: Config
  readonly verifier: Verifier
  readonly cache: DocumentCache
  readonly store: (name: string) => Promise<Store>
  /** Longest wait for one store. */
  readonly timeoutSeconds: number
}

export interface Trouble {
  readonly message: string
  readonly hint: string
}

export interface StoreView {
  readonly store: string
  readonly probe: StoreProbe
  /** Null where the store could not be read: that is never an empty store. */
  readonly catalog: StoreCatalog | null
  readonly databases: readonly DatabaseView[]
  readonly trouble: Trouble | null
}

export interface DatabaseView {
  readonly component: string
  /** Of every incarnation that is known, oldest first. */
  readonly windows: readonly TimedWindow[]
  /** End of the newest WAL per incarnation, whatever lies before it. */
  readonly tips: Readonly<Record<string, string>>
  /** Indexes that could not be believed. */
  readonly invalid: readonly string[]
}

export interface TimedWindow {
  readonly incarnation: string
  readonly timelineId: number
  readonly fromAt: string
  readonly fromLsn: string
  readonly untilLsn: string
  /** Newest commit in it; the end of its newest base backup where WAL holds none. */
  readonly untilAt: string
  readonly backups: readonly string[]
}

/** Looks at every store that the system's components use; a store that does not answer is in the result with its trouble. */
export async function viewStores(deps: StoreViewDeps, system: string, state: ControlState): Promise<readonly StoreView[]> {
  const components = (deps.config.systems[system] as SystemConfig).components
  const names = [...new Set(Object.values(components).flatMap(({ stores }) => stores))]
  return Promise.all(names.map((name) => viewStore(deps, system, state, name)))
}

export async function viewStore(deps: StoreViewDeps, system: string, state: ControlState, name: string): Promise<StoreView> {
  const silent: StoreProbe = { reachable: false, writable: false, freeBytes: null, place: `unknown:${name}`, problem: null }
  let probe = silent
  try {
    return await within(
      deps.timeoutSeconds,
      async () => {
        const store = await deps.store(name)
        probe = await store.probe({ write: false })
        if (!probe.reachable)
          return {
            store: name,
            probe,
            catalog: null,
            databases: [],
            trouble: { message: probe.problem ?? 'it does not answer', hint: 'look whether it can be reached from this host' },
          }
        const catalog = await readCatalog({ ...deps, suspicions: state.suspicions }, store, system)
        return { store: name, probe, catalog, databases: await viewDatabases(deps, system, state, store, catalog), trouble: null }
      },
      `store "${name}"`,
    )
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    const { message, hint } = error
    return { store: name, probe: { ...probe, reachable: false, problem: message }, catalog: null, databases: [], trouble: { message, hint } }
  }
}

async function viewDatabases(deps: StoreViewDeps, system: string, state: ControlState, store: Store, catalog: StoreCatalog): Promise<readonly DatabaseView[]> {
  const components = Object.entries((deps.config.systems[system] as SystemConfig).components)
  const views: DatabaseView[] = []
  for (const [component, { type, stores }] of components) {
    if (type === 'postgresql' && stores.includes(store.name)) views.push(await viewDatabase(deps, system, component, state, store, catalog))
  }
  return views
}

async function viewDatabase(
  deps: StoreViewDeps,
  system: string,
  component: string,
  state: ControlState,
  store: Store,
  catalog: StoreCatalog,
): Promise<DatabaseView> {
  const incarnations = [...incarnationsNeeded(state, component)].reverse()
  const shipments = new Map<string, readonly WalShipmentName[]>()
  for (const { incarnation } of incarnations) shipments.set(incarnation, await listShipments(store, system, component, incarnation))
  const read = async (incarnation: string, name: WalShipmentName) => {
    const key = walIndexKey(system, component, incarnation, name)
    return openDocument<WalIndex>(deps.verifier, 'wal', await deps.cache.read(store, key), `${store.name}:${key}`).value
  }
  const damaged = new Set(catalog.damaged.map(({ backup }) => backup))
  const manifests = catalog.manifests.filter(
    (one): one is PostgresqlManifest => one.type === 'postgresql' && one.component === component && !damaged.has(one.backup),
  )
  const repository: Repository = { store, manifests, shipments, read }
  const windows: TimedWindow[] = []
  const invalid: string[] = []
  for (const one of incarnations) {
    for (const window of windowsOf(one.incarnation, manifests.map(baseFacts), state.incarnations, shipments)) {
      windows.push(await timed(repository, state, one, window, invalid))
    }
  }
  return { component, windows, tips: tipsOf(shipments), invalid }
}

/** Where an index cannot be believed, nothing behind it is promised: the window ends at its base backup. */
async function timed(repository: Repository, state: ControlState, one: Incarnation, window: RecoverableWindow, invalid: string[]): Promise<TimedWindow> {
  const { fromAt, fromLsn, backups } = window
  const bases = repository.manifests.filter(({ backup }) => backups.includes(backup))
  const newestBase = bases.at(-1)
  const about = { incarnation: one.incarnation, timelineId: one.timelineId, fromAt, fromLsn, backups }
  const atBase = newestBase?.endedAt ?? fromAt
  try {
    const path = pathsTo(one.incarnation, bases.map(baseFacts), state.incarnations, repository.shipments)[0]
    const newest = path ? await lastCommit(placed(repository, path), repository.read) : null
    // A commit may be older than the end of the base backup, which is where recovery can stop at the earliest.
    const untilAt = newest && isBefore(atBase, newest.at) ? newest.at : atBase
    return { ...about, untilLsn: formatLsn(window.untilLsn), untilAt }
  } catch (error) {
    if (!(error instanceof MusterError) || !notToBeBelieved.has(error.type)) throw error
    invalid.push(error.message)
    return { ...about, untilLsn: newestBase?.postgresql.endLsn ?? fromLsn, untilAt: atBase }
  }
}

/** What is wrong with a document, not with the way to it. */
export const notToBeBelieved: ReadonlySet<string> = new Set(['SignatureInvalid', 'KeyNotTrusted', 'ManifestInvalid', 'ObjectMissing'])

function tipsOf(shipments: ReadonlyMap<string, readonly WalShipmentName[]>): Readonly<Record<string, string>> {
  const tips: Record<string, string> = {}
  for (const [incarnation, names] of shipments) {
    const ends = names.filter(({ kind }) => kind !== 'history').map(({ endLsn }) => endLsn)
    if (ends.length > 0) tips[incarnation] = formatLsn(ends.reduce((best, one) => (one > best ? one : best)))
  }
  return tips
}

export function currentOf(state: ControlState, component: string): string | null {
  return currentIncarnation(state, component)?.incarnation ?? null
}
