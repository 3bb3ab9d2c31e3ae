/** A restore at home whose last check fails after the swap: how long until what ran before is back. */
import type { Client } from '@temporalio/client'
import { query } from '../demo/postgres.ts'
import { approver, keyOf, requester } from './people.ts'
import type { Stage } from './set-up.ts'
import { tell } from './site.ts'

export interface RolledBack {
  /** From the check that failed until the old database was started. */
  readonly seconds: number
  /** Of these, its start. */
  readonly startSeconds: number
  /** Rows of the client that were there before and are not there after. */
  readonly ordersLost: number
}

/** What the configured check trips over, in a copy that is writable only: so it holds in quarantine, and fails in place. */
export const trapSql = 'select case when pg_is_in_recovery() then 1 else 1 - (select count(*) from trap) end'

export async function rollBackAtHome({ places, database, temporal: { client } }: Stage): Promise<RolledBack> {
  const shop = database.shop.primary
  await query(shop, 'insert into trap values (1)')
  const before = await orders(shop)
  const { workflowId, plan } = await tell<{ workflowId: string; plan: string }>(places, 'primary', ['restore', 'shop', '--no-wait'], requester)
  const handle = client.workflow.getHandle(workflowId)
  await tell(places, 'primary', ['approve', plan.slice(0, 12), '--as', approver, '--key', keyOf(places, approver)], approver)
  const why = await handle.result().then(
    () => 'it succeeded',
    (error: Error) => String(error.cause instanceof Error ? error.cause.message : error.message),
  )
  if (!/rolled back: what ran before is running again/.test(why)) throw new Error(`the restore whose check fails was not rolled back: ${why}`)
  const times = await timesOf(client, workflowId)
  // Its client goes on placing orders as soon as it is served again.
  const ordersLost = Math.max(0, before - (await orders(shop)))
  await query(shop, 'delete from trap')
  return { ...times, ordersLost }
}

async function orders(shop: Parameters<typeof query>[0]): Promise<number> {
  const [row] = await query<{ n: string }>(shop, 'select count(*) as n from orders')
  return Number(row?.n)
}

interface Done {
  readonly activity: string
  readonly startedMs: number
  readonly endedMs: number
}

async function timesOf(client: Client, workflowId: string): Promise<Omit<RolledBack, 'ordersLost'>> {
  const done = await activitiesOf(client, workflowId)
  const check = done.findLast(({ activity }) => activity === 'checkRestored')
  const start = done.findLast(({ activity }) => activity === 'startOldDatabase')
  if (!check || !start) throw new Error(`the history of ${workflowId} shows no check, or no start of the old database`)
  return { seconds: (start.endedMs - check.endedMs) / 1000, startSeconds: (start.endedMs - start.startedMs) / 1000 }
}

async function activitiesOf(client: Client, workflowId: string): Promise<readonly Done[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory()
  const asked = new Map<string, { readonly activity: string; readonly startedMs: number }>()
  const done: Done[] = []
  for (const event of events ?? []) {
    const atMs = Number(event.eventTime?.seconds ?? 0) * 1000 + (event.eventTime?.nanos ?? 0) / 1e6
    const scheduled = event.activityTaskScheduledEventAttributes
    if (scheduled) asked.set(String(event.eventId), { activity: scheduled.activityType?.name ?? '', startedMs: atMs })
    const ended = event.activityTaskCompletedEventAttributes ?? event.activityTaskFailedEventAttributes
    const known = ended && asked.get(String(ended.scheduledEventId))
    if (known) done.push({ ...known, endedMs: atMs })
  }
  return done
}
