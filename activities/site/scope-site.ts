import type { Config } from '../../domain/config.ts'
import { siteOfSystem } from '../../domain/copies.ts'
import { MusterError } from '../../domain/failures.ts'
import { byRank, isLeftOut, type LeftOut, moveFrom, type SystemToMove, systemsAt } from '../../domain/site-failover.ts'
import { defaultTimeLimits, type TimeLimits } from '../../domain/time-limits.ts'
import { defaultFailoversPerHost } from '../../domain/turns.ts'
import type { Agent } from '../agent.ts'
import type { Work } from '../boundary.ts'
import { activeSite } from './active-site.ts'

export interface ScopeSiteInput {
  /** The one that is lost. */
  readonly site: string
  /** Only these; null for all. */
  readonly systems: readonly string[] | null
  /** Only those that go there; null for any site. */
  readonly to: string | null
  readonly configHash: string | null
}

export interface SiteScope {
  readonly configHash: string
  /** In the order in which they go. */
  readonly systems: readonly SystemToMove[]
  readonly leftOut: readonly LeftOut[]
  readonly perHost: number
  readonly limits: TimeLimits
}

/**
 * Says which systems are active at a site and fail over from it, in their order, and why others of it do not.
 *
 * Effect: none.
 * Idempotent: yes, it only reads.
 * Heartbeat: none needed.
 * Fails with: UnknownName, InvalidInput (a named system is never there or has no failover plan). One whose control records cannot
 * be read is named in the result.
 */
export function scopeSite(agent: Agent) {
  return async ({ site, systems, to, configHash }: ScopeSiteInput, _work: Work): Promise<SiteScope> => {
    const { config, whole, hash } = await agent.config(configHash)
    const found = await Promise.all(systemsAt(whole, site, systems).map((system) => look(agent, whole, { site, system, to })))
    const leftOut = found.filter(isLeftOut)
    const unplanned = leftOut.find(({ why }) => why === 'no failover plan')
    if (systems && unplanned) {
      throw new MusterError('InvalidInput', `system "${unplanned.system}" has no other site than ${site}`, { hint: unplanned.detail })
    }
    return {
      configHash: hash,
      systems: found.filter((one): one is SystemToMove => !isLeftOut(one)).sort(byRank),
      // One that is at home elsewhere is no concern of this site, unless somebody asked for it.
      leftOut: leftOut.filter(({ system, why }) => systems !== null || why !== 'active elsewhere' || siteOfSystem(whole, system) === site),
      perHost: config.limits?.failoversPerHost ?? defaultFailoversPerHost,
      limits: config.limits ?? defaultTimeLimits,
    }
  }
}

async function look(
  agent: Agent,
  whole: Config,
  { site, system, to }: { readonly site: string; readonly system: string; readonly to: string | null },
): Promise<SystemToMove | LeftOut> {
  try {
    return moveFrom(whole, site, system, await activeSite(agent, whole, system), to)
  } catch (error) {
    // One that cannot be told must not keep the others down.
    if (!(error instanceof MusterError)) throw error
    return { system, priority: (whole.systems[system] as Config['systems'][string]).priority, why: 'unknown', detail: `${error.message}; ${error.hint}` }
  }
}
