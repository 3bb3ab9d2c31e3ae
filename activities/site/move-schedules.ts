import type { Agent } from '../agent.ts'
import type { Work } from '../boundary.ts'

/**
 * Makes the schedules of a system those of the site where it is now: its backups are planned by that site's queue.
 *
 * Effect: schedules in Temporal; what an operator paused stays paused.
 * Idempotent: yes; what is as wanted is left alone.
 * Heartbeat: none needed.
 * Fails with: TemporalUnreachable, ObjectMissing (a configuration that a schedule names).
 */
export function moveSchedules(agent: Agent) {
  return async ({ system, to }: { readonly system: string; readonly to: string }, _work: Work): Promise<{ readonly changed: readonly string[] | null }> => ({
    changed: await agent.moveSchedules(system, to),
  })
}
