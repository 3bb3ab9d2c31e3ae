/** When each activity of a run was asked for and when it was done, read from the run's history. */
import type { Client } from '@temporalio/client'

export interface ActivityTime {
  readonly activity: string
  readonly scheduledMs: number
  readonly doneMs: number
}

export interface RunTimes {
  readonly startedMs: number
  readonly activities: readonly ActivityTime[]
}

interface Timestamp {
  readonly seconds?: { toNumber(): number } | number | null
  readonly nanos?: number | null
}

export async function readRunTimes(client: Client, workflowId: string, runId?: string): Promise<RunTimes> {
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory()
  const scheduled = new Map<string, { readonly activity: string; readonly scheduledMs: number }>()
  const activities: ActivityTime[] = []
  for (const event of events ?? []) {
    const atMs = milliseconds(event.eventTime)
    const asked = event.activityTaskScheduledEventAttributes
    if (asked) scheduled.set(String(event.eventId), { activity: asked.activityType?.name ?? '?', scheduledMs: atMs })
    const completed = event.activityTaskCompletedEventAttributes
    const begun = completed && scheduled.get(String(completed.scheduledEventId))
    if (begun) activities.push({ ...begun, doneMs: atMs })
  }
  return { startedMs: milliseconds(events?.[0]?.eventTime), activities }
}

function milliseconds(time: Timestamp | null | undefined): number {
  const seconds = time?.seconds ?? 0
  return (typeof seconds === 'number' ? seconds : seconds.toNumber()) * 1000 + (time?.nanos ?? 0) / 1e6
}

/** Seconds per activity type: all runs of a type added up. */
export function secondsByActivity({ activities }: RunTimes): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const { activity, scheduledMs, doneMs } of activities) sums[activity] = (sums[activity] ?? 0) + (doneMs - scheduledMs) / 1000
  return sums
}
