/** Recovery kits as they are in the stores: what each site's holds, lacks, and where it is whole. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import { foldKits, kitItems, kitRecipients, kitSites } from '../domain/recovery-kit.ts'
import { readKits, type StoredKit } from './recovery-kits.ts'
import { within } from './within.ts'

export interface KitStatus {
  readonly site: string
  /** Of the newest document; null where there is none. ISO-8601 UTC. */
  readonly madeAt: string | null
  readonly holds: readonly string[]
  readonly lacks: readonly { readonly item: string; readonly why: string }[]
  /** Stores that have all of what it holds. */
  readonly stores: readonly string[]
  readonly owed: readonly { readonly store: string; readonly problem: string }[]
}

export interface KitSource {
  readonly config: Config
  readonly store: (name: string) => Promise<Store>
  /** Believes control keys alone. */
  readonly controlVerifier: Verifier
}

/** Longest wait for one store. */
export const kitStoreSeconds = 20

/** What each store has of the kits; changes nothing. */
export async function viewKits(source: KitSource): Promise<readonly KitStatus[]> {
  return Promise.all(kitSites(source.config).map((site) => viewKit(source, site)))
}

/** What each store has of the kit of one site; changes nothing. */
export async function viewKit(source: KitSource, site: string): Promise<KitStatus> {
  const { config } = source
  const looks = await lookAtKits(source, site)
  const kits = kitsTogether(looks)
  const counting = [...new Set(foldKits(kits, kitItems(config, site), kitRecipients(config)).values())]
  const judged = looks.map((look) => ({ ...look, problem: look.problem ?? (lackingKits(look, counting).length > 0 ? 'does not have the newest' : null) }))
  return kitStatusOf({ site, config, kits }, judged, new Map())
}

/** Which document of which store supplies each item of a site's kit. */
export async function foldOfSite(source: KitSource, site: string): Promise<ReadonlyMap<string, StoredKit>> {
  return foldKits(kitsTogether(await lookAtKits(source, site)), kitItems(source.config, site), kitRecipients(source.config))
}

/** What one store has; `problem` where it does not say. */
export interface KitsInStore {
  readonly store: string
  readonly kits: readonly StoredKit[]
  readonly problem: string | null
}

/** A store whose kits cannot be believed is told of, and gets the right ones beside them. */
export async function lookAtKits({ config, store, controlVerifier }: KitSource, site: string): Promise<readonly KitsInStore[]> {
  return Promise.all(
    Object.keys(config.stores).map(async (name): Promise<KitsInStore> => {
      try {
        const kits = await within(kitStoreSeconds, async () => readKits(await store(name), site, controlVerifier), `store "${name}"`)
        return { store: name, kits: kits.filter(({ organisation }) => organisation === config.organisation), problem: null }
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        return { store: name, kits: [], problem: error.message }
      }
    }),
  )
}

/** Oldest first, each once. */
export function kitsTogether(looks: readonly KitsInStore[]): readonly StoredKit[] {
  const byKey = new Map(looks.flatMap(({ kits }) => kits.map((kit) => [kit.key, kit] as const)))
  return [...byKey.values()].sort((a, b) => (a.madeAt < b.madeAt ? -1 : 1))
}

/** What a store has not of the documents that count. */
export function lackingKits({ kits }: KitsInStore, counting: readonly StoredKit[]): readonly StoredKit[] {
  return counting.filter(({ key }) => !kits.some((kit) => kit.key === key))
}

/** @param missing name → why it was not to be had, where that is known */
export function kitStatusOf(
  { site, config, kits }: { readonly site: string; readonly config: Config; readonly kits: readonly StoredKit[] },
  looks: readonly KitsInStore[],
  missing: ReadonlyMap<string, string>,
): KitStatus {
  const items = kitItems(config, site)
  const found = foldKits(kits, items, kitRecipients(config))
  return {
    site,
    madeAt:
      [...found.values()]
        .map(({ madeAt }) => madeAt)
        .sort()
        .at(-1) ?? null,
    holds: items.filter((item) => found.has(item)),
    lacks: items.filter((item) => !found.has(item)).map((item) => ({ item, why: missing.get(item) ?? 'it was not to be had where muster apply ran' })),
    stores: looks.filter(({ problem }) => problem === null).map(({ store }) => store),
    owed: looks.flatMap(({ store, problem }) => (problem === null ? [] : [{ store, problem }])),
  }
}
