/** The chain of one Temporal: when it was adopted, by whom, and what was decided about runs. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import { MusterError } from '../domain/failures.ts'
import { temporalChain } from '../domain/object-keys.ts'
import type { Adoption } from '../domain/repository-format.ts'
import { appendRecord, readChain } from './control-records.ts'
import type { RecordWriter } from './incarnations.ts'
import type { NamedPlace } from './put-everywhere.ts'
import { within } from './within.ts'

export interface AdoptionMade extends Adoption {
  readonly at: string
}

export interface AdoptionDeps {
  readonly places: readonly NamedPlace[]
  readonly verifier: Verifier
  readonly secondsEach: number
}

/** The newest, from the stores that answer and can be believed; null where it was never adopted. */
export async function newestAdoption({ places, verifier, secondsEach }: AdoptionDeps, temporal: string): Promise<AdoptionMade | null> {
  const found = await Promise.all(
    places.map(async ({ name, open }) => {
      try {
        const { records } = await within(secondsEach, async () => readChain(await open(), temporalChain(temporal), verifier), `store "${name}"`)
        return records.flatMap(({ at, body }) => (body.kind === 'adopted' && body.temporal === temporal ? [{ ...body, at }] : []))
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        return []
      }
    }),
  )
  return found.flat().reduce<AdoptionMade | null>((newest, one) => (newest === null || one.until > newest.until ? one : newest), null)
}

/** Not idempotent: each is a decision of its own. @throws MusterError RecordConflict, Unreachable */
export async function recordAdoption(writer: RecordWriter, adoption: Adoption): Promise<void> {
  await appendRecord(writer, temporalChain(adoption.temporal), () => ({ kind: 'adopted', ...adoption }))
}
