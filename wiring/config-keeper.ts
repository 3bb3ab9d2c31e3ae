/**
 * The configurations of an agent. What it lacks it looks for in the stores that its newest configuration knows, and
 * believes only what the control key signed: an agent that was away at an apply catches up by itself.
 */
import type { Config, SignedConfig } from '../domain/config.ts'
import type { Signer } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import { configKey } from '../domain/object-keys.ts'
import type { AppliedNumber } from '../domain/repository-format.ts'
import { type AppliedDocument, readNewestApplied, recordTaken } from '../repository/applied-records.ts'
import type { ConfigDocuments } from '../repository/config-documents.ts'
import { documentLimitBytes } from '../repository/signed-document.ts'
import { readKeyDocuments, readTrust } from '../repository/trust.ts'
import { within } from '../repository/within.ts'
import { keepConfig, newestHere, openConfig, readAppliedConfig } from './applied-config.ts'
import type { Places } from './places.ts'
import { type TakenConfig, takeConfig } from './take-config.ts'
import { localTrust, pinnedFingerprint, trustTools } from './trust.ts'

export interface KeeperDeps {
  readonly places: Places
  readonly host: string
  readonly openStore: (config: Config, name: string) => Promise<Store>
  readonly signer: () => Promise<Signer>
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void }
}

export interface ConfigKeeper {
  /**
   * The configuration of a hash; the newest for null. One that is not here is looked for in the stores.
   * @throws MusterError ConfigInvalid | ObjectMissing where it is nowhere; SignatureInvalid | KeyNotTrusted
   */
  config(hash: string | null): Promise<SignedConfig>
  /** Takes what was sent. @throws MusterError as `takeConfig` */
  take(documents: ConfigDocuments): Promise<TakenConfig>
  /**
   * Takes what the stores say was applied last, where that is newer.
   * @throws MusterError ConfigInvalid where this host knows no store yet; what the stores throw
   */
  catchUp(): Promise<TakenConfig>
  /** Says in the stores which configuration this host has; never throws, since nothing depends on it. */
  confirm(): Promise<void>
}

/** Longest wait for one store. */
const storeSeconds = 15
const confirmSeconds = 5

export function createConfigKeeper(deps: KeeperDeps): ConfigKeeper {
  const { places, host, log } = deps
  const read = async (hash: string | null) => readAppliedConfig(places, (await localTrust(places)).verifier, hash)
  const keeper: ConfigKeeper = {
    async config(hash) {
      try {
        return await read(hash)
      } catch (error) {
        if (hash === null || !isLacking(error)) throw error
        await find(deps, hash, error)
        log.info({ config: hash }, 'found a configuration in a store that this host was not given')
        await keeper.catchUp().then(
          () => keeper.confirm(),
          (problem: unknown) => log.warn({ problem: messageOf(problem) }, 'could not look which configuration is the newest'),
        )
        return read(hash)
      }
    },
    async take(documents) {
      const taken = await takeConfig(places, documents)
      if (taken.isNew) log.info({ config: taken.configHash, number: taken.number }, 'took a new configuration')
      await keeper.confirm()
      return taken
    },
    catchUp: () => catchUp(deps),
    async confirm() {
      try {
        await within(confirmSeconds, () => confirm(deps, host), 'the stores')
      } catch (error) {
        log.warn({ problem: messageOf(error) }, 'could not say in a store which configuration this host has')
      }
    },
  }
  return keeper
}

/** Not here, or nothing is here yet; a signature that does not hold is another matter. */
function isLacking(error: unknown): error is MusterError {
  return error instanceof MusterError && (error.type === 'ObjectMissing' || error.type === 'ConfigInvalid')
}

/** Gets one configuration from the first store that has it. It does not become the newest by that. */
async function find(deps: KeeperDeps, hash: string, cause: MusterError): Promise<void> {
  const { verifier } = await localTrust(deps.places)
  const { config } = await knownStores(deps, cause)
  const problems: string[] = []
  for (const name of Object.keys(config.stores)) {
    try {
      const bytes = await inStore(deps, config, name, (store) => store.readBytes(configKey(hash), documentLimitBytes))
      openConfig(verifier, bytes, `${name}:${configKey(hash)}`, hash)
      return await keepConfig(deps.places, hash, bytes)
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      problems.push(`${name}: ${error.message}`)
    }
  }
  throw new MusterError('ObjectMissing', `this host does not have the configuration ${hash.slice(0, 12)}, and no store gives it: ${problems.join('; ')}`, {
    cause,
    hint: 'run muster apply while the agent of this host is up and a store answers',
  })
}

async function knownStores({ places }: KeeperDeps, cause: unknown): Promise<SignedConfig> {
  return readAppliedConfig(places, (await localTrust(places)).verifier, null).catch((error: unknown) => {
    if (!(error instanceof MusterError)) throw error
    throw new MusterError('ConfigInvalid', `${error.message}, and so knows no store to look in`, {
      cause,
      hint: 'run muster apply while the agent of this host is up',
    })
  })
}

/** The highest number that any store knows counts; each store's own key lists lead to it. */
async function catchUp(deps: KeeperDeps): Promise<TakenConfig> {
  const { places } = deps
  const { config } = await knownStores(deps, undefined)
  const here = (await newestHere(places)) as AppliedNumber
  const looks = await Promise.all(Object.keys(config.stores).map((name) => newestIn(deps, config, name)))
  const found = looks.flatMap((one) => ('number' in one ? [one] : []))
  if (found.length === 0) {
    const problems = looks.flatMap((one) => ('problem' in one ? [`${one.store}: ${one.problem}`] : []))
    throw new MusterError('Unreachable', `no store says which configuration was applied: ${problems.join('; ')}`)
  }
  const best = found.reduce((a, b) => (b.number > a.number ? b : a))
  if (best.number <= here.number) return { configHash: here.configHash, number: here.number, isNew: false }
  const documents = await inStore(deps, config, best.store, async (store) => ({
    keyLists: (await readKeyDocuments(store)).map(({ bytes }) => Buffer.from(bytes)),
    applied: best.document,
    config: await store.readBytes(configKey(best.configHash), documentLimitBytes),
  }))
  const taken = await takeConfig(places, documents)
  deps.log.info({ config: taken.configHash, number: taken.number, store: best.store }, 'took a new configuration from a store')
  return taken
}

type Look = (AppliedDocument & { readonly store: string }) | { readonly store: string; readonly problem: string }

async function newestIn(deps: KeeperDeps, config: Config, name: string): Promise<Look> {
  try {
    const pinned = await pinnedFingerprint(deps.places)
    const newest = await inStore(deps, config, name, async (store) => {
      const { controlVerifier } = await readTrust(store, pinned, trustTools)
      return readNewestApplied({ stores: [store], verifier: controlVerifier })
    })
    return { store: name, ...newest }
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    return { store: name, problem: error.message }
  }
}

async function confirm(deps: KeeperDeps, host: string): Promise<void> {
  const newest = await newestHere(deps.places)
  if (newest === null || newest.number === 0) return
  const { verifier } = await localTrust(deps.places)
  const { config } = await readAppliedConfig(deps.places, verifier, null)
  // A machine that serves a site alone is no host of the configuration, and has no key to say so with.
  if (!Object.values(config.sites).some(({ hosts }) => hosts.includes(host))) return
  const stores = await Promise.all(Object.keys(config.stores).map((name) => deps.openStore(config, name)))
  const writer = { stores, verifier, signer: await deps.signer(), organisation: config.organisation, by: host, now: () => new Date() }
  await recordTaken(writer, host, newest)
}

function inStore<T>({ openStore }: KeeperDeps, config: Config, name: string, ask: (store: Store) => Promise<T>): Promise<T> {
  return within(storeSeconds, async () => ask(await openStore(config, name)), `store "${name}"`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
