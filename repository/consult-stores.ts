/** Asks stores, each by itself and in bounded time, where a system is active: one that hangs or lies hides none of the others. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import type { StoreAnswer } from '../domain/guard.ts'
import { recordPrefix } from '../domain/object-keys.ts'
import type { ControlRecord } from '../domain/repository-format.ts'
import type { Store } from '../adapters/store/store.ts'
import { readChain } from './control-records.ts'
import type { NamedPlace } from './put-everywhere.ts'
import { within } from './within.ts'

export interface ConsultedStore extends NamedPlace {
  readonly outside: boolean
}

/** Stores that a host reaches, those at other sites first. */
export function storesToConsult(config: Config, host: string, site: string): readonly { readonly name: string; readonly outside: boolean }[] {
  return Object.entries(config.stores)
    .filter(([, store]) => store.hosts.includes(host))
    .map(([name, store]) => ({ name, outside: store.site !== site }))
    .sort((a, b) => Number(b.outside) - Number(a.outside))
}

/**
 * Asks again and again, without piling up: a store that still owes its last answer is not asked another time, since each
 * question to a file system that hangs holds a thread for good. A chain that was proven is read again only when it has
 * another number of records.
 */
export function createConsult(
  stores: readonly ConsultedStore[],
  verifier: Verifier,
  secondsEach: number,
): { ask(system: string, onAnswer?: (answer: StoreAnswer) => void): Promise<readonly StoreAnswer[]> } {
  const owing = new Set<string>()
  const proven = new Map<string, readonly ControlRecord[]>()
  const chainOf = async (store: Store, system: string): Promise<readonly ControlRecord[]> => {
    const key = `${store.name}/${system}`
    const known = proven.get(key)
    if (known && (await countRecords(store, system)) === known.length) return known
    const { records } = await readChain(store, system, verifier)
    proven.set(key, records)
    return records
  }
  const read = async ({ name, open }: ConsultedStore, system: string) => {
    if (owing.has(name)) throw new MusterError('Timeout', `store "${name}" still owes its last answer`)
    owing.add(name)
    const reading = (async () => chainOf(await open(), system))().finally(() => owing.delete(name))
    return within(secondsEach, () => reading, `store "${name}"`)
  }
  const ask = async (store: ConsultedStore, system: string): Promise<StoreAnswer> => {
    const about = { store: store.name, outside: store.outside }
    try {
      return { ...about, records: await read(store, system), problem: null }
    } catch (error) {
      return { ...about, records: null, problem: problemOf(store.name, error) }
    }
  }
  return {
    ask: (system, onAnswer) =>
      Promise.all(
        stores.map(async (store) => {
          const answer = await ask(store, system)
          onAnswer?.(answer)
          return answer
        }),
      ),
  }
}

async function countRecords(store: Store, system: string): Promise<number> {
  let count = 0
  for await (const _ of store.list(recordPrefix(system))) count += 1
  return count
}

function problemOf(store: string, error: unknown): NonNullable<StoreAnswer['problem']> {
  if (error instanceof MusterError) return { type: error.type, message: error.message.includes(store) ? error.message : `store "${store}": ${error.message}` }
  return { type: 'Unreachable', message: `store "${store}": ${error instanceof Error ? error.message : String(error)}` }
}
