/** Histories of a Temporal namespace. */
import { type Client, WorkflowNotFoundError } from '@temporalio/client'
import { type History, historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { MusterError } from '../../domain/failures.ts'
import { type ListedRun, runOf } from './closed-run.ts'
import type { Histories, RunName } from './history.ts'
import { type HistoryEvent, ranOf } from './history-facts.ts'

const pageSize = 500

/** Asked beside work that goes on without the answer. */
const phaseSeconds = 8

/** @param queue of the workflows: a namespace may have others with the same names */
export function createTemporalHistories(client: Client, queue = 'muster'): Histories {
  return {
    async soFar(run, beforeActivity) {
      return ranOf(eventsOf(await fetchHistory(client, run)), beforeActivity)
    },
    async *closed(types, since) {
      const those = [`WorkflowType IN (${types.map((type) => `'${type}'`).join(', ')})`, `TaskQueue = '${queue}'`, "ExecutionStatus != 'Running'"]
      const query = [...those, ...(since === null ? [] : [`CloseTime >= '${new Date(since).toISOString()}'`])].join(' AND ')
      for await (const run of list(client, query)) {
        const closed = runOf(run)
        if (closed) yield closed
      }
    },
    async phaseOf(workflowId) {
      try {
        const handle = client.workflow.getHandle(workflowId)
        const { status, memo } = await client.withDeadline(Date.now() + phaseSeconds * 1000, () => handle.describe())
        const phase = memo?.['phase']
        return status.name === 'RUNNING' ? (typeof phase === 'string' ? phase : 'starting') : null
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return null
        throw explained(error, `Temporal does not say whether a run "${workflowId}" goes on`)
      }
    },
    async read(run) {
      const text = await fetchHistory(client, run)
      const events = eventsOf(text)
      return { text, events: events.length, ran: ranOf(events, null) }
    },
  }
}

/** As the server lists them: what a memo says is decoded here, where one that cannot be decoded hides no other run. */
async function* list(client: Client, query: string): AsyncIterable<ListedRun> {
  const { namespace } = client.options
  let nextPageToken: Uint8Array | undefined
  do {
    const page = await client.connection.workflowService
      .listWorkflowExecutions({ namespace, query, pageSize, ...(nextPageToken && { nextPageToken }) })
      .catch((error: unknown) => {
        throw explained(error, 'Temporal does not list runs that have closed')
      })
    yield* page.executions
    nextPageToken = page.nextPageToken?.length > 0 ? page.nextPageToken : undefined
  } while (nextPageToken)
}

function eventsOf(text: string): readonly HistoryEvent[] {
  return (JSON.parse(text) as { readonly events?: readonly HistoryEvent[] }).events ?? []
}

async function fetchHistory(client: Client, { workflowId, runId }: RunName): Promise<string> {
  try {
    return historyToJSON((await client.workflow.getHandle(workflowId, runId).fetchHistory()) as History)
  } catch (error) {
    if (error instanceof WorkflowNotFoundError)
      throw new MusterError('UnknownName', `Temporal has no run ${runId} of "${workflowId}" any more`, { cause: error })
    throw explained(error, `Temporal does not give the history of "${workflowId}" (run ${runId})`)
  }
}

/** An outage may clear; whatever else it says will be said again. */
function explained(error: unknown, what: string): MusterError {
  if (isOutage(error)) return new MusterError('TemporalUnreachable', what, { cause: error })
  const why = error instanceof Error ? error.message : String(error)
  return new MusterError('SourceUnreadable', `${what}: ${why}`, { cause: error, hint: 'look at the run in the Temporal UI' })
}

/** UNAVAILABLE and DEADLINE_EXCEEDED of gRPC, however deep. */
function isOutage(error: unknown): boolean {
  for (let one: unknown = error; one instanceof Error; one = one.cause) if ('code' in one && (one.code === 14 || one.code === 4)) return true
  return false
}
