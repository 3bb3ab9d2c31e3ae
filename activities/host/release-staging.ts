import { removeStaging } from '../../repository/staging.ts'
import type { Agent } from '../agent.ts'
import type { Work } from '../boundary.ts'
import { releaseHold } from './component-lock.ts'
import { stagingDirectory } from './staging-place.ts'

export interface ReleaseStagingInput {
  readonly system: string
  readonly component: string
  /** Null when producing failed: only the lock is released. */
  readonly backup: string | null
}

/**
 * Frees the staged copy of a backup, since each store has it or is in debt.
 *
 * Effect: the staging folder and the component's backup lock are gone.
 * Idempotent: yes.
 * Heartbeat: none needed.
 * Fails with: nothing of its own.
 */
export function releaseStaging(agent: Agent) {
  return async (input: ReleaseStagingInput, work: Work): Promise<{ readonly released: boolean }> => {
    if (input.backup !== null) await removeStaging(stagingDirectory(agent, input.system, input.component, input.backup))
    await releaseHold(agent, input.system, input.component, work.runId)
    return { released: true }
  }
}
