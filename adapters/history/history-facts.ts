/** Reads out of a history, as the SDK writes it in JSON, who did what, when and with which code. */
import type { RanActivity, RunRan } from '../../domain/run-history.ts'

/** Of an event's JSON, what is read here. */
export interface HistoryEvent {
  readonly eventId: string
  readonly eventTime: string
  readonly userMetadata?: { readonly summary?: Payload }
  readonly workflowTaskCompletedEventAttributes?: {
    readonly identity?: string
    readonly workerVersion?: { readonly buildId?: string }
    readonly sdkMetadata?: { readonly sdkVersion?: string }
  }
  readonly activityTaskScheduledEventAttributes?: {
    readonly activityId: string
    readonly activityType: { readonly name: string }
    readonly taskQueue: { readonly name: string }
  }
  readonly activityTaskStartedEventAttributes?: { readonly scheduledEventId: string; readonly identity?: string; readonly attempt?: number }
  readonly activityTaskCompletedEventAttributes?: { readonly scheduledEventId: string; readonly result?: { readonly payloads?: readonly Payload[] } }
  readonly activityTaskFailedEventAttributes?: { readonly scheduledEventId: string }
  readonly activityTaskTimedOutEventAttributes?: { readonly scheduledEventId: string }
  readonly activityTaskCanceledEventAttributes?: { readonly scheduledEventId: string }
}

interface Payload {
  readonly data?: string
}

type Tools = Readonly<Record<string, string>>

/** @param beforeActivity only what lies before this activity was asked for */
export function ranOf(events: readonly HistoryEvent[], beforeActivity: string | null): RunRan {
  const until = beforeActivity === null ? -1 : events.findLastIndex(({ activityTaskScheduledEventAttributes: asked }) => asked?.activityId === beforeActivity)
  const before = until < 0 ? events : events.slice(0, until)
  const activities = new Map<string, RanActivity>()
  const workers = new Set<string>()
  const code: string[] = []
  const tools: Record<string, Tools> = {}
  let sdk: string | null = null
  for (const event of before) {
    const decided = event.workflowTaskCompletedEventAttributes
    if (decided) {
      if (decided.identity) workers.add(decided.identity)
      sdk ??= decided.sdkMetadata?.sdkVersion ?? null
      const hash = decided.workerVersion?.buildId ?? ''
      if (/^[0-9a-f]{64}$/.test(hash) && code.at(-1) !== hash) code.push(hash)
    }
    const changed = activityAfter(event, activities)
    if (!changed) continue
    activities.set(changed.id, changed.activity)
    if (changed.activity.worker) workers.add(changed.activity.worker)
    const host = hostOf(changed.activity.queue)
    const used = toolsIn(event)
    if (host && used) tools[host] = { ...tools[host], ...used }
  }
  return { workers: [...workers], code, sdk, activities: [...activities.values()], tools }
}

function activityAfter(event: HistoryEvent, known: ReadonlyMap<string, RanActivity>): { readonly id: string; readonly activity: RanActivity } | null {
  const { eventTime: at, activityTaskScheduledEventAttributes: asked, activityTaskStartedEventAttributes: begun } = event
  if (asked) {
    const what = decoded(event.userMetadata?.summary)
    return {
      id: event.eventId,
      activity: {
        name: asked.activityType.name,
        what: typeof what === 'string' ? what : '',
        queue: asked.taskQueue.name,
        worker: null,
        attempts: 0,
        scheduledAt: at,
        startedAt: null,
        endedAt: null,
        ended: null,
      },
    }
  }
  const end = endIn(event)
  const id = begun?.scheduledEventId ?? end?.id
  const activity = id === undefined ? undefined : known.get(id)
  if (id === undefined || !activity) return null
  if (begun) return { id, activity: { ...activity, worker: begun.identity ?? null, attempts: begun.attempt ?? 1, startedAt: at } }
  return end ? { id, activity: { ...activity, endedAt: at, ended: end.ended } } : null
}

function endIn(event: HistoryEvent): { readonly id: string; readonly ended: NonNullable<RanActivity['ended']> } | null {
  if (event.activityTaskCompletedEventAttributes) return { id: event.activityTaskCompletedEventAttributes.scheduledEventId, ended: 'completed' }
  if (event.activityTaskFailedEventAttributes) return { id: event.activityTaskFailedEventAttributes.scheduledEventId, ended: 'failed' }
  if (event.activityTaskTimedOutEventAttributes) return { id: event.activityTaskTimedOutEventAttributes.scheduledEventId, ended: 'timed-out' }
  if (event.activityTaskCanceledEventAttributes) return { id: event.activityTaskCanceledEventAttributes.scheduledEventId, ended: 'cancelled' }
  return null
}

/** `muster-host-db1-urgent` → `db1`. */
function hostOf(queue: string): string | null {
  return /^muster-host-(.+?)(?:-urgent)?$/.exec(queue)?.[1] ?? null
}

/** Steps that start programs say in their result which versions these have. */
function toolsIn(event: HistoryEvent): Tools | null {
  const result = decoded(event.activityTaskCompletedEventAttributes?.result?.payloads?.[0])
  if (typeof result !== 'object' || result === null || !('tools' in result)) return null
  const { tools } = result
  if (typeof tools !== 'object' || tools === null) return null
  return Object.fromEntries(Object.entries(tools).flatMap(([name, version]) => (typeof version === 'string' ? [[name, version]] : [])))
}

/** What is encoded in another way than JSON says nothing here. */
function decoded(payload: Payload | undefined): unknown {
  try {
    return payload?.data === undefined ? undefined : (JSON.parse(Buffer.from(payload.data, 'base64').toString('utf8')) as unknown)
  } catch {
    return undefined
  }
}
