/** Starting runs, watching them, answering them. Ids are given here, so that one target has one run. */
import { createHash, randomUUID } from 'node:crypto'
import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client'
import { MusterError } from '../domain/failures.ts'
import { siteFailoverId, targetId, type WorkflowType, type Paused, pausedQueryName } from '../workflows/messages.ts'

export interface StartedRun {
  readonly workflowId: string
  readonly runId: string
}

export interface RunRequest {
  readonly type: WorkflowType
  /** Of the failover of a site, the site. */
  readonly system: string
  readonly input: Readonly<Record<string, unknown>>
  /** Whose queue the control steps use; the default site where absent. */
  readonly site?: string
  /** Where the run gets its id from. */
  readonly id: 'target' | 'plan' | 'additive' | 'site' | { readonly aside: { readonly host: string; readonly directory: string } }
}

export function workflowIdOf(request: RunRequest): string {
  if (request.id === 'target') return targetId(request.system)
  if (request.id === 'site') return siteFailoverId(request.system)
  const stamp = `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '')}Z-${randomUUID().slice(0, 8)}`
  if (request.id === 'plan') return `plan/${request.system}/${stamp}`
  if (request.id === 'additive') return `${request.type}/${request.system}/${stamp}`
  const { host, directory } = request.id.aside
  return `aside/${request.system}/${host}/${createHash('sha256').update(directory).digest('hex').slice(0, 12)}`
}

/** @throws MusterError LockHeld naming the run that holds the target and the step it is at */
export async function startRun(client: Client, request: RunRequest): Promise<WorkflowHandle & { readonly firstExecutionRunId: string }> {
  const workflowId = workflowIdOf(request)
  try {
    return await client.workflow.start(request.type, {
      taskQueue: 'muster',
      workflowId,
      args: [request.input],
      workflowIdConflictPolicy: 'FAIL',
      staticSummary: `${request.type} · ${request.system}`,
      ...(request.site !== undefined && { memo: { site: request.site } }),
      ...(request.id === 'additive' && { workflowRunTimeout: '48 hours' }),
    })
  } catch (error) {
    // By its name: loading the class would load Temporal's client before anybody has asked for Temporal.
    if (!(error instanceof Error && error.name === 'WorkflowExecutionAlreadyStartedError')) throw error
    const { runId, memo } = await client.workflow.getHandle(workflowId).describe()
    const phase = typeof memo?.['phase'] === 'string' ? memo['phase'] : 'starting'
    throw new MusterError('LockHeld', `${workflowId} is already running (run ${runId}, at: ${phase})`, {
      cause: error,
      hint: `watch it: muster watch ${workflowId}; or cancel it: muster cancel ${workflowId}`,
    })
  }
}

export interface RunProgress {
  readonly phase: string
  readonly status: string
  /** Why it waits for a person, and what that person may do; null while it does not, or no worker can tell. */
  readonly paused: Paused | null
  readonly activities: readonly {
    readonly what: string
    readonly attempt: number
    readonly doneBytes: number
    readonly totalBytes: number | null
    readonly phase: string
    readonly problem: string | null
  }[]
}

interface Beat {
  readonly phase?: string
  readonly doneBytes?: number
  readonly totalBytes?: number | null
}

/** One look at a run; works without workers, from memo and pending activities. */
export async function lookAtRun(handle: WorkflowHandle): Promise<RunProgress> {
  const description = await handle.describe()
  const pending = description.raw.pendingActivities ?? []
  return {
    phase: typeof description.memo?.['phase'] === 'string' ? description.memo['phase'] : 'starting',
    status: description.status.name,
    paused: await pausedBy(handle, description),
    activities: pending.map((one) => {
      const [payload] = one.heartbeatDetails?.payloads ?? []
      const beat = payload?.data ? (JSON.parse(Buffer.from(payload.data).toString('utf8')) as Beat | null) : null
      return {
        what: one.activityType?.name ?? 'activity',
        attempt: one.attempt ?? 1,
        doneBytes: beat?.doneBytes ?? 0,
        totalBytes: beat?.totalBytes ?? null,
        phase: beat?.phase ?? '',
        problem: one.lastFailure?.message ?? null,
      }
    }),
  }
}

const queryWithinMs = 3000

async function pausedBy(handle: WorkflowHandle, { status, memo }: WorkflowExecutionDescription): Promise<Paused | null> {
  const phase = String(memo?.['phase'])
  if (status.name !== 'RUNNING' || !(phase.startsWith('paused') || phase.startsWith('not protected'))) return null
  // Ended, not left behind: a call that still waits when its connection is closed is tried again on it, and that throws where
  // nobody can catch it.
  return handle.client.withAbortSignal(AbortSignal.timeout(queryWithinMs), () => handle.query<Paused | null>(pausedQueryName)).catch(() => null)
}
