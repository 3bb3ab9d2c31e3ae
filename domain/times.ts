/**
 * Times with microseconds, as PostgreSQL has them: always `2026-11-21T02:14:00.123456Z`, so that
 * they sort and compare as text. JavaScript's own dates stop at milliseconds.
 */
import { MusterError } from './failures.ts'

const pattern = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?\s*(Z|[+-]\d{2}(?::?\d{2})?)?$/

/** Any ISO-8601 time (UTC where no offset is given) with exactly six digits of a second. @throws MusterError InvalidInput */
export function toMicros(text: string): string {
  const match = pattern.exec(text.trim())
  const [, date, clock, fraction = '', zone = 'Z'] = match ?? []
  if (!date || !clock) throw notATime(text)
  const seconds = clock.length === 5 ? `${clock}:00` : clock
  const offset = zone === 'Z' ? 'Z' : zone.length === 3 ? `${zone}:00` : zone.includes(':') ? zone : `${zone.slice(0, 3)}:${zone.slice(3)}`
  const whole = new Date(`${date}T${seconds}${offset}`)
  if (Number.isNaN(whole.getTime())) throw notATime(text)
  return `${whole.toISOString().slice(0, 19)}.${fraction.slice(0, 6).padEnd(6, '0')}Z`
}

function notATime(text: string): MusterError {
  return new MusterError('InvalidInput', `"${text}" is not a time; write it like 2026-11-21 02:14 or 2026-11-21T02:14:00.5Z (UTC unless an offset is given)`)
}

export function isBefore(a: string, b: string): boolean {
  return toMicros(a) < toMicros(b)
}

/** Seconds from one time to another. */
export function secondsBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 1000
}
