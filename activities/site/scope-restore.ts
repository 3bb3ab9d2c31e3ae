import { MusterError } from '../../domain/failures.ts'
import { defaultTimeLimits, type TimeLimits } from '../../domain/time-limits.ts'
import { type Agent, systemOf } from '../agent.ts'
import type { Work } from '../boundary.ts'

export interface RestoreScope {
  readonly configHash: string
  readonly hosts: readonly string[]
  readonly components: readonly { readonly component: string; readonly host: string }[]
  /** In stop order. */
  readonly services: readonly { readonly service: string; readonly host: string }[]
  /** Of the configuration; absent in old histories. */
  readonly limits?: TimeLimits
}

/**
 * Says which components and services a restore concerns, and on which hosts they are.
 *
 * Effect: none.
 * Idempotent: yes, it only reads.
 * Heartbeat: none needed.
 * Fails with: UnknownName.
 */
export function scopeRestore(agent: Agent) {
  return async (
    input: { readonly system: string; readonly components: readonly string[] | null; readonly configHash: string | null },
    _work: Work,
  ): Promise<RestoreScope> => {
    const { config, hash } = await agent.config(input.configHash)
    const system = systemOf(config, input.system)
    const names = input.components ?? Object.keys(system.components)
    const components = names.map((component) => {
      const found = system.components[component]
      if (!found)
        throw new MusterError('UnknownName', `system "${input.system}" has no component "${component}"; it has: ${Object.keys(system.components).join(', ')}`)
      return { component, host: found.host }
    })
    const services = [...system.services].reverse().map(({ name, host }) => ({ service: name, host }))
    const hosts = [...new Set([...components, ...services].map(({ host }) => host))]
    return { configHash: hash, hosts, components, services, limits: config.limits ?? defaultTimeLimits }
  }
}
