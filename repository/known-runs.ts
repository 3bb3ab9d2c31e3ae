/** The newest runs that the repository knows: their evidence, and marks of those that were changing a system. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { KnownRun } from '../domain/adoption.ts'
import type { Evidence } from '../domain/evidence.ts'
import { MusterError } from '../domain/failures.ts'
import { evidencePrefix, parseEvidenceKey } from '../domain/object-keys.ts'
import { readBegunMarks } from './begun-marks.ts'
import type { DocumentCache } from './document-cache.ts'
import type { NamedPlace } from './put-everywhere.ts'
import { openDocument } from './signed-document.ts'
import { signedBy, type SignedRun, takenAtOf } from './signed-run.ts'
import { notToBeBelieved } from './store-view.ts'
import { within } from './within.ts'

export interface KnownRunsDeps {
  readonly places: readonly NamedPlace[]
  readonly verifier: Verifier
  readonly cache: DocumentCache
  readonly now: Date
  /** Longest wait for what one store lists, and again for what it gives. */
  readonly secondsEach: number
  /** What is older Temporal need not know: nothing before is listed. */
  readonly since: Date
  /** Of each system, and besides of each procedure the newest few. */
  readonly most: number
  /** Runs whose evidence is wanted however old it is, by the last 8 digits of their run ids. */
  readonly alsoRuns: ReadonlySet<string>
}

export interface KnownRuns {
  /** One run may be in several. */
  readonly runs: readonly SignedRun[]
  /** Stores that did not list, or did not give what they list. */
  readonly unread: readonly string[]
}

const ofEachProcedure = 2

interface ListedAt {
  readonly place: NamedPlace
  readonly takenAt: string
}

/** Never throws for what a store says; all are asked at the same time. */
export async function knownRuns(deps: KnownRunsDeps, systems: readonly string[]): Promise<KnownRuns> {
  const unread = new Set<string>()
  const found = await Promise.all(systems.map((system) => ofSystem(deps, system, unread)))
  return { runs: found.flat(), unread: [...unread].sort() }
}

async function ofSystem(deps: KnownRunsDeps, system: string, unread: Set<string>): Promise<readonly SignedRun[]> {
  const keys = new Map<string, ListedAt[]>()
  const asking = async <T>(place: NamedPlace, ask: () => Promise<T>): Promise<T | null> => {
    try {
      return await within(deps.secondsEach, ask, `store "${place.name}"`)
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      unread.add(place.name)
      return null
    }
  }
  const since = deps.since.toISOString()
  const [marks] = await Promise.all([
    Promise.all(deps.places.map((place) => asking(place, () => readBegunMarks(deps, place, system, since, () => unread.add(place.name))))),
    Promise.all(deps.places.map((place) => asking(place, () => listEvidence(deps, place, system, keys)))),
  ])
  const begun = marks.flatMap((some) => some ?? [])
  // That a key is listed does not say that the run has ended: what lies there may say nothing, or not be believed.
  const wanted = new Set([...deps.alsoRuns, ...begun.map(({ run }) => run.runId.slice(-8))])
  const evidence = await Promise.all(newestKeys([...keys.keys()].sort(), deps, wanted).map((key) => readEvidence(deps, keys.get(key) ?? [], key, unread)))
  return [...evidence.flatMap((one) => one ?? []), ...begun]
}

/** Month by month: keys begin with the time at which a run was declared. */
async function listEvidence({ now, since }: KnownRunsDeps, place: NamedPlace, system: string, keys: Map<string, ListedAt[]>): Promise<void> {
  const store = await place.open()
  for (let month = firstOf(now); month >= firstOf(since); month = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() - 1, 1))) {
    for await (const stat of store.list(`${evidencePrefix(system)}${month.toISOString().slice(0, 7).replace('-', '')}`)) {
      if (parseEvidenceKey(stat.key)) keys.set(stat.key, [...(keys.get(stat.key) ?? []), { place, takenAt: takenAtOf(stat) }])
    }
  }
}

function firstOf(time: Date): Date {
  return new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth(), 1))
}

function newestKeys(sorted: readonly string[], { most }: KnownRunsDeps, alsoRuns: ReadonlySet<string>): readonly string[] {
  const byProcedure = new Map<string, string[]>()
  for (const key of sorted) {
    const { procedure = '' } = parseEvidenceKey(key) ?? {}
    byProcedure.set(procedure, [...(byProcedure.get(procedure) ?? []), key])
  }
  const also = sorted.filter((key) => alsoRuns.has(parseEvidenceKey(key)?.run ?? ''))
  return [...new Set([...sorted.slice(-most), ...[...byProcedure.values()].flatMap((some) => some.slice(-ofEachProcedure)), ...also])]
}

/** From the first place that gives it and can be believed; the first store that took it says when that was. */
async function readEvidence(
  { verifier, cache, secondsEach }: KnownRunsDeps,
  listed: readonly ListedAt[],
  key: string,
  unread: Set<string>,
): Promise<SignedRun | null> {
  const takenAt = listed.reduce((first, one) => (first === '' || one.takenAt < first ? one.takenAt : first), '')
  for (const { place } of listed) {
    try {
      const bytes = await within(secondsEach, async () => cache.read(await place.open(), key), `store "${place.name}"`)
      const { value, signer } = openDocument<Evidence>(verifier, 'evidence', bytes, `${place.name}:${key}`)
      return { run: ofEvidence(value), signed: signedBy(signer, value.times.endedAt, takenAt), what: `evidence of ${value.procedure} of ${value.system}` }
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      if (!notToBeBelieved.has(error.type)) unread.add(place.name)
    }
  }
  return null
}

function ofEvidence({ system, procedure, run, times, outcome }: Evidence): KnownRun {
  const { workflowId, runId } = run
  return { workflowId, runId, system, procedure, startedAt: times.declaredAt, endedAt: times.endedAt, outcome, begunAt: null, lastStepAt: null }
}
