/**
 * Which reasons of a judgement people are told of: what is new, what is over, what is still so after a day, and what the next
 * contact has to be told of because nobody has mended it.
 */
import type { ContactTurn } from './contacts.ts'
import type { Reason } from './protection.ts'
import { secondsBetween } from './times.ts'

/** A reason that people were told of. */
export interface ToldReason {
  readonly key: string
  readonly text: string
  /** When they were last told; ISO-8601 UTC. */
  readonly toldAt: string
  /** When they were first told. Absent where there are no contacts, as the rest. */
  readonly since?: string
  /** How many contacts were told, from the first on. */
  readonly contacts?: number
  /** When the last of them was told. */
  readonly contactAt?: string
}

/** A reason, with what makes it the same one where its text does not. */
export interface StandingReason extends Reason {
  readonly key?: string
}

export interface Alarms {
  /** To be told now: new ones, and those told of long ago. */
  readonly tell: readonly Reason[]
  /** Texts of what people were told of and is not so any more. */
  readonly over: readonly string[]
  /** What is known to people afterwards. */
  readonly told: readonly ToldReason[]
  /** Contacts whose turn it is, by their place in the list, and what they are told of. */
  readonly escalate: readonly Escalation[]
  /** How many contacts know of what is told again, and of what is over. */
  readonly contactsOf: { readonly tell: number; readonly over: number }
}

export interface Escalation {
  readonly contact: number
  readonly reasons: readonly Reason[]
  /** Keys of the reasons. */
  readonly keys: readonly string[]
  /** Since when the oldest of them stands. */
  readonly since: string
}

/** What nobody has mended is told again. */
const againSeconds = 24 * 3600

/** @param turns contacts in their order; empty where nobody is told besides everybody */
export function alarmsOf(before: readonly ToldReason[], reasons: readonly StandingReason[], now: string, turns: readonly ContactTurn[] = []): Alarms {
  const known = new Map(before.map((one) => [one.key, one]))
  const found = new Map(reasons.map((reason) => [keyOf(reason), reason]))
  const tell: Reason[] = []
  const told: ToldReason[] = []
  const due: { readonly contact: number; readonly key: string; readonly reason: Reason; readonly since: string }[] = []
  for (const [key, reason] of found) {
    const earlier = known.get(key)
    const isDue = earlier === undefined || secondsBetween(earlier.toldAt, now) >= againSeconds
    if (isDue) tell.push(reason)
    const since = earlier?.since ?? earlier?.toldAt ?? now
    const next = earlier && turnAfter(earlier, turns, now)
    if (typeof next === 'number') due.push({ contact: next, key, reason, since })
    const standing = { key, text: textOf(reason), toldAt: isDue ? now : earlier.toldAt }
    told.push(turns.length === 0 ? standing : { ...standing, since, contacts: earlier ? (earlier.contacts ?? 0) : 1, contactAt: earlier?.contactAt ?? now })
  }
  const over = before.filter(({ key }) => !found.has(key))
  const again = told.filter(({ key, toldAt }) => toldAt === now && known.has(key))
  return {
    tell,
    over: over.map(({ text }) => text),
    told,
    escalate: escalations(due),
    contactsOf: { tell: mostContacts(again), over: mostContacts(over) },
  }
}

/** What was told to contacts beyond what `alarmsOf` knew. @param contacts how many know now */
export function afterEscalation(told: readonly ToldReason[], keys: readonly string[], contacts: number, now: string): readonly ToldReason[] {
  return told.map((one) => (keys.includes(one.key) ? { ...one, contacts, contactAt: now } : one))
}

/** Each contact has as long as it was given, from when it was told. */
function turnAfter({ contacts = 0, contactAt, toldAt }: ToldReason, turns: readonly ContactTurn[], now: string): number | null {
  if (contacts >= turns.length) return null
  const last = turns[contacts - 1]
  return last === undefined || secondsBetween(contactAt ?? toldAt, now) >= last.escalateAfterSeconds ? contacts : null
}

function escalations(
  due: readonly { readonly contact: number; readonly key: string; readonly reason: Reason; readonly since: string }[],
): readonly Escalation[] {
  const contacts = [...new Set(due.map(({ contact }) => contact))].sort((a, b) => a - b)
  return contacts.map((contact) => {
    const mine = due.filter((one) => one.contact === contact)
    const since = mine.map((one) => one.since).sort()[0] ?? ''
    return { contact, reasons: mine.map(({ reason }) => reason), keys: mine.map(({ key }) => key), since }
  })
}

function mostContacts(told: readonly ToldReason[]): number {
  return Math.max(0, ...told.map(({ contacts = 0 }) => contacts))
}

/** The same trouble an hour later has other figures and times; that it has become worse is news, and `nas1` is not `nas2`. */
export function keyOf({ word, component, text, key }: StandingReason): string {
  return key ?? `${word}|${component ?? ''}|${text.replace(times, '#').replace(figures, '#')}`.slice(0, 300)
}

const times = /\d{4}-\d\d-\d\d[T ][\d:.]+Z?/g
const figures = /(?<![\w-])\d[\d.,]*/g

export function textOf({ component, text }: Pick<Reason, 'component' | 'text'>): string {
  return component === null ? text : `${component}: ${text}`
}
