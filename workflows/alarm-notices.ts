/** What a look has to say, as notices: of what is new or over for everybody, of what stands for one contact after the other. */
import { type Alarms, type StandingReason, textOf, type ToldReason } from '../domain/health-alarms.ts'
import type { Reason } from '../domain/protection.ts'
import type { Notices, NoticeText } from './notices.ts'

export interface Look {
  /** What people were told of by earlier looks. */
  readonly before: readonly ToldReason[]
  readonly reasons: readonly StandingReason[]
  /** Of the alarm, before its first reason: `shop is degraded`. */
  readonly title: string
  /** Of the notice that something is over. */
  readonly overTitle: string
}

/** What is to be sent, and to which contacts. */
export function noticesOf({ title, overTitle }: Look, { tell, over, contactsOf }: Alarms) {
  const gone = over.map((text) => `no longer: ${text}`)
  return {
    alarm: tell.length > 0 ? alarmOf(title, tell, gone) : null,
    over: over.length > 0 ? ({ event: 'succeeded', severity: 'info', subject: overTitle, body: gone.join('\n') } satisfies NoticeText) : null,
    to: upTo(tell.length > 0 ? Math.max(contactsOf.tell, contactsOf.over) : contactsOf.over),
  }
}

/** Tells the contact, and the next one where no channel reaches it. @returns how many contacts know now; null where nobody was reached */
export async function tellNext(notices: Notices, { title }: Look, reasons: readonly Reason[], first: number, since: string): Promise<number | null> {
  const asked = alarmOf(title, reasons, [])
  const subject = `unanswered since ${since.slice(0, 16)}Z: ${asked.subject}`
  const before = notices.turns.slice(0, first).map(({ role }) => role)
  const body = [`It has stood since ${since}. Told before: ${before.join(', ') || 'nobody'}.`, '', asked.body].join('\n')
  for (let contact = first; contact < notices.turns.length; contact++) {
    const told = await notices.escalate({ ...asked, subject, body }, contact)
    if (told.contacts.includes(contact)) return contact + 1
  }
  return null
}

function alarmOf(title: string, reasons: readonly Reason[], gone: readonly string[]): NoticeText {
  const severity = reasons.some(({ word }) => word === 'not protected') ? 'critical' : 'warning'
  const lines = reasons.map((one) => `${textOf(one)}\n  → ${one.next}`)
  return { event: 'alarm', severity, subject: `${title}: ${textOf(reasons[0] as Reason)}`, body: [...lines, ...gone].join('\n') }
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index)
}
