import { rm } from 'node:fs/promises'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { refuseProduction } from '../restore/in-service.ts'
import { drillFolder } from './drill-place.ts'

export interface DrillStep {
  readonly system: string
  readonly configHash: string | null
  readonly run: string
}

/**
 * Removes everything that a drill restored on this host, and ends what still runs on it.
 *
 * Effect: the drill's folder is gone, no process uses it.
 * Idempotent: yes.
 * Heartbeat: none needed.
 * Fails with: WrongTarget (the folder leads to what is in service by now); Timeout when a process does not even obey SIGKILL.
 */
export function releaseDrill(agent: Agent) {
  return async (step: DrillStep, _work: Work): Promise<{ readonly released: boolean }> => {
    const { config } = await agent.config(step.configHash)
    const folder = drillFolder(agent, step)
    await refuseProduction(config, folder)
    await agent.members.endUsersOf(folder)
    await rm(folder, { recursive: true, force: true })
    return { released: true }
  }
}
