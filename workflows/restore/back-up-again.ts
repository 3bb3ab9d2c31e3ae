/** The full backup that follows a restore or a move. */
import { ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow'
import { backupSystem } from '../backup-system.ts'
import { failureOf } from '../failure-of.ts'
import type { RestoreContext } from './context.ts'

/** The new incarnation gets a base of its own at once; the backup is a run of its own and does not delay this one. */
export async function backUpAgain(context: RestoreContext): Promise<string | null> {
  const workflowId = `backup/${context.input.system}/after-${workflowInfo().runId}`
  try {
    await startChild(backupSystem, {
      workflowId,
      args: [{ system: context.input.system, configHash: context.plan.decision.configHash, requestedBy: context.run.slice(0, 128) }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      memo: { site: context.site },
      staticSummary: `full backup after the ${context.title}`,
    })
    return workflowId
  } catch (error) {
    context.notices.send(
      'alarm',
      'critical',
      `no full backup after the ${context.title}`,
      `${failureOf(error).message}\nStart one: muster backup ${context.input.system}`,
    )
    return null
  }
}
