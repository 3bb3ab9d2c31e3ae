/** Marks of runs that were about to change their system in place: create-only, in every store that takes them in time. */
import type { Signer, Verifier } from '../adapters/crypto/crypto.ts'
import type { KnownRun } from '../domain/adoption.ts'
import { MusterError } from '../domain/failures.ts'
import { begunKey, begunPrefix, parseBegunKey } from '../domain/object-keys.ts'
import type { BegunMark } from '../domain/repository-format.ts'
import type { DocumentCache } from './document-cache.ts'
import { type NamedPlace, type PutEverywhere, putEverywhere } from './put-everywhere.ts'
import { openDocument, signDocument } from './signed-document.ts'
import { signedBy, type SignedRun, takenAtOf } from './signed-run.ts'
import { notToBeBelieved } from './store-view.ts'
import { within } from './within.ts'

/** Never throws for what a store says. */
export async function storeBegunMark(places: readonly NamedPlace[], signer: Signer, mark: BegunMark, secondsEach: number): Promise<PutEverywhere> {
  const key = begunKey(mark.system, mark.at, mark.procedure, mark.run.runId)
  return putEverywhere(places, key, signDocument(signer, 'begun', mark), secondsEach)
}

export interface BegunMarksDeps {
  readonly verifier: Verifier
  readonly cache: DocumentCache
  readonly secondsEach: number
}

/** Restores are rare: what lies there is a handful. */
const mostMarks = 200

/**
 * Marks of one store that are not older than `since`; what cannot be believed is left out. `onUnread` hears of what the store lists and
 * does not give. @throws what the store throws
 */
export async function readBegunMarks(
  { verifier, cache, secondsEach }: BegunMarksDeps,
  place: NamedPlace,
  system: string,
  since: string,
  onUnread: () => void,
): Promise<readonly SignedRun[]> {
  const store = await place.open()
  const keys = new Map<string, string>()
  const first = begunKey(system, since, 'x', '')
  for await (const stat of store.list(begunPrefix(system))) {
    if (parseBegunKey(stat.key) && stat.key.slice(0, first.indexOf('Z-')) >= first.slice(0, first.indexOf('Z-'))) keys.set(stat.key, takenAtOf(stat))
  }
  const read = await Promise.all(
    [...keys].slice(-mostMarks).map(async ([key, takenAt]) => {
      try {
        const bytes = await within(secondsEach, () => cache.read(store, key), `store "${place.name}"`)
        const { value, signer } = openDocument<BegunMark>(verifier, 'begun', bytes, `${place.name}:${key}`)
        return { run: ofMark(value), signed: signedBy(signer, value.at, takenAt), what: `mark of ${value.procedure} of ${value.system}` }
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        if (!notToBeBelieved.has(error.type)) onUnread()
        return null
      }
    }),
  )
  return read.flatMap((one) => one ?? [])
}

function ofMark({ system, procedure, run, startedAt, at }: BegunMark): KnownRun {
  return { ...run, system, procedure, startedAt, endedAt: null, outcome: null, begunAt: at, lastStepAt: at }
}
