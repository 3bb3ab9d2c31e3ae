/** Whether anybody works for this Temporal. */
import type { Client } from '@temporalio/client'

/** Whether anybody polled for workflow tasks lately. */
export async function isServed(client: Pick<Client, 'workflowService'> & { readonly options: { readonly namespace: string } }): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: 'muster' },
    // TASK_QUEUE_TYPE_WORKFLOW
    taskQueueType: 1,
  })
  return (pollers ?? []).length > 0
}
