/** What follows a move and may fail without undoing it: schedules of the new site. */
import { onSite } from '../activity-options.ts'
import { failureOf } from '../failure-of.ts'
import { type MoveContext, moveOf } from './context.ts'

/** Nothing is backed up by schedule before they have moved, so that a failure alarms. */
export async function moveSchedules(context: MoveContext): Promise<void> {
  const { system } = context.input
  const { to } = moveOf(context)
  try {
    const { changed } = await onSite(context.site, 'control', context.plan.limits).moveSchedules.executeWithOptions(
      { summary: `schedules of ${system} follow` },
      [{ system, to }],
    )
    if (changed !== null) return
    context.notices.send(
      'alarm',
      'critical',
      `schedules of ${system} have not followed to ${to}`,
      'The agent there does not know them. Make them follow: muster apply',
    )
  } catch (error) {
    const { message } = failureOf(error)
    context.notices.send('alarm', 'critical', `schedules of ${system} have not followed to ${to}`, `${message}\nMake them follow: muster apply`)
  }
}
