import { compareInventories, differenceLines } from '../../../domain/breach.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { readInventory } from './breach-place.ts'

/**
 * Says what changed between two inventories of this host: roles, extensions, functions, triggers, settings, cron, keys, programs.
 *
 * Effect: none.
 * Idempotent: yes, it only reads.
 * Heartbeat: none needed.
 * Fails with: ObjectMissing.
 */
export function compareCandidates(agent: Agent) {
  return async (
    step: { readonly system: string; readonly breach: string; readonly before: string; readonly after: string },
    _work: Work,
  ): Promise<{ readonly different: number; readonly lines: readonly string[] }> => {
    const [before, after] = await Promise.all([readInventory(agent, step.breach, step.before), readInventory(agent, step.breach, step.after)])
    const difference = compareInventories(before, after)
    const { added, changed, removed } = difference
    return { different: added.length + changed.length + removed.length, lines: differenceLines(difference) }
  }
}
