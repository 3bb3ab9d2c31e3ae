/**
 * Whether users can reach a system, as seen from several places at once. One place that sees nothing proves nothing: its own
 * network may be cut. An agent that does not answer counts neither for nor against.
 */
import type { Config } from './config.ts'
import { siteOfHost, siteOfSystem } from './copies.ts'
import { formatDuration } from './durations.ts'
import type { StandingReason, ToldReason } from './health-alarms.ts'
import { secondsBetween } from './times.ts'

/** What one vantage point sees; `unknown` where its agent does not answer. */
export interface Sighting {
  readonly host: string
  readonly sees: 'up' | 'down' | 'unknown'
  /** For a person. */
  readonly detail: string
  /** Since when it sees so; ISO-8601 UTC. */
  readonly since: string
}

/** `disputed`: some reach it and some do not, too few for a loss. `unknown`: too few answer. */
export type ProbeVerdict = 'reachable' | 'lost' | 'disputed' | 'unknown'

/** What a run of the schedule leaves to the next one. Lost with Temporal, it is counted anew. */
export interface ProbeRecord {
  readonly at: string
  readonly verdict: ProbeVerdict
  readonly sightings: readonly Sighting[]
  /** Consecutive runs with this verdict, and since when. */
  readonly runs: number
  readonly since: string
  /** What people have been told to be so; null while all is well. */
  readonly standing: Exclude<ProbeVerdict, 'reachable'> | null
  /** When something that stood was over, within the last day. */
  readonly overs: readonly string[]
  /** What people know of. */
  readonly told: readonly ToldReason[]
  /** When a failover was prepared for what stands; null where it was not, or not yet. */
  readonly preparedAt: string | null
  /** That it was prepared has reached nobody so far: how often that was tried, and when last. Absent where it did, and in older results. */
  readonly unheard?: { readonly tries: number; readonly at: string }
  /** Where the system was active; for when no store says so. */
  readonly active: string
}

export interface ProbeRule {
  readonly quorum: number
  /** Consecutive runs until a verdict counts. */
  readonly failures: number
  readonly everySeconds: number
}

const daySeconds = 24 * 3600
/** Of what comes and goes: each time within a day it has to be good twice as long before it is said to be over. */
const mostDoublings = 6

export function verdictOf(sightings: readonly Pick<Sighting, 'sees'>[], quorum: number): ProbeVerdict {
  const count = (sees: Sighting['sees']) => sightings.filter((one) => one.sees === sees).length
  if (count('down') >= quorum) return 'lost'
  if (count('up') + count('down') < quorum) return 'unknown'
  return count('down') > 0 ? 'disputed' : 'reachable'
}

/** A vantage point that goes on seeing the same keeps the time at which it began to. */
export function withTimes(before: readonly Sighting[], seen: readonly Omit<Sighting, 'since'>[], now: string): readonly Sighting[] {
  return seen.map((one) => {
    const earlier = before.find(({ host, sees }) => host === one.host && sees === one.sees)
    return { ...one, since: earlier?.since ?? now }
  })
}

export type Counted = Pick<ProbeRecord, 'verdict' | 'runs' | 'since' | 'standing' | 'overs'>

/** Counts a verdict to the earlier ones. What was seen too long ago does not count as consecutive. */
export function countVerdict(before: ProbeRecord | null, verdict: ProbeVerdict, rule: ProbeRule, now: string): Counted {
  const isNext = before !== null && secondsBetween(before.at, now) <= rule.everySeconds * rule.failures + 300
  const goesOn = isNext && before.verdict === verdict
  const runs = goesOn ? before.runs + 1 : 1
  const since = goesOn ? before.since : now
  const standing = before?.standing ?? null
  const overs = (before?.overs ?? []).filter((at) => secondsBetween(at, now) < daySeconds)
  if ((verdict === 'reachable' ? null : verdict) === standing) return { verdict, runs, since, standing, overs }
  // That nobody can tell any more ends no loss.
  if (standing === 'lost' && verdict === 'unknown') return { verdict, runs, since, standing, overs }
  // A loss is never said late.
  const needed = standing === null || verdict === 'lost' ? rule.failures : rule.failures * 2 ** Math.min(overs.length, mostDoublings)
  if (runs < needed) return { verdict, runs, since, standing, overs }
  return { verdict, runs, since, standing: verdict === 'reachable' ? null : verdict, overs: standing === null ? overs : [...overs, now] }
}

/** What people are told, with who sees what since when. */
export function reasonOf(
  { standing, verdict, sightings, since, at }: Pick<ProbeRecord, 'standing' | 'verdict' | 'sightings' | 'since' | 'at'>,
  { system, quorum, to, check }: { readonly system: string; readonly quorum: number; readonly to: string | null; readonly check: string },
): StandingReason | null {
  if (standing === null) return null
  const all = sightings.map(sightingText).join('; ')
  if (verdict !== standing) {
    const now = verdict === 'reachable' ? 'and is so no longer' : 'and now this is not clear'
    const text = `${check} was ${standing}, ${now} (${verdictText({ verdict, sightings, since, at })}): ${all}`
    return { key: `probe|${standing}`, component: null, word: standing === 'lost' ? 'not protected' : 'degraded', text, next: `muster status ${system}` }
  }
  const down = sightings.filter(({ sees }) => sees === 'down').length
  const common = { key: `probe|${standing}`, component: null }
  if (standing === 'lost') {
    const next = to === null ? `muster status ${system}` : `muster failover ${system}`
    return {
      ...common,
      word: 'not protected',
      text: `${check} cannot be reached from ${down} of ${sightings.length} vantage points since ${since}: ${all}`,
      next,
    }
  }
  const text =
    standing === 'disputed'
      ? `vantage points disagree whether ${check} can be reached, ${down} of ${sightings.length} say no, ${quorum} would be a loss: ${all}`
      : `whether ${check} can be reached is not known, too few vantage points answer for a quorum of ${quorum}: ${all}`
  const silent = sightings.find(({ sees }) => sees === 'unknown')
  const next = standing === 'unknown' && silent ? `muster worker --host ${silent.host}` : `muster status ${system}`
  return { ...common, word: 'degraded', text, next }
}

export function sightingText({ host, sees, detail, since }: Sighting): string {
  const what = { up: 'reaches it', down: 'does not reach it', unknown: 'does not answer' }[sees]
  return `${host} ${what} since ${since}${sees === 'up' ? '' : ` (${detail})`}`
}

/** `reachable from 3 of 3`, for one line. */
export function verdictText({ verdict, sightings, since, at }: Pick<ProbeRecord, 'verdict' | 'sightings' | 'since' | 'at'>): string {
  const up = sightings.filter(({ sees }) => sees === 'up').length
  const lasting = formatDuration(Math.max(0, secondsBetween(since, at)))
  const words = { reachable: 'can be reached', lost: 'CANNOT BE REACHED', disputed: 'disputed', unknown: 'not known' }
  return `${words[verdict]}: reached from ${up} of ${sightings.length} vantage points, so for ${lasting}`
}

/**
 * The site whose control work watches a system: one that has no part in it, where there is one; else, at home, the one it fails over
 * to. Away from home it watches itself: home was lost, and who waits for it sees nothing.
 * @param whole as it was applied
 * @param active where the system is
 */
export function watchingSite(whole: Config, system: string, active: string): string {
  const home = siteOfSystem(whole, system)
  const { failover, probes } = whole.systems[system] ?? {}
  const sites = (probes?.from ?? []).map((host) => siteOfHost(whole, host))
  const neutral = sites.find((site): site is string => site !== null && site !== home && site !== failover?.to)
  if (neutral !== undefined) return neutral
  if (active !== home) return active
  return failover?.to ?? sites.find((site): site is string => site !== null && site !== home) ?? home
}
