/** The runs that belong to the failover of a site: those of its systems that it started itself. */
import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client'
import { targetId } from '../workflows/messages.ts'

export interface SystemRun {
  readonly system: string
  readonly priority: string
  readonly to: string
  /** Another run holds the target. */
  readonly isHeld: boolean
  /** Null where it is not its own, or has not begun. */
  readonly run: { readonly handle: WorkflowHandle; readonly description: WorkflowExecutionDescription } | null
}

interface Listed {
  readonly system: string
  readonly priority: string
  readonly to: string
}

/** @returns null where the run is another procedure @throws what Temporal's client throws, where there is no such run */
export async function systemRunsOf(client: Client, parent: WorkflowHandle): Promise<readonly SystemRun[] | null> {
  const { type, workflowId, runId, memo } = await parent.describe()
  if (type !== 'failoverSite') return null
  const listed = (memo?.['systems'] ?? []) as readonly Listed[]
  return Promise.all(
    listed.map(async ({ system, priority, to }) => {
      const found = await client.workflow
        .getHandle(targetId(system))
        .describe()
        .catch(() => null)
      const isOurs = found?.parentExecution?.workflowId === workflowId && found.parentExecution.runId === runId
      return {
        system,
        priority,
        to,
        isHeld: !isOurs && found?.status.name === 'RUNNING',
        run: found && isOurs ? { handle: client.workflow.getHandle(found.workflowId, found.runId), description: found } : null,
      }
    }),
  )
}
