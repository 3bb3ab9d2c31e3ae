/** Where a run's staging stands on its host. Names carry run and component, so that a remain tells whose it is. */
import { join } from 'node:path'
import type { Agent } from '../agent.ts'

export function stagingRoot(agent: Agent): string {
  return join(agent.hostDirectory, 'staging')
}

export function stagingName(system: string, component: string, backup: string): string {
  return `${system}.${component}.${backup}`
}

export function stagingDirectory(agent: Agent, system: string, component: string, backup: string): string {
  return join(stagingRoot(agent), stagingName(system, component, backup))
}

/** 8 hex digits of a run id, as they appear in backup ids: the last ones, since the first are the time. */
export function runShort(runId: string): string {
  return runId.replaceAll('-', '').slice(-8)
}
