/**
 * Notices of a run, sent beside its work: none delays a step, and none fails the run. A contact who was told that the run
 * asks for a person is told of everything that follows.
 */
import { CancellationScope, workflowInfo } from '@temporalio/workflow'
import type { NotifyPeopleInput, NotifyPeopleResult } from '../activities/site/notify-people.ts'
import { asksForPerson, type ContactTurn, hasReached } from '../domain/contacts.ts'
import { tellAgainSeconds, type TimeLimits } from '../domain/time-limits.ts'
import { onSite } from './activity-options.ts'
import { failureOf } from './failure-of.ts'

export type NoticeEvent = 'started' | 'succeeded' | 'failed' | 'approval-needed' | 'rolled-back' | 'alarm'
export type NoticeSeverity = 'info' | 'warning' | 'critical'

export interface Undelivered {
  readonly channel: string
  readonly problem: string
}

/** A notice that reached people, and on which channels. */
export interface Delivered {
  readonly event: NoticeEvent
  readonly channels: readonly string[]
  /** When it was sent; ISO-8601 UTC. */
  readonly at: string
  /** Roles of the contacts that it reached. */
  readonly contacts?: readonly string[]
}

export interface NoticeText {
  readonly event: NoticeEvent
  readonly severity: NoticeSeverity
  readonly subject: string
  readonly body: string
}

/** What became of a notice, in words for the next who is told. */
export interface Told {
  readonly at: string
  /** Whether anybody knows: a channel that somebody reads took it, or there is none but the log. */
  readonly reached: boolean
  /** Places of the contacts that were reached. */
  readonly contacts: readonly number[]
  /** `on call by email`, or why it was not delivered. */
  readonly text: string
}

export interface Notices {
  send(event: NoticeEvent, severity: NoticeSeverity, subject: string, body: string): void
  /** The same; @returns whom it reached. Never rejects. */
  tell(notice: NoticeText, contacts?: readonly number[]): Promise<Told>
  /** For one contact alone; the log has it too. Never rejects. */
  escalate(notice: NoticeText, contact: number): Promise<Told>
  /** Who is told after whom; empty where nobody is. */
  readonly turns: readonly ContactTurn[]
  /** Until what reached nobody is tried again, after so many tries. */
  tellAgainSeconds(tries: number): number
  /** Waits for what was sent; @returns what could not be delivered. */
  settled(): Promise<readonly Undelivered[]>
  /** What was delivered so far, in the order it was sent. */
  delivered(): readonly Delivered[]
}

interface About {
  readonly configHash: string | null
  readonly system: string
  readonly procedure: string
  readonly contacts?: readonly ContactTurn[] | undefined
}

export function createNotices(site: string, limits: TimeLimits, about: About): Notices {
  const turns = about.contacts ?? []
  const sent: Promise<{ readonly failed: readonly Undelivered[] }>[] = []
  const reached: (Pick<Delivered, 'event' | 'at'> & { channels: readonly string[]; contacts: readonly string[] })[] = []
  const involved = new Set<number>()
  const deliver = async (notice: NoticeText, to: Pick<NotifyPeopleInput, 'contacts' | 'escalates'>) => {
    const told = { event: notice.event, at: new Date().toISOString(), channels: [] as readonly string[], contacts: [] as readonly string[] }
    reached.push(told)
    const result = await notify(site, limits, about, notice, to)
    told.channels = result.delivered
    told.contacts = (result.contacts ?? []).map(({ role }) => role)
    return { ...result, at: told.at }
  }
  const post = (notice: NoticeText, to: Pick<NotifyPeopleInput, 'contacts' | 'escalates'>) => {
    const delivery = CancellationScope.nonCancellable(() => deliver(notice, to))
    sent.push(delivery)
    return delivery
  }
  /** Contacts of whom nothing is known here are left to the activity, which tells the first one of an alarm. */
  const withInvolved = (notice: NoticeText, contacts: readonly number[]) => {
    for (const one of [...(asksForPerson(notice) ? [0] : []), ...contacts]) if (one < turns.length) involved.add(one)
    return involved.size > 0 ? { contacts: [...involved].sort((a, b) => a - b) } : {}
  }
  return {
    turns,
    tellAgainSeconds: (tries) => tellAgainSeconds(limits, tries),
    send(event, severity, subject, body) {
      const notice = { event, severity, subject, body }
      void post(notice, withInvolved(notice, []))
    },
    async tell(notice, contacts = []) {
      return toldOf(await post(notice, withInvolved(notice, contacts)))
    },
    async escalate(notice, contact) {
      involved.add(contact)
      return toldOf(await post(notice, { contacts: [contact], escalates: true }))
    },
    async settled() {
      return (await Promise.all(sent)).flatMap(({ failed }) => failed)
    },
    delivered: () =>
      reached.filter(({ channels }) => channels.length > 0).map(({ contacts, ...one }) => ({ ...one, ...(contacts.length > 0 && { contacts }) })),
  }
}

async function notify(
  site: string,
  limits: TimeLimits,
  { configHash, system, procedure }: About,
  text: NoticeText,
  to: Pick<NotifyPeopleInput, 'contacts' | 'escalates'>,
): Promise<NotifyPeopleResult> {
  const notice = { ...text, system, procedure, run: workflowInfo().workflowId }
  try {
    return await onSite(site, 'notify', limits).notifyPeople.executeWithOptions({ summary: `notify: ${text.subject}` }, [{ configHash, notice, ...to }])
  } catch (error) {
    return { delivered: [], failed: [{ channel: 'all', problem: failureOf(error).message }] }
  }
}

function toldOf(result: NotifyPeopleResult & { readonly at: string }): Told {
  const { at, delivered, failed, contacts = [] } = result
  const who = contacts.map(({ role }) => role).join(', ') || 'nobody among the contacts'
  const by = delivered.length > 0 ? ` by ${delivered.join(', ')}` : ''
  const not = failed.map(({ channel, problem }) => `; not by ${channel}: ${problem}`).join('')
  return { at, reached: hasReached(result), contacts: contacts.map(({ contact }) => contact), text: `${at} ${who}${by}${not}` }
}
