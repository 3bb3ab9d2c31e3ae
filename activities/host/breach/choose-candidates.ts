import type { Candidate } from '../../../domain/breach.ts'
import { noBreachConfig } from '../../../domain/breach.ts'
import type { Config, SystemConfig } from '../../../domain/config.ts'
import type { ControlState } from '../../../domain/control-state.ts'
import { MusterError } from '../../../domain/failures.ts'
import { justBefore } from '../../../domain/scenario/search.ts'
import { isBefore, toMicros } from '../../../domain/times.ts'
import { readCatalog } from '../../../repository/catalog.ts'
import { chooseRecovery } from '../../../repository/recovery-choice.ts'
import { type Agent, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { readState, viewStore } from '../restore/repository-view.ts'

export interface ChooseCandidatesInput {
  readonly system: string
  readonly configHash: string
  /** ISO-8601 UTC: nothing after it. */
  readonly since: string
}

/**
 * Lists the recovery points before a moment that are tried, newest first: the moment right before it as far as WAL reaches,
 * then the end of each run of backups. Before them comes the newest moment there is, to see what was changed since.
 *
 * Effect: none.
 * Idempotent: yes, it only reads.
 * Heartbeat: each store read.
 * Fails with: BackupNotFound where there is nothing before it; Unreachable.
 */
export function chooseCandidates(agent: Agent) {
  return async (input: ChooseCandidatesInput, work: Work): Promise<readonly Candidate[]> => {
    const { config } = await agent.config(input.configHash)
    const system = systemOf(config, input.system)
    const state = await readState(agent, config, input.system)
    const most = (system.breach ?? noBreachConfig).candidates
    const before = justBefore(input.since)
    const ends = (await runEnds(agent, config, system, state, input, work)).filter((end) => isBefore(end, before)).reverse()
    const reached = await reachedBefore(agent, config, system, state, input, before)
    const oldest = ends.at(-1)
    const first = reached !== null && oldest !== undefined && !isBefore(reached, oldest) ? [{ time: reached, why: 'right before the suspected moment' }] : []
    const points = [...first, ...ends.map((time) => ({ time, why: 'the end of a run of backups' }))].filter(
      ({ time }, index, all) => all.findIndex((one) => one.time === time) === index,
    )
    if (points.length === 0) {
      throw new MusterError('BackupNotFound', `nothing of ${input.system} from before ${input.since} is in a store`, {
        hint: `muster list ${input.system}; look whether it may have begun later`,
      })
    }
    const candidates = points.slice(0, most).map((one, index) => ({ name: `candidate-${index + 1}`, ...one }))
    return [{ name: 'newest', time: null, why: 'the newest moment, to see what was changed since' }, ...candidates]
  }
}

/** Ends of runs of backups before which every component has a backup; a little later, so that it has ended. Oldest first. */
async function runEnds(
  agent: Agent,
  config: Config,
  system: SystemConfig,
  { suspicions }: ControlState,
  input: ChooseCandidatesInput,
  work: Work,
): Promise<readonly string[]> {
  const ends = new Map<string, string>()
  const oldest = new Map<string, string>()
  const names = Object.keys(system.components)
  const deps = { verifier: await agent.verifier(config), cache: agent.cache, suspicions }
  let problem: MusterError | null = null
  let read = 0
  for (const store of new Set(Object.values(system.components).flatMap(({ stores }) => stores))) {
    work.progress({ phase: store, doneBytes: read, totalBytes: null })
    try {
      const { manifests } = await readCatalog(deps, await agent.store(config, store), input.system)
      for (const { run, component, endedAt } of manifests.filter((one) => names.includes(one.component))) {
        if ((ends.get(run) ?? '') < endedAt) ends.set(run, endedAt)
        if ((oldest.get(component) ?? endedAt) >= endedAt) oldest.set(component, endedAt)
      }
      read += 1
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      problem ??= error
    }
  }
  if (read === 0 && problem !== null) throw problem
  return [...ends.values()]
    .filter((end) => names.every((name) => (oldest.get(name) ?? '~') <= end))
    .map((end) => toMicros(new Date(Date.parse(end) + 1).toISOString()))
    .sort()
}

/** How far every database can be brought towards a moment; the moment itself where there is none. */
async function reachedBefore(
  agent: Agent,
  config: Config,
  system: SystemConfig,
  state: ControlState,
  input: ChooseCandidatesInput,
  before: string,
): Promise<string | null> {
  let reached = before
  for (const [component, { type, stores }] of Object.entries(system.components)) {
    if (type !== 'postgresql') continue
    const newest: string[] = []
    for (const store of stores) {
      try {
        const repository = await viewStore(agent, config, input.system, component, store, state)
        newest.push(toMicros((await chooseRecovery(repository, state, component, { kind: 'latest' }, { incarnation: null, pinnedBackup: null })).newestAt))
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
      }
    }
    const best = newest.sort().at(-1)
    if (best === undefined) return null
    if (isBefore(best, reached)) reached = best
  }
  return reached
}
