import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Evidence } from '../domain/evidence.ts'
import { MusterError } from '../domain/failures.ts'
import type { DocumentCache } from './document-cache.ts'
import type { NamedPlace } from './put-everywhere.ts'
import { openDocument } from './signed-document.ts'
import { within } from './within.ts'

export interface ReadEvidenceDeps {
  readonly verifier: Verifier
  readonly cache: DocumentCache
  /** For each store. */
  readonly secondsEach: number
}

/** Evidence from the first place that has it and can be believed; null where none does. */
export async function readEvidenceAnywhere(
  { verifier, cache, secondsEach }: ReadEvidenceDeps,
  places: readonly NamedPlace[],
  key: string,
): Promise<Evidence | null> {
  for (const { name, open } of places) {
    try {
      const bytes = await within(secondsEach, async () => cache.read(await open(), key), `store "${name}"`)
      return openDocument<Evidence>(verifier, 'evidence', bytes, `${name}:${key}`).value
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
    }
  }
  return null
}
