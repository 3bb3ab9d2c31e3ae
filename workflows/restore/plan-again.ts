/** Computes an approved plan again, right before the first step that cannot be taken back. */
import type { Held, RestorePlan } from '../../activities/host/restore/types.ts'
import { fail } from '../procedure.ts'
import { type RestoreContext, timed } from './context.ts'
import { refuseShorter } from './promise.ts'

/**
 * The world may have changed since the approval: computed again, the decision must be the same text, and lead as far.
 * @param held copies that are there; null while they are made, and judged when they are
 */
export async function planAgain(
  context: RestoreContext,
  makeAgain: (summary: string) => Promise<RestorePlan>,
  held: ReadonlyMap<string, Held> | null,
): Promise<void> {
  await timed(context, 'plan again', async () => {
    const again = await makeAgain(`look again before ${context.input.system} is stopped`)
    if (again.decisionHash !== context.plan.decisionHash) {
      throw fail(
        'PlanChanged',
        `what was approved as ${context.plan.decisionHash.slice(0, 12)} would now be ${again.decisionHash.slice(0, 12)}: ${difference(context.plan, again)}`,
      )
    }
    if (held) refuseShorter(context.plan, again, held)
  })
}

function difference(before: RestorePlan, after: RestorePlan): string {
  const keys = Object.keys(before.decision) as (keyof RestorePlan['decision'])[]
  return keys.filter((key) => JSON.stringify(before.decision[key]) !== JSON.stringify(after.decision[key])).join(', ') || 'order of members'
}
