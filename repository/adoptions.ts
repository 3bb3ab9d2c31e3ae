/** The chain of one Temporal: when it was adopted, by whom, and what was decided about runs. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import { recordKey, recordPrefix, temporalChain } from '../domain/object-keys.ts'
import type { Adoption, ControlRecord, Suspicion } from '../domain/repository-format.ts'
import { controlWriter } from '../domain/control-state.ts'
import { doubtText } from '../domain/suspicion.ts'
import { appendRecord, readChain } from './control-records.ts'
import type { RecordWriter } from './incarnations.ts'
import type { NamedPlace } from './put-everywhere.ts'
import { takenAtOf } from './signed-run.ts'
import { within } from './within.ts'

export interface AdoptionDeps {
  readonly places: readonly NamedPlace[]
  readonly verifier: Verifier
  readonly secondsEach: number
}

export interface Adoptions {
  /** ISO-8601 UTC: newest moment at which something was known of a run that was decided about; null where it was never adopted. */
  readonly until: string | null
  /** Run ids of what was decided about. */
  readonly decided: ReadonlySet<string>
  /** Changes with each adoption. */
  readonly count: number
  /** Adoptions that a host under suspicion has signed: they decide nothing. */
  readonly doubts: readonly string[]
}

/** A record, and when the first store took it. */
interface TakenRecord {
  readonly record: ControlRecord
  readonly takenAt: string
}

/** All of one Temporal, from the stores that answer and can be believed. */
export async function readAdoptions({ places, verifier, secondsEach }: AdoptionDeps, temporal: string, suspicions: readonly Suspicion[]): Promise<Adoptions> {
  const found = await Promise.all(
    places.map(async ({ name, open }) => {
      try {
        return await within(secondsEach, async () => readFrom(await open(), verifier, temporal), `store "${name}"`)
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        return []
      }
    }),
  )
  return { ...addedUp(found.flat(), temporal, suspicions), count: Math.max(0, ...found.map((records) => records.length)) }
}

async function readFrom(store: Store, verifier: Verifier, temporal: string): Promise<readonly TakenRecord[]> {
  const chain = temporalChain(temporal)
  const taken = new Map<string, string>()
  for await (const stat of store.list(recordPrefix(chain))) taken.set(stat.key, takenAtOf(stat))
  const { records } = await readChain(store, chain, verifier)
  return records.map((record) => ({ record, takenAt: taken.get(recordKey(chain, record.sequence)) ?? record.at }))
}

function addedUp(all: readonly TakenRecord[], temporal: string, suspicions: readonly Suspicion[]): Omit<Adoptions, 'count'> {
  const doubts = new Map<string, string>()
  const decided = new Set<string>()
  let until: string | null = null
  const believed = new Set<string>()
  // The first store that took it comes first: what another one got later, to catch up, is no later word.
  for (const { record, takenAt } of [...all].sort((a, b) => (a.takenAt < b.takenAt ? -1 : 1))) {
    const { at, by, body, sequence } = record
    if (body.kind !== 'adopted' || body.temporal !== temporal || believed.has(`${sequence} ${at}`)) continue
    const signed = { host: by === controlWriter ? null : by, keyValidFrom: null, at: at > takenAt ? at : takenAt }
    const doubt = doubtText(suspicions, signed)
    if (doubt !== null) {
      doubts.set(`${sequence} ${at}`, `the adoption of ${at} by ${body.by} does not count: ${doubt}`)
      continue
    }
    believed.add(`${sequence} ${at}`)
    for (const { runId } of body.runs) decided.add(runId)
    if (until === null || body.until > until) until = body.until
  }
  return { until, decided, doubts: [...doubts].flatMap(([id, text]) => (believed.has(id) ? [] : [text])) }
}

/** How many records the chain has, by the store that has most; nothing is read. Never throws for what a store says. */
export async function countAdoptions({ places, secondsEach }: Omit<AdoptionDeps, 'verifier'>, temporal: string): Promise<number> {
  const counts = await Promise.all(
    places.map(async ({ name, open }) => {
      try {
        return await within(secondsEach, async () => countBelow(await open(), temporal), `store "${name}"`)
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        return 0
      }
    }),
  )
  return Math.max(0, ...counts)
}

async function countBelow(store: Store, temporal: string): Promise<number> {
  let count = 0
  for await (const _ of store.list(recordPrefix(temporalChain(temporal)))) count += 1
  return count
}

/** Not idempotent: each is a decision of its own. @throws MusterError RecordConflict, Unreachable */
export async function recordAdoption(writer: RecordWriter, adoption: Adoption): Promise<void> {
  await appendRecord(writer, temporalChain(adoption.temporal), () => ({ kind: 'adopted', ...adoption }))
}
