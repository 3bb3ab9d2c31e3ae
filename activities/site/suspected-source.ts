import { foldRecords } from '../../domain/control-state.ts'
import type { Config } from '../../domain/config.ts'
import { liftCommand } from '../../domain/suspicion.ts'
import { readRecords } from '../../repository/control-records.ts'
import type { Agent } from '../agent.ts'

/** Hosts whose word proves nothing, and what a plan says of that; empty where none is under suspicion. */
export interface SuspectedSource {
  readonly hosts: readonly string[]
  readonly warnings: readonly string[]
}

/** Which of the hosts that a system would leave are under suspicion. @param config as it was applied @throws MusterError Unreachable */
export async function suspectedSource(agent: Agent, config: Config, system: string, hosts: readonly string[]): Promise<SuspectedSource> {
  const stores = await Promise.all(Object.keys(config.stores).map((name) => agent.store(config, name)))
  const { records } = await readRecords({ stores, verifier: await agent.verifier(config) }, system)
  const found = foldRecords(records).suspicions.flatMap(({ run, since, until, hosts: suspects }) => {
    const here = suspects.filter((host) => hosts.includes(host))
    return until !== undefined || here.length === 0 ? [] : [{ run, since, here }]
  })
  return {
    hosts: [...new Set(found.flatMap(({ here }) => here))],
    warnings: found.map(
      ({ run, since, here }) =>
        `${here.join(', ')} under suspicion since ${since} (${run}): that the old side is stopped is not taken from agents there. Nothing came of it: ${liftCommand(system, run)}`,
    ),
  }
}
