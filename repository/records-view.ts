/** What a system's control records add up to, as far as the stores can be read and believed. */
import { type ControlState, foldRecords } from '../domain/control-state.ts'
import { MusterError } from '../domain/failures.ts'
import type { ControlRecord } from '../domain/repository-format.ts'
import { readChain } from './control-records.ts'
import { notToBeBelieved, type StoreViewDeps } from './store-view.ts'
import { within } from './within.ts'

export interface RecordsView {
  readonly state: ControlState
  /** Time of the newest record; null where there is none. */
  readonly newestAt: string | null
  /** Why a store's chain could not be believed. */
  readonly problem: string | null
}

/** Each store's chain by itself: one that hangs or lies must not hide what the others say. */
export async function readState(deps: StoreViewDeps, system: string): Promise<RecordsView> {
  const looks = await Promise.all(
    Object.keys(deps.config.stores).map(async (name) => {
      try {
        const { records } = await within(deps.timeoutSeconds, async () => readChain(await deps.store(name), system, deps.verifier), `store "${name}"`)
        return { records, error: null }
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        return { records: null, error }
      }
    }),
  )
  const records = looks.reduce<readonly ControlRecord[]>((best, one) => ((one.records?.length ?? 0) > best.length ? (one.records ?? best) : best), [])
  // A store that does not answer is told of as a store.
  const lie = looks.find(({ error }) => error !== null && notToBeBelieved.has(error.type))
  return { state: foldRecords(records), newestAt: records.at(-1)?.at ?? null, problem: lie?.error?.message ?? null }
}
