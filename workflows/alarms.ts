/**
 * Tells people what a look has found: what is new, what is over, once a day what is still so. What stands goes to one contact
 * after the other; since every run ends, it is the next look that tells the next contact, from what the last one remembers.
 */
import { afterEscalation, alarmsOf, keyOf, type StandingReason, textOf, type ToldReason } from '../domain/health-alarms.ts'
import type { Reason } from '../domain/protection.ts'
import type { Notices, NoticeText, Told } from './notices.ts'

export interface Look {
  /** What people were told of by earlier looks. */
  readonly before: readonly ToldReason[]
  readonly reasons: readonly StandingReason[]
  /** Of the alarm, before its first reason: `shop is degraded`. */
  readonly title: string
  /** Of the notice that something is over. */
  readonly overTitle: string
}

/** @returns what people know of afterwards */
export async function tellOfAlarms(notices: Notices, { before, reasons, title, overTitle }: Look): Promise<readonly ToldReason[]> {
  const now = new Date().toISOString()
  const { turns } = notices
  const { tell, over, told, escalate, contactsOf } = alarmsOf(before, reasons, now, turns)
  const gone = over.map((text) => `no longer: ${text}`)
  let delivery: Promise<Told> | null = null
  if (tell.length > 0) delivery = notices.tell(alarmOf(title, tell, gone), upTo(Math.max(contactsOf.tell, contactsOf.over)))
  else if (over.length > 0) void notices.tell({ event: 'succeeded', severity: 'info', subject: overTitle, body: gone.join('\n') }, upTo(contactsOf.over))
  if (turns.length === 0) return told
  let known = told
  for (const { contact, reasons: standing, keys, since } of escalate) {
    const asked = alarmOf(title, standing, [])
    known = afterEscalation(known, keys, await tellNext(notices, asked, contact, since), now)
  }
  const fresh = tell.filter((one) => !before.some(({ key }) => key === keyOf(one)))
  // Whom no channel reaches is not waited for.
  if (delivery && fresh.length > 0 && !(await delivery).contacts.includes(0)) {
    known = afterEscalation(known, fresh.map(keyOf), await tellNext(notices, alarmOf(title, fresh, []), 1, now), now)
  }
  return known
}

/** Tells the contact, and the next one where no channel reaches it. @returns how many contacts know now */
async function tellNext(notices: Notices, asked: NoticeText, first: number, since: string): Promise<number> {
  const subject = `unanswered since ${since.slice(0, 16)}Z: ${asked.subject}`
  const before = notices.turns.slice(0, first).map(({ role }) => role)
  const body = [`It has stood since ${since}. Told before: ${before.join(', ') || 'nobody'}.`, '', asked.body].join('\n')
  for (let contact = first; contact < notices.turns.length; contact++) {
    const told = await notices.escalate({ ...asked, subject, body }, contact)
    if (told.contacts.includes(contact)) return contact + 1
  }
  return notices.turns.length
}

function alarmOf(title: string, reasons: readonly Reason[], gone: readonly string[]): NoticeText {
  const severity = reasons.some(({ word }) => word === 'not protected') ? 'critical' : 'warning'
  const lines = reasons.map((one) => `${textOf(one)}\n  → ${one.next}`)
  return { event: 'alarm', severity, subject: `${title}: ${textOf(reasons[0] as Reason)}`, body: [...lines, ...gone].join('\n') }
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index)
}
