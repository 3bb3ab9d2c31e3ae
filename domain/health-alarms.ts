/** Which reasons of a judgement people are told of: what is new, what is over, and what is still so after a day. */
import type { Reason } from './protection.ts'
import { secondsBetween } from './times.ts'

/** A reason that people were told of. */
export interface ToldReason {
  readonly key: string
  readonly text: string
  /** When they were last told; ISO-8601 UTC. */
  readonly toldAt: string
}

export interface Alarms {
  /** To be told now: new ones, and those told of long ago. */
  readonly tell: readonly Reason[]
  /** Texts of what people were told of and is not so any more. */
  readonly over: readonly string[]
  /** What is known to people afterwards. */
  readonly told: readonly ToldReason[]
}

/** What nobody has mended is told again. */
const againSeconds = 24 * 3600

export function alarmsOf(before: readonly ToldReason[], reasons: readonly Reason[], now: string): Alarms {
  const known = new Map(before.map((one) => [one.key, one]))
  const found = new Map(reasons.map((reason) => [keyOf(reason), reason]))
  const tell: Reason[] = []
  const told: ToldReason[] = []
  for (const [key, reason] of found) {
    const earlier = known.get(key)
    const isDue = earlier === undefined || secondsBetween(earlier.toldAt, now) >= againSeconds
    if (isDue) tell.push(reason)
    told.push({ key, text: textOf(reason), toldAt: isDue ? now : earlier.toldAt })
  }
  return { tell, over: before.filter(({ key }) => !found.has(key)).map(({ text }) => text), told }
}

/** The same trouble an hour later has other figures; that it has become worse is news. */
function keyOf({ word, component, text }: Reason): string {
  return `${word}|${component ?? ''}|${text.replace(/\d+/g, '#')}`.slice(0, 300)
}

export function textOf({ component, text }: Pick<Reason, 'component' | 'text'>): string {
  return component === null ? text : `${component}: ${text}`
}
