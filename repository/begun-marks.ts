/** Marks of runs that were about to change their system in place: create-only, in every store that takes them in time. */
import type { Signer, Verifier } from '../adapters/crypto/crypto.ts'
import { MusterError } from '../domain/failures.ts'
import { begunKey, begunPrefix, parseBegunKey } from '../domain/object-keys.ts'
import type { BegunMark } from '../domain/repository-format.ts'
import type { DocumentCache } from './document-cache.ts'
import { type NamedPlace, type PutEverywhere, putEverywhere } from './put-everywhere.ts'
import { openDocument, signDocument } from './signed-document.ts'
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
 * Marks of one store that are not older than `since` and whose run is not among `ended` (last 8 digits of run ids); what cannot be
 * believed is left out. @throws what the store throws
 */
export async function readBegunMarks(
  { verifier, cache, secondsEach }: BegunMarksDeps,
  place: NamedPlace,
  system: string,
  since: string,
  ended: ReadonlySet<string>,
): Promise<readonly BegunMark[]> {
  const store = await place.open()
  const keys: string[] = []
  const first = begunKey(system, since, 'x', '')
  for await (const { key } of store.list(begunPrefix(system))) {
    const parsed = parseBegunKey(key)
    if (parsed && key.slice(0, first.indexOf('Z-')) >= first.slice(0, first.indexOf('Z-')) && !ended.has(parsed.run)) keys.push(key)
  }
  const read = await Promise.all(
    keys.slice(-mostMarks).map(async (key) => {
      try {
        const bytes = await within(secondsEach, () => cache.read(store, key), `store "${place.name}"`)
        return openDocument<BegunMark>(verifier, 'begun', bytes, `${place.name}:${key}`).value
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        return null
      }
    }),
  )
  return read.flatMap((one) => one ?? [])
}
