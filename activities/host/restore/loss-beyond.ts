/** Whether a failover would lose more than it may without somebody who says so. */
import type { SystemConfig } from '../../../domain/config.ts'
import { formatDuration } from '../../../domain/durations.ts'
import type { ComponentPlan } from './plan-restore.ts'
import type { PlanRestoreInput } from './types.ts'

/**
 * The bound is `maxLoss`; where none is configured and nobody has to approve, who would consent otherwise, the objective is. Trees
 * have none: their copies are as old as their schedule.
 * @returns in words what has to be accepted, null where nothing has; also of a plan that is made again, since the time that people took to approve it is no loss
 */
export function lossBeyond(
  { move, pinned }: PlanRestoreInput,
  { failover, objectives, restore }: SystemConfig,
  plans: readonly ComponentPlan[],
): string | null {
  if (!move || pinned || move.acceptLoss) return null
  const { count } = failover?.approvals ?? restore.approvals
  const bound = boundOf(failover?.maxLossSeconds, count === 0 ? objectives.rpoSeconds : undefined)
  if (bound === null) return null
  const [first] = plans.filter(
    ({ decision, loss }) => decision.type === 'postgresql' && (loss.afterTailSeconds === null || loss.afterTailSeconds > bound.seconds),
  )
  if (!first) return null
  const { afterTail, afterTailSeconds } = first.loss
  const lost = afterTailSeconds === null ? 'an unknown time' : `up to ${formatDuration(afterTailSeconds)}`
  return `${afterTail}: ${lost} of commits would be lost, and ${bound.name} is ${formatDuration(bound.seconds)}`
}

function boundOf(maxLossSeconds: number | undefined, rpoSeconds: number | undefined) {
  if (maxLossSeconds !== undefined) return { name: 'maxLoss', seconds: maxLossSeconds }
  return rpoSeconds === undefined ? null : { name: 'the objective', seconds: rpoSeconds }
}
