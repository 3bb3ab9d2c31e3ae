/** Whether each failover of a configuration can be planned right now, on the hosts that would do it. */
import type { Client } from '@temporalio/client'
import type { Config } from '../domain/config.ts'
import { siteOfSystem } from '../domain/copies.ts'
import { otherSite } from '../domain/placement.ts'
import { within } from '../repository/within.ts'
import type { AskedAgent, MoveResult } from '../workflows/messages.ts'
import { startRun } from './runs.ts'

export interface FailoverReadiness {
  readonly system: string
  readonly to: string
  /** Null where nobody could look. */
  readonly ready: boolean | null
  /** What stands in the way, or what would be lost now. */
  readonly detail: string
}

export interface LookAtFailovers {
  /** Placed where each system is active, and as it is written. */
  readonly config: Config
  readonly whole: Config
  readonly agents: readonly AskedAgent[]
  readonly requestedBy: string
}

/** Of one; all are planned beside each other. */
const planSeconds = 60

/** Changes nothing, and fails for nothing: what cannot be looked at is said. */
export async function lookAtFailovers(client: Client, about: LookAtFailovers): Promise<readonly FailoverReadiness[]> {
  const systems = Object.keys(about.whole.systems).filter((system) => about.whole.systems[system]?.failover)
  return Promise.all(systems.map((system) => lookAt(client, about, system)))
}

async function lookAt(client: Client, { config, whole, agents, requestedBy }: LookAtFailovers, system: string): Promise<FailoverReadiness> {
  const to = otherSite(whole, system, siteOfSystem(config, system))
  if (!agents.some(({ kind, name, state }) => kind === 'site' && name === to && state === 'has')) {
    return { system, to, ready: null, detail: `no worker of site ${to} answers` }
  }
  try {
    const handle = await startRun(client, { type: 'failover', system, site: to, input: { system, planOnly: true, requestedBy }, id: 'plan' })
    const { plan } = await within(planSeconds, async () => (await handle.result()) as MoveResult, `the plan ${handle.workflowId}`)
    return { system, to, ready: true, detail: `loss now: ${plan.forecast.loss.now}` }
  } catch (error) {
    return { system, to, ready: false, detail: reasonOf(error) }
  }
}

/** The innermost: what a run says of itself. */
function reasonOf(error: unknown): string {
  let said = String(error)
  for (let one: unknown = error; one instanceof Error; one = one.cause) said = one.message
  return said
}
