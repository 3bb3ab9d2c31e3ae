/** A site is lost: which of its systems go where, in which order, and what has to be said of the whole. */
import type { Config, Priority } from './config.ts'
import { MusterError } from './failures.ts'
import { otherSite, placedAt, sitesOf } from './placement.ts'

/** One that fails over. */
export interface SystemToMove {
  readonly system: string
  readonly priority: Priority
  readonly to: string
  /** Where it is brought back. */
  readonly hosts: readonly string[]
  readonly rtoSeconds: number | null
}

/**
 * Why a system of the site is left alone: it is served at another site; nothing is configured for its loss; it goes to another
 * site than was asked for; where it is active cannot be read.
 */
export type WhyLeftOut = 'active elsewhere' | 'no failover plan' | 'goes elsewhere' | 'unknown'

export interface LeftOut {
  readonly system: string
  readonly priority: Priority
  readonly why: WhyLeftOut
  readonly detail: string
}

/** P1 first; of equals the one that has to be back soonest, then by name. */
export function byRank(a: SystemToMove, b: SystemToMove): number {
  if (a.priority !== b.priority) return a.priority < b.priority ? -1 : 1
  const [first, second] = [a.rtoSeconds ?? Number.POSITIVE_INFINITY, b.rtoSeconds ?? Number.POSITIVE_INFINITY]
  if (first !== second) return first - second
  return a.system < b.system ? -1 : 1
}

/**
 * Systems that a loss of the site may concern: those that can be there, or of these the named.
 * @param config as it was applied, not placed @throws MusterError UnknownName
 */
export function systemsAt(config: Config, site: string, named: readonly string[] | null): readonly string[] {
  if (!Object.hasOwn(config.sites, site))
    throw new MusterError('UnknownName', `there is no site "${site}"; configured are: ${Object.keys(config.sites).join(', ')}`)
  const here = Object.keys(config.systems).filter((system) => sitesOf(config, system).includes(site))
  for (const system of named ?? []) {
    if (!Object.hasOwn(config.systems, system))
      throw new MusterError('UnknownName', `there is no system "${system}"; configured are: ${Object.keys(config.systems).join(', ')}`)
    if (!here.includes(system)) throw new MusterError('InvalidInput', `system "${system}" is never at site ${site}`)
  }
  return named === null ? here : [...new Set(named)]
}

/** @param active where the system is active @param to only to this site, where one is given */
export function moveFrom(config: Config, site: string, system: string, active: string, to: string | null): SystemToMove | LeftOut {
  const { priority, objectives, failover } = config.systems[system] as Config['systems'][string]
  const leftOut = (why: WhyLeftOut, detail: string): LeftOut => ({ system, priority, why, detail })
  if (active !== site) return leftOut('active elsewhere', `it is active at site ${active}`)
  if (!failover) return leftOut('no failover plan', 'write failover for it in muster.yaml, then: muster apply')
  const goes = otherSite(config, system, site)
  if (to !== null && goes !== to) return leftOut('goes elsewhere', `it goes to site ${goes}`)
  const there = placedAt(config, goes).systems[system]
  const hosts = [...Object.values(there?.components ?? {}), ...(there?.services ?? [])].map(({ host }) => host)
  return { system, priority, to: goes, hosts: [...new Set(hosts)], rtoSeconds: objectives.rtoSeconds ?? null }
}

export function isLeftOut(one: SystemToMove | LeftOut): one is LeftOut {
  return 'why' in one
}

/** What is left undone and was not asked to be; the rest is as it should be. */
export function isMissed({ why }: LeftOut): boolean {
  return why === 'no failover plan' || why === 'unknown'
}

const outcomes = ['succeeded', 'degraded', 'cancelled', 'refused', 'rolled-back', 'failed'] as const

/** Of a parent: that of its worst child. */
export function worstOutcome(found: readonly (typeof outcomes)[number][]): (typeof outcomes)[number] {
  return outcomes[Math.max(0, ...found.map((one) => outcomes.indexOf(one)))] ?? 'failed'
}
