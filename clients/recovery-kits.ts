/** Recovery kits: made again where a value has changed, brought into every store, and looked at. */
import type { Encryption, Signer, Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import { foldKits, kitItems, kitRecipients, kitSites, macOf } from '../domain/recovery-kit.ts'
import { readKits, sealKit, type StoredKit, valueMac } from '../repository/recovery-kits.ts'
import { within } from '../repository/within.ts'

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

export interface KitMaker extends KitSource {
  readonly configHash: string
  readonly control: Signer
  readonly encryption: (recipients: readonly string[]) => Encryption
  /** The values of a site's kit that are to be had on this machine, and why others are not. */
  readonly gather: (site: string) => Promise<GatheredValues>
  readonly now: () => Date
}

export interface GatheredValues {
  readonly values: ReadonlyMap<string, Buffer>
  /** Name → why it is not to be had here. */
  readonly missing: ReadonlyMap<string, string>
}

/** Longest wait for one store. */
const storeSeconds = 20

/** Never fails for a store or a value: what could not be done is in the result. */
export async function updateKits(maker: KitMaker): Promise<readonly KitStatus[]> {
  const done: KitStatus[] = []
  for (const site of kitSites(maker.config)) done.push(await updateKit(maker, site))
  return done
}

async function updateKit(maker: KitMaker, site: string): Promise<KitStatus> {
  const { config, control, gather } = maker
  const looks = await lookAt(maker, site)
  const { values, missing } = await gather(site)
  const items = kitItems(config, site)
  const recipients = kitRecipients(config)
  let kits = together(looks)
  const known = foldKits(kits, items, recipients)
  const isNew = [...values].some(([name, value]) => macOf(known.get(name), name) !== valueMac(control, name, value))
  if (isNew) {
    const madeAt = new Date(Math.max(maker.now().getTime(), Date.parse(kits.at(-1)?.madeAt ?? '1970-01-01') + 1)).toISOString()
    const about = { organisation: config.organisation, site, madeAt, configHash: maker.configHash, values }
    kits = [...kits, await sealKit(control, maker.encryption(recipients), about)]
  }
  const counting = [...new Set(foldKits(kits, items, recipients).values())]
  const brought = await Promise.all(looks.map((look) => bring(maker, look, counting)))
  return statusOf({ site, config, kits }, brought, missing)
}

/** What each store has of the kits; changes nothing. */
export async function viewKits(source: KitSource): Promise<readonly KitStatus[]> {
  const { config } = source
  return Promise.all(
    kitSites(config).map(async (site) => {
      const looks = await lookAt(source, site)
      const kits = together(looks)
      const counting = [...new Set(foldKits(kits, kitItems(config, site), kitRecipients(config)).values())]
      const judged = looks.map((look) => ({ ...look, problem: look.problem ?? (lacking(look, counting).length > 0 ? 'does not have the newest' : null) }))
      return statusOf({ site, config, kits }, judged, new Map())
    }),
  )
}

/** Which document of which store supplies each item of a site's kit. */
export async function foldOfSite(source: KitSource, site: string): Promise<ReadonlyMap<string, StoredKit>> {
  return foldKits(together(await lookAt(source, site)), kitItems(source.config, site), kitRecipients(source.config))
}

interface Look {
  readonly store: string
  readonly kits: readonly StoredKit[]
  readonly problem: string | null
}

/** A store whose kits cannot be believed is told of, and gets the right ones beside them. */
async function lookAt({ config, store, controlVerifier }: KitSource, site: string): Promise<readonly Look[]> {
  return Promise.all(
    Object.keys(config.stores).map(async (name): Promise<Look> => {
      try {
        const kits = await within(storeSeconds, async () => readKits(await store(name), site, controlVerifier), `store "${name}"`)
        return { store: name, kits: kits.filter(({ organisation }) => organisation === config.organisation), problem: null }
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        return { store: name, kits: [], problem: error.message }
      }
    }),
  )
}

function together(looks: readonly Look[]): readonly StoredKit[] {
  const byKey = new Map(looks.flatMap(({ kits }) => kits.map((kit) => [kit.key, kit] as const)))
  return [...byKey.values()].sort((a, b) => (a.madeAt < b.madeAt ? -1 : 1))
}

function lacking({ kits }: Look, counting: readonly StoredKit[]): readonly StoredKit[] {
  return counting.filter(({ key }) => !kits.some((kit) => kit.key === key))
}

async function bring({ store }: KitSource, look: Look, counting: readonly StoredKit[]): Promise<Look> {
  try {
    for (const { key, bytes } of lacking(look, counting))
      await within(storeSeconds, async () => (await store(look.store)).putBytes(key, bytes), `store "${look.store}"`)
    return look
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    return { ...look, problem: error.message }
  }
}

function statusOf(
  { site, config, kits }: { readonly site: string; readonly config: Config; readonly kits: readonly StoredKit[] },
  looks: readonly Look[],
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
