import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { type PlannedBackup, proveAble } from './able-here.ts'

export interface ProveRestorableInput {
  readonly system: string
  readonly configHash: string
  readonly identityFile: string | null
  /** What this host would restore, as a plan that was made on another host says. */
  readonly backups: readonly PlannedBackup[]
}

/**
 * Tries on this host what restoring these backups will need, as planning does for the host where it is done.
 *
 * Effect: none.
 * Idempotent: yes, it only reads.
 * Heartbeat: each component tried.
 * Fails with: IdentityMissing, PreconditionFailed, ToolTooOld, UnknownName, SecretMissing, ObjectMissing, Unreachable.
 */
export function proveRestorable(agent: Agent) {
  return async (input: ProveRestorableInput, work: Work): Promise<{ readonly warnings: readonly string[] }> => {
    const { config } = await agent.config(input.configHash)
    const warnings: string[] = []
    for (const [index, backup] of input.backups.entries()) {
      work.progress({ phase: backup.component, doneBytes: index, totalBytes: null })
      warnings.push(...(await proveAble(agent, config, input, backup, work)))
    }
    return { warnings }
  }
}
