/** A restore as two people do it: one asks, the other approves by an Update, and both see the result. */
import { setTimeout as sleep } from 'node:timers/promises'
import { startRun } from '../../clients/runs.ts'
import type { WorkflowType } from '../../workflows/messages.ts'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import type { Muster } from './muster.ts'

export const requester = 'bob'
export const approver = 'alice'

const planSeconds = 60

export interface DoneRestore {
  readonly workflowId: string
  readonly runId: string
  readonly declaredAt: number
  readonly result: RestoreResult
}

export async function restoreShop(
  { client }: Muster,
  type: Extract<WorkflowType, 'restoreSystem' | 'recoverToPointInTime'>,
  more: Readonly<Record<string, unknown>>,
  onApproved: (plan: string) => void,
): Promise<DoneRestore> {
  const declaredAt = Date.now()
  const input = { system: 'shop', requestedBy: requester, ...more }
  const handle = await startRun(client, { type, system: 'shop', input, id: 'target' })
  const runId = handle.firstExecutionRunId
  const plan = await waitForPlan(handle)
  await handle.executeUpdate('approve', { args: [{ plan, person: approver, note: 'the demo' }] })
  onApproved(plan)
  const result = (await handle.result()) as RestoreResult
  return { workflowId: handle.workflowId, runId, declaredAt, result }
}

async function waitForPlan(handle: Awaited<ReturnType<typeof startRun>>): Promise<string> {
  for (const deadline = Date.now() + planSeconds * 1000; Date.now() < deadline; await sleep(100)) {
    const { memo, status } = await handle.describe()
    // A run that ended before anyone was asked says why.
    if (status.name !== 'RUNNING') await handle.result()
    if (memo?.['phase'] === 'waiting for approval' && typeof memo['plan'] === 'string') return memo['plan']
  }
  throw new Error(`${handle.workflowId} did not ask for approval within ${planSeconds} s`)
}

/** When a step of a restore began, in milliseconds since 1970. */
export function stepStart({ result }: DoneRestore, name: string): number {
  const step = result.steps.find((one) => one.name === name)
  if (!step) throw new Error(`the restore had no step "${name}"; it had ${result.steps.map((one) => one.name).join(', ')}`)
  return Date.parse(step.startedAt)
}

/** The plan of bringing back what a restore set aside; nothing is changed. */
export async function planBack({ client }: Muster, done: DoneRestore): Promise<RestoreResult['plan']> {
  const input = { system: 'shop', requestedBy: requester, back: `${done.workflowId}:${done.runId}`, planOnly: true }
  const handle = await startRun(client, { type: 'restoreSystem', system: 'shop', input, id: 'plan' })
  return ((await handle.result()) as RestoreResult).plan
}
