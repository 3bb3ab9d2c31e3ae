/** The return guard of a host, put together from its newest applied configuration. */
import type { Agent } from '../activities/agent.ts'
import { siteOfSystem } from '../domain/copies.ts'
import { sitesOf } from '../domain/placement.ts'
import { createConsult, storesToConsult } from '../repository/consult-stores.ts'
import type { ReturnGuard } from '../workers/return-guard.ts'
import { createReturnNotices } from '../workers/return-notices.ts'

/** Longest wait for one store. */
const storeSeconds = 10

/** Every system that can be at another site, whatever of it is on this host: also services beside no database. */
export async function createReturnGuard(agent: Agent, everySeconds: number): Promise<ReturnGuard> {
  const { config, whole } = await agent.config(null)
  const stores = storesToConsult(whole, agent.host, agent.site).map((one) => ({ ...one, open: () => agent.store(whole, one.name) }))
  const { ask } = createConsult(stores, await agent.verifier(whole), storeSeconds)
  const systems = Object.keys(whole.systems).filter((system) => sitesOf(whole, system).length > 1)
  return {
    agent,
    config,
    systems: systems.map((system) => ({ system, home: siteOfSystem(whole, system) })),
    ask: (system) => ask(system),
    notices: createReturnNotices(agent, config),
    everySeconds,
  }
}
