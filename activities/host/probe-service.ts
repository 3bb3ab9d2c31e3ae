import type { Config, HealthCheck } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import { placedAt } from '../../domain/placement.ts'
import { type Agent, systemOf } from '../agent.ts'
import type { Work } from '../boundary.ts'

export interface Probed {
  readonly reached: boolean
  /** For a person. */
  readonly detail: string
}

/**
 * Looks from this host whether users can reach a system at the site where it is active.
 *
 * Effect: one request.
 * Idempotent: yes, it only looks.
 * Heartbeat: none needed.
 * Fails with: UnknownName, ConfigInvalid. What does not answer is in the result.
 */
export function probeService(agent: Agent) {
  return async (
    input: { readonly host: string; readonly system: string; readonly active: string; readonly configHash: string },
    work: Work,
  ): Promise<Probed> => {
    const { whole } = await agent.config(input.configHash)
    const { healthy, detail } = await agent.lookAt(checkOf(placedAt(whole, input.active), input.system), work.signal)
    return { reached: healthy, detail: detail.slice(0, 300) }
  }
}

/** @param config as it is at the site where the system is active */
function checkOf(config: Config, name: string): HealthCheck {
  const { probes, services } = systemOf(config, name)
  if (!probes) throw new MusterError('ConfigInvalid', `system "${name}" has no probes`)
  if (!('service' in probes.check)) return probes.check
  const { service } = probes.check
  const health = services.find((one) => one.name === service)?.health
  if (!health || 'command' in health) throw new MusterError('ConfigInvalid', `service "${service}" has no health check that another host could ask`)
  return health
}
