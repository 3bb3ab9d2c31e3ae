/** Stores that a restore will need to protect again what it recovers, looked at when it is planned. */
import type { Store, StoreProbe } from '../../../adapters/store/store.ts'
import type { Config } from '../../../domain/config.ts'
import { judgeCopies } from '../../../domain/copies.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { RestoreForecast } from '../../../domain/forecast.ts'
import { within } from '../../../repository/within.ts'
import { type Agent, componentOf, systemOf } from '../../agent.ts'

export const storeSeconds = 10

export interface StoresSeen {
  readonly storesOut: RestoreForecast['storesOut']
  /** Where each store that answers lies, as `Store.probe` says. */
  readonly places: Readonly<Record<string, string>>
}

/** Asks each store once, at the same time; one that hangs is out. */
export async function lookAtStores(agent: Agent, config: Config, names: readonly string[]): Promise<StoresSeen> {
  const seen = await Promise.all(names.map(async (name) => ({ name, probe: await probe(() => agent.store(config, name), name) })))
  const storesOut = seen.flatMap(({ name, probe: { reachable, writable, problem } }) =>
    reachable && writable ? [] : [{ store: name, problem: problem ?? (reachable ? 'it takes nothing new' : 'it does not answer') }],
  )
  return { storesOut, places: Object.fromEntries(seen.flatMap(({ name, probe: { reachable, place } }) => (reachable ? [[name, place]] : []))) }
}

async function probe(open: () => Promise<Store>, name: string): Promise<Pick<StoreProbe, 'reachable' | 'writable' | 'problem' | 'place'>> {
  try {
    return await within(storeSeconds, async () => (await open()).probe({ write: false }), `store "${name}"`)
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    return { reachable: false, writable: false, problem: error.message, place: '' }
  }
}

/** Databases that could not be protected again now: the run would pause before it opens them. */
export function pauseWarnings(
  config: Config,
  system: string,
  databases: readonly string[],
  { storesOut, places }: StoresSeen,
  openWith: readonly string[],
): readonly string[] {
  const { required } = systemOf(config, system).copies
  return databases.flatMap((name) => {
    const component = componentOf(config, system, name)
    const there = component.stores.filter((store) => openWith.includes(store) || !storesOut.some((out) => out.store === store))
    const { met, missing } = judgeCopies(config, required, component.host, there, places)
    if (met) return []
    const out = storesOut.filter(({ store }) => component.stores.includes(store)).map(({ store }) => store)
    return [`${name} cannot be protected again as things are (${missing}): before it is opened the run will wait for ${out.join(', ')}, or for --open-with`]
  })
}
