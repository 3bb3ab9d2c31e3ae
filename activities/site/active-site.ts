import type { Config } from '../../domain/config.ts'
import { foldRecords } from '../../domain/control-state.ts'
import { siteOfSystem } from '../../domain/copies.ts'
import { readRecords } from '../../repository/control-records.ts'
import type { Agent } from '../agent.ts'

/** Where a system is active, as the stores say; its home where they say nothing. @param config as it was applied @throws MusterError Unreachable */
export async function activeSite(agent: Agent, config: Config, system: string): Promise<string> {
  const stores = await Promise.all(Object.keys(config.stores).map((name) => agent.store(config, name)))
  const { records } = await readRecords({ stores, verifier: await agent.verifier(config) }, system)
  return foldRecords(records).site?.site ?? siteOfSystem(config, system)
}
