/**
 * The search for the last good moment. Everything before the mistake is good and everything after it is not, so it goes back
 * from the newest candidate in steps that double, until one holds, and then halves what lies between.
 */
import { toMicros } from '../times.ts'

export interface Tried {
  readonly at: string
  readonly holds: boolean
}

export interface SearchBounds {
  /** Newest moment that may be good. */
  readonly startAt: string
  /** Oldest moment that can be reached. */
  readonly oldestAt: string
  /** What is found lies at most so far before a moment that is not good. */
  readonly withinSeconds: number
}

export type NextTry = { readonly kind: 'try'; readonly at: string } | { readonly kind: 'found'; readonly at: string } | { readonly kind: 'none' }

/** What to try next, after what was tried. Ends: each answer halves what is left, or doubles the step. */
export function nextTry(tried: readonly Tried[], { startAt, oldestAt, withinSeconds }: SearchBounds): NextTry {
  if (tried.length === 0) return Date.parse(startAt) < Date.parse(oldestAt) ? { kind: 'none' } : { kind: 'try', at: startAt }
  const good = tried
    .filter(({ holds }) => holds)
    .map(({ at }) => at)
    .sort()
    .at(-1)
  const bad = tried
    .filter(({ holds }) => !holds)
    .map(({ at }) => at)
    .sort()[0]
  if (good === undefined) return earlier(bad as string, tried.length, { startAt, oldestAt, withinSeconds })
  if (bad === undefined || Date.parse(bad) - Date.parse(good) <= withinSeconds * 1000) return { kind: 'found', at: good }
  return { kind: 'try', at: fromMillis((Date.parse(good) + Date.parse(bad)) / 2) }
}

function earlier(bad: string, failed: number, { startAt, oldestAt, withinSeconds }: SearchBounds): NextTry {
  if (Date.parse(bad) <= Date.parse(oldestAt)) return { kind: 'none' }
  const back = withinSeconds * (2 ** failed - 1) * 1000
  const at = Date.parse(startAt) - back
  return { kind: 'try', at: at <= Date.parse(oldestAt) ? oldestAt : fromMillis(at) }
}

/** Just before a moment: a millisecond, which is as exact as logs and people are. */
export function justBefore(at: string): string {
  return fromMillis(Date.parse(at) - 1)
}

export function earlierOf(a: string, b: string): string {
  return toMicros(a) < toMicros(b) ? toMicros(a) : toMicros(b)
}

function fromMillis(millis: number): string {
  return toMicros(new Date(Math.floor(millis)).toISOString())
}
