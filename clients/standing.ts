/** Gathers how this Temporal stands to what the repository and this host know, in bounded time. */
import type { Client } from '@temporalio/client'
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { judgeStanding, type KnownRun, mergeRuns, type Standing } from '../domain/adoption.ts'
import type { Config } from '../domain/config.ts'
import type { Suspicion } from '../domain/repository-format.ts'
import { doubtText } from '../domain/suspicion.ts'
import { readAdoptions } from '../repository/adoptions.ts'
import { endedByAudit } from '../repository/audited-ends.ts'
import type { DocumentCache } from '../repository/document-cache.ts'
import { knownRuns } from '../repository/known-runs.ts'
import type { SignedRun } from '../repository/signed-run.ts'
import { readSystemChains } from '../repository/system-chains.ts'
import { describeOrchestrator, listsClosedRuns, openRuns, type OpenRun, seeRuns } from './orchestrator.ts'

export interface StandingDeps {
  readonly client: Client
  /** As it was signed: systems at home. */
  readonly config: Config
  readonly store: (name: string) => Promise<Store>
  readonly verifier: Verifier
  readonly cache: DocumentCache
  /** What this host did last for each run. */
  readonly notes: readonly KnownRun[]
  readonly now: Date
  /** Longest wait for one store. */
  readonly secondsEach: number
  /** Of each system: a look needs the newest few, a decision all that are to be shown. */
  readonly most: number
}

/** A store that is out is named in the answer. @throws what Temporal's client throws */
export async function gatherStanding(deps: StandingDeps): Promise<Standing> {
  const { client, config, verifier, cache, now, secondsEach, most } = deps
  const systems = Object.keys(config.systems)
  const places = Object.keys(config.stores).map((name) => ({ name, open: () => deps.store(name) }))
  const [{ temporal, retentionSeconds }, open, listsClosed] = await Promise.all([
    describeOrchestrator(client),
    openRuns(client, systems),
    listsClosedRuns(client),
  ])
  const [repository, chains, audited] = await Promise.all([
    knownRuns(
      {
        places,
        verifier,
        cache,
        now,
        secondsEach,
        since: sinceOf(now, retentionSeconds, open),
        most,
        alsoRuns: new Set([...open, ...deps.notes].map(({ runId }) => runId.slice(-8))),
      },
      systems,
    ),
    readSystemChains({ places, verifier, secondsEach }, systems),
    endedByAudit({ places, verifier, secondsEach }, Object.keys(config.sites), open),
  ])
  const adopted = await readAdoptions({ places, verifier, secondsEach }, temporal, chains.suspicions)
  const { runs, doubts } = believedOf([...repository.runs, ...audited.runs], chains.suspicions)
  const known = mergeRuns([...runs, ...deps.notes, ...open.map(asKnown)])
  return judgeStanding({
    temporal,
    adopted,
    doubts: [...adopted.doubts, ...doubts],
    known,
    seen: await seeRuns(client, known),
    moves: chains.moves,
    now,
    retentionSeconds,
    unread: [...new Set([...repository.unread, ...chains.unread, ...audited.unread])].sort(),
    listsClosed,
  })
}

/** Who rules a host can sign with its key that a run has ended, or never did: that decides nothing, and is told. */
function believedOf(all: readonly SignedRun[], suspicions: readonly Suspicion[]): { readonly runs: readonly KnownRun[]; readonly doubts: readonly string[] } {
  const doubts = new Set<string>()
  const runs = all.flatMap(({ run, signed, what }) => {
    const doubt = doubtText(suspicions, signed)
    if (doubt === null) return [run]
    doubts.add(`${what} (run ${run.runId}) does not count: ${doubt}`)
    return []
  })
  return { runs, doubts: [...doubts] }
}

function asKnown(run: OpenRun): KnownRun {
  return { ...run, endedAt: null, outcome: null, begunAt: null, lastStepAt: null }
}

const longestDays = 90

/** Retention may be years; what is older than a season hides no newer run. */
function sinceOf(now: Date, retentionSeconds: number, open: readonly OpenRun[]): Date {
  const since = now.getTime() - Math.min(retentionSeconds, longestDays * 86_400) * 1000
  return new Date(Math.min(since, ...open.map(({ startedAt }) => Date.parse(startedAt))))
}
