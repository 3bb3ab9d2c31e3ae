/** What the runs of the demo left in Temporal: events, and how large the largest payload is. */
import type { Client } from '@temporalio/client'

export interface RunHistory {
  readonly type: string
  readonly id: string
  readonly runId: string
  readonly status: string
  readonly events: number
  readonly largestPayloadBytes: number
}

/** Every run of this Temporal, oldest first. */
export async function readHistories(client: Client): Promise<readonly RunHistory[]> {
  const found: { readonly at: number; readonly history: RunHistory }[] = []
  for await (const run of client.workflow.list()) {
    if (run.type.startsWith('temporal-sys')) continue
    const { events = [] } = await client.workflow.getHandle(run.workflowId, run.runId).fetchHistory()
    const history = {
      type: run.type,
      id: run.workflowId,
      runId: run.runId,
      status: run.status.name,
      events: events?.length ?? 0,
      largestPayloadBytes: largestPayload(events),
    }
    found.push({ at: run.startTime.getTime(), history })
  }
  return found.sort((a, b) => a.at - b.at).map(({ history }) => history)
}

/** A payload is wherever there is metadata with data beside it. */
function largestPayload(value: unknown): number {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return 0
  const { metadata, data } = value as { readonly metadata?: unknown; readonly data?: unknown }
  if (metadata && data instanceof Uint8Array) {
    const names = Object.entries(metadata as Record<string, Uint8Array>)
    return data.length + names.reduce((sum, [name, bytes]) => sum + name.length + bytes.length, 0)
  }
  return Object.values(value).reduce((largest: number, one) => Math.max(largest, largestPayload(one)), 0)
}
