/** Where a system is active, as its control records say; cheap to ask again and again. */
import { foldRecords } from '../domain/control-state.ts'
import { MusterError } from '../domain/failures.ts'
import { recordPrefix } from '../domain/object-keys.ts'
import type { Store } from '../adapters/store/store.ts'
import { type ControlRecordsDeps, readRecords } from './control-records.ts'

/**
 * Remembers what it read until a store has another number of records.
 * @returns the site; null where no record says, or no store answers
 */
export function createActiveSite(deps: ControlRecordsDeps, system: string): () => Promise<string | null> {
  let seen = ''
  let site: string | null = null
  return async () => {
    const counts = await Promise.all(deps.stores.map((store) => countRecords(store, system)))
    if (counts.every((count) => count === null)) return null
    const now = counts.join(' ')
    if (now === seen) return site
    site = foldRecords((await readRecords(deps, system)).records).site?.site ?? null
    seen = now
    return site
  }
}

async function countRecords(store: Store, system: string): Promise<number | null> {
  try {
    let count = 0
    for await (const _ of store.list(recordPrefix(system))) count += 1
    return count
  } catch (error) {
    if (error instanceof MusterError) return null
    throw error
  }
}
