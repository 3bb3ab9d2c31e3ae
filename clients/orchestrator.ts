/** What this Temporal says of itself and of runs: asked of the server, not of its listings, which may lag behind or not have been rolled back with it. */
import { type Client, ServiceError, WorkflowNotFoundError } from '@temporalio/client'
import { type SeenRun, siteOfRun, workingProcedures } from '../domain/adoption.ts'
import { isName } from '../domain/object-keys.ts'
import { targetId } from '../workflows/messages.ts'
import { inLanes } from './in-lanes.ts'

export interface Orchestrator {
  /** Id of the namespace: another one after the database was lost, the same after it was rolled back. */
  readonly temporal: string
  readonly retentionSeconds: number
}

export interface OpenRun {
  readonly workflowId: string
  readonly runId: string
  readonly procedure: string
  readonly system: string
  readonly startedAt: string
}

const mostOpen = 500
/** Where the server does not say for how long it keeps runs. */
const unsaidRetentionSeconds = 3 * 86_400

/** @throws what Temporal's client throws */
export async function describeOrchestrator(client: Client): Promise<Orchestrator> {
  const { namespaceInfo, config } = await client.workflowService.describeNamespace({ namespace: client.options.namespace })
  return {
    temporal: (namespaceInfo?.id ?? '').toLowerCase(),
    retentionSeconds: Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) || unsaidRetentionSeconds,
  }
}

/** Runs that go on there, as far as they work on a system. */
export async function openRuns(client: Client, systems: readonly string[]): Promise<readonly OpenRun[]> {
  const found = new Map<string, OpenRun>()
  const add = (run: { readonly workflowId: string; readonly runId: string; readonly type: string; readonly startTime: Date }, system: string | null) => {
    if (system === null || !isName(system) || !workingProcedures.has(run.type)) return
    found.set(run.runId, { workflowId: run.workflowId, runId: run.runId, procedure: run.type, system, startedAt: run.startTime.toISOString() })
  }
  try {
    for await (const run of client.workflow.list({ query: "ExecutionStatus = 'Running' AND TaskQueue = 'muster'" })) {
      const said = run.searchAttributes?.['MusterSystem']?.[0]
      add(run, systemOf(run.workflowId) ?? siteOfRun(run.workflowId) ?? (typeof said === 'string' ? said : null))
      if (found.size >= mostOpen) break
    }
  } catch (error) {
    // Listings are a service of their own; what matters most is asked for by its id.
    if (!(error instanceof ServiceError)) throw error
  }
  await Promise.all(
    systems.map(async (system) => {
      const run = await describe(client, targetId(system))
      if (run?.status.name === 'RUNNING') add(run, system)
    }),
  )
  return [...found.values()]
}

/** Whether it has a run that worked on a system and is over; true too where it does not answer that. @throws what Temporal's client throws */
export async function listsClosedRuns(client: Client): Promise<boolean> {
  const types = [...workingProcedures].map((type) => `'${type}'`).join(', ')
  try {
    for await (const _ of client.workflow.list({ query: `ExecutionStatus != 'Running' AND TaskQueue = 'muster' AND WorkflowType IN (${types})`, pageSize: 1 }))
      return true
    return false
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    return true
  }
}

function systemOf(workflowId: string): string | null {
  return /^target\/([^/]+)$/.exec(workflowId)?.[1] ?? null
}

/** What is said of each of these runs, by run id. @throws what Temporal's client throws */
export async function seeRuns(client: Client, runs: readonly { readonly workflowId: string; readonly runId: string }[]): Promise<ReadonlyMap<string, SeenRun>> {
  const seen = new Map<string, SeenRun>()
  await inLanes(runs, async ({ workflowId, runId }) => {
    const found = await describe(client, workflowId, runId)
    const state = found === null ? 'unknown' : found.status.name === 'RUNNING' ? 'running' : 'closed'
    seen.set(runId, { runId, state, reachedAt: state === 'running' ? await reached(client, workflowId, runId) : null })
  })
  return seen
}

async function describe(client: Client, workflowId: string, runId?: string) {
  try {
    return await client.workflow.getHandle(workflowId, runId).describe()
  } catch (error) {
    if (error instanceof WorkflowNotFoundError || isInvalid(error)) return null
    throw error
  }
}

/** INVALID_ARGUMENT of gRPC: an id that no run of this server can have. */
function isInvalid(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof Error && 'code' in error.cause && error.cause.code === 3
}

/** When the newest step of a run was scheduled; null before the first. */
async function reached(client: Client, workflowId: string, runId: string): Promise<string | null> {
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory()
  const times = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled, eventTime }) =>
    scheduled ? [Number(eventTime?.seconds ?? 0) * 1000 + Math.floor((eventTime?.nanos ?? 0) / 1e6)] : [],
  )
  return times.length === 0 ? null : new Date(Math.max(...times)).toISOString()
}
