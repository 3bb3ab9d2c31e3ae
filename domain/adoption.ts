/**
 * Whether a Temporal may be worked for: what the repository and this host know of runs, against what this Temporal says of
 * the same runs. One that was lost does not know them; one that was rolled back shows as running what has ended long ago.
 */
import { approvedProcedures } from './evidence.ts'

/** Moves every system of a site, each by a run of its own; has no evidence of its own, and stands under the name of the site. */
const siteProcedure = 'failoverSite'

/** The site that a run moves all systems from; null of another run. */
export function siteOfRun(workflowId: string): string | null {
  return /^failover-site\/([^/]+)$/.exec(workflowId)?.[1] ?? null
}

/** Runs that work on a system. Others only look, or bring a configuration: done twice they do no harm. */
export const workingProcedures: ReadonlySet<string> = new Set([...approvedProcedures, siteProcedure, 'backupSystem', 'archiveWal', 'drill', 'refreshStandby'])

/** What the repository, or the notes of this host, know of a run. */
export interface KnownRun {
  readonly workflowId: string
  readonly runId: string
  /** Of the failover of a site, the site. */
  readonly system: string
  readonly procedure: string
  readonly startedAt: string
  /** Null where nothing says that it has ended. */
  readonly endedAt: string | null
  readonly outcome: string | null
  /** When it was about to change the system in place; null where nothing says that it was. */
  readonly begunAt: string | null
  /** When the newest step that is known of it was scheduled. */
  readonly lastStepAt: string | null
}

/** What this Temporal says of a run. */
export interface SeenRun {
  readonly runId: string
  readonly state: 'running' | 'closed' | 'unknown'
  /** Of one that runs: when the newest step in its history was scheduled; null before the first. */
  readonly reachedAt: string | null
}

export type RunFinding =
  /** It ended; this Temporal does not know it. */
  | 'unknown'
  /** It was under way and is gone; nothing was changed in place. */
  | 'gone'
  /** It was past its first irreversible step and is gone. */
  | 'cut-off'
  /** It ended; this Temporal would carry it out again from an earlier step. */
  | 'would-repeat'
  /** It did not end, as far as is known; this Temporal would repeat irreversible steps. */
  | 'would-repeat-cut-off'
  /** Another run has changed the system since. */
  | 'overtaken'

export interface JudgedRun extends KnownRun {
  readonly finding: RunFinding
  /** What an adoption does with it. */
  readonly todo: 'accept' | 'terminate'
  /** Nobody but a person who has looked at the system can say how it stands. */
  readonly needsPerson: boolean
  readonly why: string
}

export interface Standing {
  /** Of the namespace. */
  readonly temporal: string
  readonly adoptedAt: string | null
  /** How many adoptions there are of it. */
  readonly adoptions: number
  /** What hosts under suspicion have signed since, and what therefore was not counted; one line each. */
  readonly doubts: readonly string[]
  readonly held: boolean
  /** Whether a person has to decide, also where there is one site. */
  readonly needsPerson: boolean
  /** Those of which both do not say the same, newest first. */
  readonly runs: readonly JudgedRun[]
  /** Stores that did not answer. */
  readonly unread: readonly string[]
  /** Whether workers have worked for it already: it has runs that ended, or that came to a step. */
  readonly hasWorked: boolean
}

export interface SiteMove {
  readonly system: string
  readonly at: string
  readonly runId: string
}

export interface StandingFacts {
  readonly temporal: string
  readonly adopted: {
    /** Newest moment that was known of a run that was decided about; null where it was never adopted. */
    readonly until: string | null
    /** Run ids. */
    readonly decided: ReadonlySet<string>
    readonly count: number
  }
  readonly doubts: readonly string[]
  readonly known: readonly KnownRun[]
  readonly seen: ReadonlyMap<string, SeenRun>
  readonly moves: readonly SiteMove[]
  readonly now: Date
  /** For how long Temporal keeps runs that have closed. */
  readonly retentionSeconds: number
  readonly unread: readonly string[]
  /** Whether it lists a run that has closed. */
  readonly listsClosed: boolean
}

/** Temporal removes a run some time after it may. */
const removedAboutSeconds = 600

/** Times of runs come from the clocks of several hosts: so far they may be apart. */
export const clocksApartSeconds = 600

export function judgeStanding(facts: StandingFacts): Standing {
  const { temporal, adopted, doubts, unread } = facts
  const expected = facts.known.filter((run) => isExpected(run, facts))
  const ofSystems = facts.known.flatMap((run) => judgeRun(run, facts, expected.includes(run)) ?? [])
  const runs = [
    ...ofSystems,
    ...facts.known.flatMap((run) => (ofSystems.some(({ runId }) => runId === run.runId) ? [] : (judgeSiteRun(run, ofSystems, facts) ?? []))),
  ]
  // Of a run that is known from this Temporal alone, such as one that somebody has just started, nothing can be lost.
  const noted = expected.filter(({ endedAt, begunAt, lastStepAt }) => endedAt !== null || begunAt !== null || lastStepAt !== null)
  const newest = noted.reduce<KnownRun | null>((best, one) => (best === null || progressOf(one) > progressOf(best) ? one : best), null)
  const isNewestUnknown = newest !== null && stateOf(newest, facts) === 'unknown'
  return {
    temporal,
    adoptedAt: adopted.until,
    adoptions: adopted.count,
    doubts,
    held: isNewestUnknown || runs.some(({ todo, needsPerson }) => todo === 'terminate' || needsPerson),
    needsPerson: runs.some((run) => run.needsPerson || (run.todo === 'terminate' && changesInPlace(run))),
    runs: [...runs].sort((a, b) => (progressOf(a) > progressOf(b) ? -1 : 1)),
    unread,
    // One that somebody has just started, and nobody has worked on yet, says nothing.
    hasWorked: facts.listsClosed || [...facts.seen.values()].some(({ state, reachedAt }) => state === 'closed' || reachedAt !== null),
  }
}

/** Newest moment at which something is known to have happened in a run. */
export function progressOf({ startedAt, endedAt, begunAt, lastStepAt }: KnownRun): string {
  return [startedAt, endedAt, begunAt, lastStepAt].reduce<string>((newest, one) => (one !== null && one > newest ? one : newest), startedAt)
}

/** Whether Temporal ought to know it: it was neither adopted without, nor removed by retention. */
function isExpected(run: KnownRun, { adopted, now, retentionSeconds }: StandingFacts): boolean {
  const at = progressOf(run)
  if (adopted.decided.has(run.runId)) return false
  // One of which nobody decided may have come after, though by its clock it came before.
  if (adopted.until !== null && Date.parse(at) <= Date.parse(adopted.until) - clocksApartSeconds * 1000) return false
  return now.getTime() - Date.parse(at) < (retentionSeconds - removedAboutSeconds) * 1000
}

function judgeRun(run: KnownRun, facts: StandingFacts, expected: boolean): JudgedRun | null {
  const state = stateOf(run, facts)
  if (state === 'running') return judgeRunning(run, facts)
  if (state === 'closed' || !expected) return null
  const judged = (finding: RunFinding, needsPerson: boolean, why: string): JudgedRun => ({ ...run, finding, todo: 'accept', needsPerson, why })
  if (run.endedAt !== null) return judged('unknown', false, `it ended ${run.outcome ?? ''}; nothing of it is left to do`.replace('  ', ' '))
  if (run.begunAt === null) return judged('gone', false, 'it was under way and had changed nothing in place; start it again if it is still wanted')
  return judged('cut-off', true, `it was changing the system in place from ${run.begunAt} on, and nothing says that it ended`)
}

function judgeRunning(run: KnownRun, facts: StandingFacts): JudgedRun | null {
  const { reachedAt = null } = facts.seen.get(run.runId) ?? {}
  const judged = (finding: RunFinding, needsPerson: boolean, why: string): JudgedRun => ({ ...run, finding, todo: 'terminate', needsPerson, why })
  // Its last step but one is its evidence: where that was scheduled here, this Temporal is not behind it.
  const isBehind = [run.endedAt, run.begunAt, run.lastStepAt].some((at) => at !== null && (reachedAt === null || reachedAt < at))
  if (isBehind && run.endedAt !== null) return judged('would-repeat', false, `it ended ${run.outcome ?? ''} at ${run.endedAt}`.replace('  ', ' '))
  const overtaking = overtakenBy(run, facts)
  if (overtaking !== null && run.endedAt === null) return judged('overtaken', false, overtaking)
  if (!isBehind) return null
  if (run.begunAt === null) return judged('would-repeat', false, 'it went further than this Temporal remembers')
  return judged('would-repeat-cut-off', true, `it was changing the system in place from ${run.begunAt} on, and nothing says that it ended`)
}

/** Whether it was rolled back shows in what it has started: it would start the failovers again that it does not know of, or that are ended here. */
function judgeSiteRun(run: KnownRun, ofSystems: readonly JudgedRun[], facts: StandingFacts): JudgedRun | null {
  if (run.procedure !== siteProcedure || stateOf(run, facts) !== 'running') return null
  const moved = ofSystems.find(({ procedure, startedAt }) => procedure === 'failover' && startedAt > run.startedAt)
  if (!moved) return null
  const why = `the failover of ${moved.system} of ${moved.startedAt}, which it may have started, went on without this Temporal`
  return { ...run, finding: 'would-repeat', todo: 'terminate', needsPerson: false, why }
}

/** Runs under the id of a system come one after the other. */
function overtakenBy(run: KnownRun, { known, moves }: StandingFacts): string | null {
  if (run.workflowId !== `target/${run.system}`) return null
  const later = known.find((one) => one.workflowId === run.workflowId && one.runId !== run.runId && one.startedAt > run.startedAt)
  if (later) return `${later.procedure} of ${later.startedAt} came after it`
  const move = moves.find((one) => one.system === run.system && one.runId !== run.runId && one.at > run.startedAt)
  return move ? `the system was moved at ${move.at}` : null
}

function stateOf(run: KnownRun, { seen }: StandingFacts): SeenRun['state'] {
  return seen.get(run.runId)?.state ?? 'unknown'
}

function changesInPlace({ procedure, begunAt }: KnownRun): boolean {
  return begunAt !== null || procedure === siteProcedure || (approvedProcedures as readonly string[]).includes(procedure)
}

/** What several sources know of the same run. */
export function mergeRuns(runs: readonly KnownRun[]): readonly KnownRun[] {
  const merged = new Map<string, KnownRun>()
  for (const run of runs) {
    const before = merged.get(run.runId)
    merged.set(run.runId, before ? together(before, run) : run)
  }
  return [...merged.values()]
}

function together(one: KnownRun, other: KnownRun): KnownRun {
  const earliest = [one.startedAt, other.startedAt].sort()[0] as string
  return {
    ...one,
    startedAt: earliest,
    endedAt: one.endedAt ?? other.endedAt,
    outcome: one.outcome ?? other.outcome,
    begunAt: newer(one.begunAt, other.begunAt),
    lastStepAt: newer(one.lastStepAt, other.lastStepAt),
  }
}

function newer(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other
  return one > other ? one : other
}
