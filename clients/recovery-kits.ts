/** Recovery kits: made again where a value has changed, and brought into every store. */
import type { Encryption, Signer } from '../adapters/crypto/crypto.ts'
import { MusterError } from '../domain/failures.ts'
import { foldKits, kitItems, kitRecipients, kitSites, macOf } from '../domain/recovery-kit.ts'
import { sealKit, type StoredKit, valueMac } from '../repository/recovery-kits.ts'
import {
  type KitSource,
  type KitsInStore,
  type KitStatus,
  kitsTogether,
  kitStatusOf,
  kitStoreSeconds,
  lackingKits,
  lookAtKits,
} from '../repository/view-kits.ts'
import { within } from '../repository/within.ts'

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

/** Never fails for a store or a value: what could not be done is in the result. */
export async function updateKits(maker: KitMaker): Promise<readonly KitStatus[]> {
  const done: KitStatus[] = []
  for (const site of kitSites(maker.config)) done.push(await updateKit(maker, site))
  return done
}

async function updateKit(maker: KitMaker, site: string): Promise<KitStatus> {
  const { config, control, gather } = maker
  const looks = await lookAtKits(maker, site)
  const { values, missing } = await gather(site)
  const items = kitItems(config, site)
  const recipients = kitRecipients(config)
  let kits = kitsTogether(looks)
  const known = foldKits(kits, items, recipients)
  const isNew = [...values].some(([name, value]) => macOf(known.get(name), name) !== valueMac(control, name, value))
  if (isNew) {
    const madeAt = new Date(Math.max(maker.now().getTime(), Date.parse(kits.at(-1)?.madeAt ?? '1970-01-01') + 1)).toISOString()
    const about = { organisation: config.organisation, site, madeAt, configHash: maker.configHash, values }
    kits = [...kits, await sealKit(control, maker.encryption(recipients), about)]
  }
  const counting = [...new Set(foldKits(kits, items, recipients).values())]
  const brought = await Promise.all(looks.map((look) => bring(maker, look, counting)))
  return kitStatusOf({ site, config, kits }, brought, missing)
}

async function bring({ store }: KitSource, look: KitsInStore, counting: readonly StoredKit[]): Promise<KitsInStore> {
  try {
    for (const { key, bytes } of lackingKits(look, counting))
      await within(kitStoreSeconds, async () => (await store(look.store)).putBytes(key, bytes), `store "${look.store}"`)
    return look
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    return { ...look, problem: error.message }
  }
}
