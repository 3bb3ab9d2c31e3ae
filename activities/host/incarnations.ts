/** Control records of a system, as the activities of this host read and write them. */
import type { Config } from '../../domain/config.ts'
import type { Incarnation } from '../../domain/repository-format.ts'
import { ensureIncarnation as ensure, type RecordWriter } from '../../repository/incarnations.ts'
import type { Agent } from '../agent.ts'

/** Every store, in the order of the configuration, and this host's key. */
export async function recordWriter(agent: Agent, config: Config): Promise<RecordWriter> {
  return {
    stores: await Promise.all(Object.keys(config.stores).map((name) => agent.store(config, name))),
    verifier: await agent.verifier(config),
    signer: await agent.signer(),
    organisation: config.organisation,
    by: agent.host,
    now: () => agent.now(),
  }
}

export async function ensureIncarnation(
  agent: Agent,
  config: Config,
  system: string,
  component: string,
  facts: { readonly systemIdentifier: string; readonly timelineId: number },
): Promise<Incarnation> {
  const life = { component, host: agent.host, systemIdentifier: facts.systemIdentifier, timelineId: facts.timelineId, history: null }
  return ensure(await recordWriter(agent, config), system, life)
}
