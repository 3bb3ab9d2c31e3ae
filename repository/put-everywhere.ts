/** One small signed document into every store that takes it in time. */
import type { Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import { within } from './within.ts'

export interface NamedPlace {
  readonly name: string
  readonly open: () => Promise<Store>
}

export interface PutEverywhere {
  readonly stores: readonly string[]
  readonly failed: readonly { readonly store: string; readonly problem: string }[]
}

/** Never throws for what a store says; `bytes` may be a promise, whose failure counts for each store. */
export async function putEverywhere(places: readonly NamedPlace[], key: string, bytes: Buffer | Promise<Buffer>, secondsEach: number): Promise<PutEverywhere> {
  const problems = await Promise.all(
    places.map(async ({ name, open }) => {
      try {
        await within(secondsEach, async () => (await open()).putBytes(key, await bytes), `store "${name}"`)
        return null
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        return { store: name, problem: error.message }
      }
    }),
  )
  const failed = problems.filter((one) => one !== null)
  return { stores: places.map(({ name }) => name).filter((name) => !failed.some(({ store }) => store === name)), failed }
}
