/** Reads everything that one store holds, and proves each document: what is there, what is not to be believed, how old it is. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { configHash } from '../config/canonical.ts'
import type { Config } from '../domain/config.ts'
import { foldRecords } from '../domain/control-state.ts'
import { MusterError } from '../domain/failures.ts'
import type { RestoreForecast } from '../domain/forecast.ts'
import {
  configPrefix,
  forecastKey,
  forecastsPrefix,
  isOwnChain,
  recoveryKitKey,
  recoveryKitsPrefix,
  keysPrefix,
  parseWalIndexKey,
  recordsPrefix,
  storeMarkerKey,
  walPrefix,
} from '../domain/object-keys.ts'
import type { RecoveryKit } from '../domain/recovery-kit.ts'
import type { StoreMarker, Suspicion, WalIndex } from '../domain/repository-format.ts'
import { formatLsn } from '../domain/wal.ts'
import { readCatalog } from '../repository/catalog.ts'
import { readChain } from '../repository/control-records.ts'
import type { DocumentCache } from '../repository/document-cache.ts'
import { openDocument } from '../repository/signed-document.ts'
import { inLanes } from './in-lanes.ts'
import { notToBeBelieved } from '../repository/store-view.ts'

export interface RepositoryFindings {
  readonly store: string
  /** Null where the store carries no mark. */
  readonly marker: StoreMarker | null
  readonly keyLists: number
  readonly configs: number
  readonly forecasts: number
  readonly kits: number
  readonly systems: readonly SystemFindings[]
  /** Records of what was applied, and of what hosts have taken. */
  readonly ownRecords: number
  /** Attempts that died, or go on right now. */
  readonly unpublished: number
  readonly problems: readonly { readonly key: string; readonly problem: string }[]
  /** Valid and whole, and no recovery points: signed by hosts under suspicion. */
  readonly doubtful: readonly { readonly key: string; readonly why: string; readonly lift: string }[]
  /** ISO-8601 UTC; null where there is no control record. */
  readonly newestRecordAt: string | null
}

export interface SystemFindings {
  readonly system: string
  readonly backups: number
  readonly newestBackup: string | null
  /** Shipments with a valid index. */
  readonly shipments: number
  readonly records: number
  readonly newestRecordAt: string | null
}

export interface RepositoryCheckDeps {
  readonly config: Config
  readonly verifier: Verifier
  readonly cache: DocumentCache
  readonly onProgress: (text: string) => void
}

interface Problem {
  readonly key: string
  readonly problem: string
}

/** @throws what the store throws: a store that cannot be read to the end is not judged */
export async function checkRepository(deps: RepositoryCheckDeps, store: Store): Promise<RepositoryFindings> {
  const problems: Problem[] = []
  const marker = await readMarker(deps, store, problems)
  deps.onProgress('reading manifests')
  const records = await readAllRecords(deps, store, problems)
  const catalog = await readCatalog({ ...deps, suspicions: (system) => records.get(system)?.suspicions ?? [] }, store)
  const doubtful = catalog.doubtful.map(({ key, why, lift }) => ({ key, why, lift }))
  const inDoubt = new Set(doubtful.map(({ key }) => key))
  problems.push(
    ...catalog.invalid.filter(({ key }) => !inDoubt.has(key)).map(({ key, problem }) => ({ key, problem: withoutPlace(problem) })),
    ...catalog.damaged.map(({ key, problem }) => ({ key, problem })),
  )
  const keyLists = (await keysUnder(store, keysPrefix)).length
  if (keyLists === 0) problems.push({ key: keysPrefix, problem: 'there is no key list' })
  const configs = await readConfigs(deps, store, problems)
  const forecasts = await readForecasts(deps, store, problems)
  const kits = await readRecoveryKits(deps, store, problems)
  const wal = await readWal(deps, store, problems)
  const ownRecords = [...records].filter(([chain]) => isOwnChain(chain)).reduce((sum, [, { count }]) => sum + count, 0)
  const names = new Set([...catalog.manifests.map(({ system }) => system), ...wal.keys(), ...[...records.keys()].filter((chain) => !isOwnChain(chain))])
  const systems = [...names].sort().map((system): SystemFindings => {
    const backups = catalog.manifests.filter((one) => one.system === system)
    const chain = records.get(system)
    return {
      system,
      backups: backups.length,
      newestBackup: backups.at(-1)?.backup ?? null,
      shipments: wal.get(system) ?? 0,
      records: chain?.count ?? 0,
      newestRecordAt: chain?.newestAt ?? null,
    }
  })
  const newestRecordAt =
    [...records.values()]
      .flatMap((one) => one.newestAt ?? [])
      .sort()
      .at(-1) ?? null
  return {
    store: store.name,
    marker,
    keyLists,
    configs,
    forecasts,
    kits,
    systems,
    ownRecords,
    unpublished: catalog.unpublished.length,
    problems,
    doubtful,
    newestRecordAt,
  }
}

async function readMarker(deps: RepositoryCheckDeps, store: Store, problems: Problem[]): Promise<StoreMarker | null> {
  try {
    const marker = JSON.parse((await store.readBytes(storeMarkerKey)).toString('utf8')) as StoreMarker
    if (marker.organisation !== deps.config.organisation || marker.store !== store.name) {
      problems.push({ key: storeMarkerKey, problem: `is the mark of store "${marker.store}" of "${marker.organisation}"` })
    }
    return marker
  } catch (error) {
    const absent = error instanceof MusterError && error.type === 'ObjectMissing'
    if (!absent && !(error instanceof SyntaxError)) throw error
    problems.push({ key: storeMarkerKey, problem: absent ? 'is missing: no configuration was ever applied to this store' : 'is not JSON' })
    return null
  }
}

async function readConfigs(deps: RepositoryCheckDeps, store: Store, problems: Problem[]): Promise<number> {
  let valid = 0
  for (const key of await keysUnder(store, configPrefix)) {
    const found = await believed(
      problems,
      key,
      async () => openDocument<Config>(deps.verifier, 'config', await deps.cache.read(store, key), `${store.name}:${key}`).value,
    )
    if (found === null) continue
    if (key === `${configPrefix}${configHash(found)}.json`) valid += 1
    else problems.push({ key, problem: 'holds another configuration than its name says' })
  }
  return valid
}

async function readForecasts(deps: RepositoryCheckDeps, store: Store, problems: Problem[]): Promise<number> {
  let valid = 0
  await inLanes(await keysUnder(store, forecastsPrefix), async (key) => {
    const found = await believed(problems, key, async () =>
      openDocument<RestoreForecast>(deps.verifier, 'forecast', await deps.cache.read(store, key), `${store.name}:${key}`),
    )
    if (found === null) return
    const { system, takenAt } = found.value
    if (key === forecastKey(system, takenAt, found.textSha256)) valid += 1
    else problems.push({ key, problem: 'holds another forecast than its name says' })
  })
  return valid
}

async function readRecoveryKits(deps: RepositoryCheckDeps, store: Store, problems: Problem[]): Promise<number> {
  let valid = 0
  for (const key of await keysUnder(store, recoveryKitsPrefix)) {
    const found = await believed(problems, key, async () =>
      openDocument<RecoveryKit>(deps.verifier, 'recoveryKit', await deps.cache.read(store, key), `${store.name}:${key}`),
    )
    if (found === null) continue
    if (key === recoveryKitKey(found.value.site, found.value.madeAt, found.textSha256)) valid += 1
    else problems.push({ key, problem: 'is another recovery kit than its name says' })
  }
  return valid
}

/** Shipments per system whose index is valid and whose object is there with its size. */
async function readWal(deps: RepositoryCheckDeps, store: Store, problems: Problem[]): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>()
  const indexes: string[] = []
  for await (const { key, sizeBytes } of store.list(walPrefix)) {
    if (parseWalIndexKey(key)) indexes.push(key)
    else sizes.set(key, sizeBytes)
  }
  const counts = new Map<string, number>()
  let done = 0
  await inLanes(indexes, async (key) => {
    const index = await believed(
      problems,
      key,
      async () => openDocument<WalIndex>(deps.verifier, 'wal', await deps.cache.read(store, key), `${store.name}:${key}`).value,
    )
    done += 1
    if (done % 50 === 0) deps.onProgress(`reading WAL indexes ${done} of ${indexes.length}`)
    if (!index) return
    const problem = walProblem(key, index, sizes.get(index.object.key))
    if (problem !== null) problems.push({ key, problem })
    else counts.set(index.system, (counts.get(index.system) ?? 0) + 1)
  })
  return counts
}

function walProblem(key: string, index: WalIndex, sizeBytes: number | undefined): string | null {
  const name = parseWalIndexKey(key)
  const [, system, component, incarnation] = key.split('/')
  const same =
    index.system === system &&
    index.component === component &&
    index.incarnation === incarnation &&
    index.segment === name?.segment &&
    index.startLsn === formatLsn(name.startLsn) &&
    index.endLsn === formatLsn(name.endLsn)
  if (!same) return 'describes other WAL than its key says'
  if (sizeBytes === undefined) return `its object ${index.object.key} is missing`
  return sizeBytes === index.object.sizeBytes ? null : `its object ${index.object.key} is ${sizeBytes} bytes long instead of ${index.object.sizeBytes}`
}

interface ChainFindings {
  readonly count: number
  readonly newestAt: string | null
  readonly suspicions: readonly Suspicion[]
}

async function readAllRecords(deps: RepositoryCheckDeps, store: Store, problems: Problem[]): Promise<ReadonlyMap<string, ChainFindings>> {
  const systems = new Set((await keysUnder(store, recordsPrefix)).map((key) => key.split('/')[1] as string))
  const found = new Map<string, ChainFindings>()
  for (const system of systems) {
    const chain = await believed(problems, `${recordsPrefix}${system}/`, () => readChain(store, system, deps.verifier))
    if (chain) found.set(system, { count: chain.records.length, newestAt: chain.records.at(-1)?.at ?? null, suspicions: foldRecords(chain.records).suspicions })
  }
  return found
}

/** Null, and a problem noted, where a document is wrong; trouble with the store itself is thrown. */
async function believed<T>(problems: Problem[], key: string, open: () => Promise<T>): Promise<T | null> {
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof MusterError) || !(notToBeBelieved.has(error.type) || error.type === 'InvalidInput')) throw error
    problems.push({ key, problem: withoutPlace(error.message) })
    return null
  }
}

/** The key stands before it already. */
function withoutPlace(problem: string): string {
  return problem.replace(/ \[[^\]]*\]$/, '')
}

async function keysUnder(store: Store, prefix: string): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key)
  return keys
}
