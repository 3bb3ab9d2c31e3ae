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

/** First 8 hex digits of a run id, as it appears in backup ids. */
export function runShort(runId: string): string {
  return runId.replaceAll('-', '').slice(0, 8)
}
