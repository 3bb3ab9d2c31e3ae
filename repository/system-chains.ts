/** Of systems what decides about runs: the moves in their control records, and hosts under suspicion. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { SiteMove } from '../domain/adoption.ts'
import { foldRecords, outranks } from '../domain/control-state.ts'
import { MusterError } from '../domain/failures.ts'
import type { ControlRecord, Suspicion } from '../domain/repository-format.ts'
import { readChain } from './control-records.ts'
import type { NamedPlace } from './put-everywhere.ts'
import { notToBeBelieved } from './store-view.ts'
import { within } from './within.ts'

export interface SystemChainsDeps {
  readonly places: readonly NamedPlace[]
  readonly verifier: Verifier
  readonly secondsEach: number
}

export interface SystemChains {
  readonly moves: readonly SiteMove[]
  /** Of all systems: a host is the same for each. */
  readonly suspicions: readonly Suspicion[]
  readonly unread: readonly string[]
}

/** Never throws for what a store says; all are asked at the same time. */
export async function readSystemChains({ places, verifier, secondsEach }: SystemChainsDeps, systems: readonly string[]): Promise<SystemChains> {
  const unread = new Set<string>()
  const chains = await Promise.all(
    systems.map(async (system) => {
      const found = await Promise.all(
        places.map(async ({ name, open }): Promise<readonly ControlRecord[]> => {
          try {
            return (await within(secondsEach, async () => readChain(await open(), system, verifier), `store "${name}"`)).records
          } catch (error) {
            if (!(error instanceof MusterError)) throw error
            if (!notToBeBelieved.has(error.type)) unread.add(name)
            return []
          }
        }),
      )
      return { system, records: found.reduce((best, one) => (outranks(one, best) ? one : best), []) }
    }),
  )
  return {
    moves: chains.flatMap(({ system, records }) => movesOf(system, records)),
    suspicions: chains.flatMap(({ records }) => foldRecords(records).suspicions),
    unread: [...unread],
  }
}

function movesOf(system: string, records: readonly ControlRecord[]): readonly SiteMove[] {
  return records.flatMap(({ at, body }) => (body.kind === 'site' && body.run !== undefined ? [{ system, at, runId: body.run.split(':').at(-1) ?? '' }] : []))
}
