/** The newest evidence of a system, without reading what is older: for plans, which wait for no store that is out. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Evidence, EvidencedProcedure } from '../domain/evidence.ts'
import { MusterError } from '../domain/failures.ts'
import { evidencePrefix, parseEvidenceKey } from '../domain/object-keys.ts'
import type { DocumentCache } from './document-cache.ts'
import type { NamedPlace } from './put-everywhere.ts'
import { within } from './within.ts'
import { readEvidenceAnywhere } from './read-evidence.ts'

export interface NewestEvidenceDeps {
  readonly places: readonly NamedPlace[]
  readonly verifier: Verifier
  readonly cache: DocumentCache
  readonly now: Date
  /** For finding the keys in one store, and again for reading one record. */
  readonly secondsEach: number
}

export interface WantedEvidence {
  readonly procedures: readonly EvidencedProcedure[]
  readonly most: number
}

export interface NewestEvidence {
  /** Newest first; what cannot be believed is left out: `muster audit verify` tells of it. */
  readonly evidence: readonly Evidence[]
  /** Stores that were not looked through. */
  readonly unread: readonly string[]
}

/** What is older says little of today. */
const monthsBack = 13

/** Never throws for what a store says; all are asked at the same time, and what was found until then counts. */
export async function newestEvidence(deps: NewestEvidenceDeps, system: string, wanted: readonly WantedEvidence[]): Promise<NewestEvidence> {
  const found = new Map<string, NamedPlace[]>()
  const unread: string[] = []
  await Promise.all(
    deps.places.map(async (place) => {
      try {
        await within(deps.secondsEach, () => findKeys(deps, place, system, wanted, found), `store "${place.name}"`)
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        unread.push(place.name)
      }
    }),
  )
  const keys = [...new Set(wanted.flatMap((one) => newestOf([...found.keys()], one)))].sort().reverse()
  // A store that stopped answering half-way is asked last.
  const placesOf = (key: string) => [...(found.get(key) ?? [])].sort((a, b) => Number(unread.includes(a.name)) - Number(unread.includes(b.name)))
  const read = await Promise.all(keys.map((key) => readEvidenceAnywhere(deps, placesOf(key), key)))
  return { evidence: read.flatMap((one) => one ?? []), unread }
}

/** Month by month, so that a store with years of backups is not listed whole. */
async function findKeys(
  { now }: NewestEvidenceDeps,
  place: NamedPlace,
  system: string,
  wanted: readonly WantedEvidence[],
  found: Map<string, NamedPlace[]>,
): Promise<void> {
  const store = await place.open()
  const mine: string[] = []
  for (let back = 0; back < monthsBack; back++) {
    const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 1)).toISOString().slice(0, 7).replace('-', '')
    for await (const { key } of store.list(`${evidencePrefix(system)}${month}`)) {
      if (!wanted.some((one) => isOf(key, one))) continue
      mine.push(key)
      found.set(key, [...(found.get(key) ?? []), place])
    }
    if (wanted.every((one) => newestOf(mine, one).length === one.most)) return
  }
}

function isOf(key: string, { procedures }: WantedEvidence): boolean {
  return (procedures as readonly string[]).includes(parseEvidenceKey(key)?.procedure ?? '')
}

/** Keys begin with the time at which a run was declared. */
function newestOf(keys: readonly string[], wanted: WantedEvidence): readonly string[] {
  return keys
    .filter((key) => isOf(key, wanted))
    .sort()
    .slice(-wanted.most)
}
