/** The newest evidence of a system, from the stores that answer. */
import type { DocumentCache } from './document-cache.ts'
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import type { Evidence, EvidencedProcedure } from '../domain/evidence.ts'
import { MusterError } from '../domain/failures.ts'
import { evidencePrefix, parseEvidenceKey } from '../domain/object-keys.ts'
import { openDocument } from './signed-document.ts'
import { within } from './within.ts'

export interface EvidenceViewDeps {
  readonly stores: readonly string[]
  readonly store: (name: string) => Promise<Store>
  readonly verifier: Verifier
  readonly cache: DocumentCache
  readonly timeoutSeconds: number
}

/** What is judged from, the newest first: a year of a monthly drill beside one each day. Older records say nothing of today. */
const mostRecords = 400

export interface EvidenceView {
  /** Oldest first. */
  readonly evidence: readonly Evidence[]
  /** Records that cannot be believed. */
  readonly invalid: readonly string[]
}

/** Never throws for a store that does not answer: `status` tells of that elsewhere. */
export async function viewEvidence(deps: EvidenceViewDeps, system: string, procedures: readonly EvidencedProcedure[]): Promise<EvidenceView> {
  const found = new Map<string, Evidence>()
  const invalid: string[] = []
  const wanted = (key: string) => (procedures as readonly string[]).includes(parseEvidenceKey(key)?.procedure ?? '')
  await Promise.all(
    deps.stores.map(async (name) => {
      try {
        await within(deps.timeoutSeconds, async () => collect(deps, await deps.store(name), system, wanted, found, invalid), `store "${name}"`)
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
      }
    }),
  )
  return { evidence: [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one), invalid }
}

async function collect(
  deps: EvidenceViewDeps,
  store: Store,
  system: string,
  wanted: (key: string) => boolean,
  found: Map<string, Evidence>,
  invalid: string[],
): Promise<void> {
  const keys: string[] = []
  for await (const { key } of store.list(evidencePrefix(system))) if (wanted(key)) keys.push(key)
  for (const key of keys.sort().reverse().slice(0, mostRecords)) {
    if (found.has(key)) continue
    try {
      found.set(key, openDocument<Evidence>(deps.verifier, 'evidence', await deps.cache.read(store, key), `${store.name}:${key}`).value)
    } catch (error) {
      if (!(error instanceof MusterError) || !['SignatureInvalid', 'KeyNotTrusted', 'ManifestInvalid'].includes(error.type)) throw error
      invalid.push(error.message)
    }
  }
}
