/** The newest runs that the repository knows: their evidence, marks of those that were changing a system, moves. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import { type KnownRun, mergeRuns, type SiteMove } from '../domain/adoption.ts'
import type { Evidence } from '../domain/evidence.ts'
import { MusterError } from '../domain/failures.ts'
import { evidencePrefix, parseEvidenceKey } from '../domain/object-keys.ts'
import type { BegunMark } from '../domain/repository-format.ts'
import { readBegunMarks } from './begun-marks.ts'
import { readChain } from './control-records.ts'
import type { DocumentCache } from './document-cache.ts'
import type { NamedPlace } from './put-everywhere.ts'
import { within } from './within.ts'
import { readEvidenceAnywhere } from './read-evidence.ts'

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
  /** Systems whose moves are wanted: their control records are read. */
  readonly movesOf: ReadonlySet<string>
}

export interface KnownRuns {
  readonly runs: readonly KnownRun[]
  readonly moves: readonly SiteMove[]
  readonly unread: readonly string[]
}

const ofEachProcedure = 2

/** Never throws for what a store says; all are asked at the same time. */
export async function knownRuns(deps: KnownRunsDeps, systems: readonly string[]): Promise<KnownRuns> {
  const unread = new Set<string>()
  const found = await Promise.all(systems.map((system) => ofSystem(deps, system, unread)))
  return { runs: mergeRuns(found.flatMap(({ runs }) => runs)), moves: found.flatMap(({ moves }) => moves), unread: [...unread].sort() }
}

async function ofSystem(deps: KnownRunsDeps, system: string, unread: Set<string>): Promise<Pick<KnownRuns, 'runs' | 'moves'>> {
  const keys = new Map<string, NamedPlace[]>()
  const asking = async <T>(place: NamedPlace, ask: () => Promise<T>): Promise<T | null> => {
    try {
      return await within(deps.secondsEach, ask, `store "${place.name}"`)
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      unread.add(place.name)
      return null
    }
  }
  await Promise.all(deps.places.map((place) => asking(place, () => listEvidence(deps, place, system, keys))))
  const all = [...keys.keys()].sort()
  const ended = new Set(all.flatMap((key) => parseEvidenceKey(key)?.run ?? []))
  const since = deps.since.toISOString()
  const [evidence, marks, moves] = await Promise.all([
    Promise.all(newestKeys(all, deps).map((key) => readEvidenceAnywhere(deps, keys.get(key) ?? [], key))),
    Promise.all(deps.places.map((place) => asking(place, () => readBegunMarks(deps, place, system, since, ended)))),
    Promise.all(deps.movesOf.has(system) ? deps.places.map((place) => asking(place, () => movesIn(deps, place, system))) : []),
  ])
  const runs = [...evidence.flatMap((one) => (one ? [ofEvidence(one)] : [])), ...marks.flatMap((some) => (some ?? []).map(ofMark))]
  return { runs, moves: moves.flatMap((some) => some ?? []) }
}

/** Month by month: keys begin with the time at which a run was declared. */
async function listEvidence({ now, since }: KnownRunsDeps, place: NamedPlace, system: string, keys: Map<string, NamedPlace[]>): Promise<void> {
  const store = await place.open()
  for (let month = firstOf(now); month >= firstOf(since); month = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() - 1, 1))) {
    for await (const { key } of store.list(`${evidencePrefix(system)}${month.toISOString().slice(0, 7).replace('-', '')}`)) {
      if (parseEvidenceKey(key)) keys.set(key, [...(keys.get(key) ?? []), place])
    }
  }
}

function firstOf(time: Date): Date {
  return new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth(), 1))
}

function newestKeys(sorted: readonly string[], { most, alsoRuns }: KnownRunsDeps): readonly string[] {
  const byProcedure = new Map<string, string[]>()
  for (const key of sorted) {
    const { procedure = '' } = parseEvidenceKey(key) ?? {}
    byProcedure.set(procedure, [...(byProcedure.get(procedure) ?? []), key])
  }
  const also = sorted.filter((key) => alsoRuns.has(parseEvidenceKey(key)?.run ?? ''))
  return [...new Set([...sorted.slice(-most), ...[...byProcedure.values()].flatMap((some) => some.slice(-ofEachProcedure)), ...also])]
}

async function movesIn({ verifier }: KnownRunsDeps, place: NamedPlace, system: string): Promise<readonly SiteMove[]> {
  const { records } = await readChain(await place.open(), system, verifier)
  return records.flatMap(({ at, body }) => (body.kind === 'site' && body.run !== undefined ? [{ system, at, runId: body.run.split(':').at(-1) ?? '' }] : []))
}

function ofEvidence({ system, procedure, run, times, outcome }: Evidence): KnownRun {
  const { workflowId, runId } = run
  return { workflowId, runId, system, procedure, startedAt: times.declaredAt, endedAt: times.endedAt, outcome, begunAt: null, lastStepAt: null }
}

function ofMark({ system, procedure, run, startedAt, at }: BegunMark): KnownRun {
  return { ...run, system, procedure, startedAt, endedAt: null, outcome: null, begunAt: at, lastStepAt: at }
}
