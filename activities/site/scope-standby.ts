import { MusterError } from '../../domain/failures.ts'
import { defaultTimeLimits, type TimeLimits } from '../../domain/time-limits.ts'
import { rightSite } from '../../domain/right-site.ts'
import { type Agent, systemOf } from '../agent.ts'
import type { Work } from '../boundary.ts'
import { activeSite } from './active-site.ts'

export interface StandbyScope {
  readonly configHash: string
  /** The system serves here: there is nothing to stand by for. */
  readonly activeHere: boolean
  readonly databases: readonly { readonly component: string; readonly host: string }[]
  readonly limits: TimeLimits
}

/**
 * Says which databases of a system have a standby at this site.
 *
 * Effect: none.
 * Idempotent: yes, it only reads.
 * Heartbeat: none needed.
 * Fails with: UnknownName, InvalidInput (no mode: warm), WrongTarget (another site keeps it), Unreachable.
 */
export function scopeStandby(agent: Agent) {
  return async (input: { readonly system: string; readonly configHash: string | null }, _work: Work): Promise<StandbyScope> => {
    const { config, whole, hash } = await agent.config(input.configHash)
    const system = systemOf(config, input.system)
    const { failover } = system
    if (failover?.mode !== 'warm') {
      throw new MusterError('InvalidInput', `system "${input.system}" keeps no standby`, {
        hint: 'write mode: warm under its failover in muster.yaml, then: muster apply',
      })
    }
    if (failover.to !== agent.site) {
      throw new MusterError(
        'WrongTarget',
        `the standby of "${input.system}" is kept at site ${failover.to}, and this run works at site ${agent.site}; ${rightSite(failover.to)}`,
      )
    }
    return {
      configHash: hash,
      activeHere: (await activeSite(agent, whole, input.system)) === agent.site,
      databases: Object.entries(system.components).flatMap(([component, { type, host }]) => (type === 'postgresql' ? [{ component, host }] : [])),
      limits: config.limits ?? defaultTimeLimits,
    }
  }
}
