/** Which runs of a system go on right now. */
import type { Client } from '@temporalio/client'

export interface RunningRun {
  readonly workflowId: string
  readonly runId: string
  readonly type: string
  readonly phase: string
  readonly startedAt: string
}

/** By search attribute; a run that has not set it yet is not found. @throws what Temporal's client throws */
export async function runningRuns(client: Client, system: string): Promise<readonly RunningRun[]> {
  const found: RunningRun[] = []
  for await (const run of client.workflow.list({ query: `ExecutionStatus = 'Running' and MusterSystem = '${system}'` })) {
    const phase = typeof run.memo?.['phase'] === 'string' ? run.memo['phase'] : 'starting'
    found.push({ workflowId: run.workflowId, runId: run.runId, type: run.type, phase, startedAt: run.startTime.toISOString() })
  }
  return found
}
