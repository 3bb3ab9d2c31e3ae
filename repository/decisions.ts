/** What a run was to do, as it was hashed and approved: canonical JSON beside its evidence, under its hash. */
import type { Store } from '../adapters/store/store.ts'
import { decisionLimitBytes } from '../domain/decision.ts'
import type { Evidence } from '../domain/evidence.ts'
import { MusterError } from '../domain/failures.ts'
import { decisionKey } from '../domain/object-keys.ts'
import { type NamedPlace, type PutEverywhere, putEverywhere } from './put-everywhere.ts'
import { sha256Hex } from './signed-document.ts'
import { within } from './within.ts'

export interface StoredDecision {
  readonly decision: NonNullable<Evidence['decision']>
  /** Where it was read back from with its hash. */
  readonly took: readonly NamedPlace[]
  readonly failed: PutEverywhere['failed']
}

/** It carries no signature: signed evidence names its hash. Idempotent; never throws for what a store says. */
export async function storeDecision(places: readonly NamedPlace[], system: string, text: string, secondsEach: number): Promise<StoredDecision> {
  const bytes = Buffer.from(text)
  const sha256 = sha256Hex(bytes)
  const key = decisionKey(system, sha256)
  const put = await putEverywhere(places, key, bytes, secondsEach)
  const looks = await Promise.all(
    places
      .filter(({ name }) => put.stores.includes(name))
      .map(async (place) => {
        try {
          await within(secondsEach, async () => readDecision(await place.open(), key, sha256), `store "${place.name}"`)
          return { place, problem: null }
        } catch (error) {
          if (!(error instanceof MusterError)) throw error
          return { place, problem: error.message }
        }
      }),
  )
  return {
    decision: { key, sizeBytes: bytes.length },
    took: looks.flatMap(({ place, problem }) => (problem === null ? [place] : [])),
    failed: [...put.failed, ...looks.flatMap(({ place, problem }) => (problem === null ? [] : [{ store: place.name, problem }]))],
  }
}

/** @throws MusterError ObjectMissing; ChecksumMismatch where it is not the text with this hash */
export async function readDecision(store: Store, key: string, sha256: string): Promise<Buffer> {
  const bytes = await store.readBytes(key, 2 * decisionLimitBytes)
  if (sha256Hex(bytes) !== sha256) throw new MusterError('ChecksumMismatch', `${key} is not the decision with this hash [${store.name}]`)
  return bytes
}
