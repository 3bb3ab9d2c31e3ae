/**
 * The `every` texts of muster.yaml, read into a value that clients/schedules turns into
 * Temporal's own schedule. Times are UTC unless a zone is given.
 */
import { parseCron } from './cron.ts'
import { parseDuration } from './durations.ts'
import { MusterError } from './failures.ts'

export { nextRuns } from './schedule-runs.ts'
export { checkScheduleZone } from './schedule-zone.ts'

export type ScheduleSpec =
  /** Counted from 1970-01-01T00:00:00Z, as Temporal counts; `hourly` is 3600 s. */
  | { readonly kind: 'interval'; readonly everySeconds: number }
  | { readonly kind: 'daily'; readonly hour: number; readonly minute: number }
  /** `weekday` 0 is Sunday. */
  | { readonly kind: 'weekly'; readonly weekday: number; readonly hour: number; readonly minute: number }
  | { readonly kind: 'monthly'; readonly day: number; readonly hour: number; readonly minute: number }
  /** Once; ISO-8601 UTC. */
  | { readonly kind: 'at'; readonly at: string }
  /** Five fields; see domain/cron.ts. */
  | { readonly kind: 'cron'; readonly expression: string }

export const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const

const examples = '6h, hourly, daily 02:00, weekly sunday 03:00, monthly day 1 03:00, at 2026-12-01T02:00:00Z or cron 0 2 * * *'

/** @throws MusterError InvalidInput that names what is wrong and shows examples */
export function parseSchedule(text: string): ScheduleSpec {
  const words = text.trim().split(/\s+/)
  const head = (words[0] ?? '').toLowerCase()
  if (head === 'cron') {
    const expression = words.slice(1).join(' ')
    parseCron(expression)
    return { kind: 'cron', expression }
  }
  if (head === 'hourly' && words.length === 1) return { kind: 'interval', everySeconds: 3600 }
  if (head === 'daily' && words.length === 2) return { kind: 'daily', ...parseClock(text, words[1]) }
  if (head === 'weekly' && words.length === 3) {
    const weekday = weekdays.indexOf((words[1] as string).toLowerCase() as (typeof weekdays)[number])
    if (weekday < 0) throw bad(text, `"${words[1]}" is not a weekday: ${weekdays.join(', ')}`)
    return { kind: 'weekly', weekday, ...parseClock(text, words[2]) }
  }
  if (head === 'monthly' && words.length === 4 && words[1]?.toLowerCase() === 'day') {
    return { kind: 'monthly', day: parseDay(text, words[2] as string), ...parseClock(text, words[3]) }
  }
  if (head === 'at' && words.length === 2) return { kind: 'at', at: parseMoment(text, words[1] as string) }
  if (/^\d/.test(head) && words.length === 1) return { kind: 'interval', everySeconds: parseInterval(text, head) }
  throw bad(text, `is not a schedule: write ${examples}`)
}

/** One line for a person: `every day at 02:00 UTC`. */
export function describeSchedule(spec: ScheduleSpec, zone = 'UTC'): string {
  switch (spec.kind) {
    case 'interval':
      return `every ${everyText(spec.everySeconds)}`
    case 'daily':
      return `every day at ${clock(spec)} ${zone}`
    case 'weekly':
      return `every ${capital(weekdays[spec.weekday] as string)} at ${clock(spec)} ${zone}`
    case 'monthly':
      return `on day ${spec.day} of every month at ${clock(spec)} ${zone}`
    case 'at':
      return `once at ${spec.at}`
    case 'cron':
      return `by cron ${spec.expression} ${zone}`
  }
}

function parseInterval(text: string, duration: string): number {
  const everySeconds = parseDuration(duration)
  if (everySeconds === 0) throw bad(text, 'is no interval; write one such as 15m or 6h')
  return everySeconds
}

function parseClock(text: string, word: string | undefined): { hour: number; minute: number } {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(word ?? '')
  if (!match) throw bad(text, `"${word}" is not a time of day: write two digits each from 00:00 to 23:59, such as 02:00`)
  return { hour: Number(match[1]), minute: Number(match[2]) }
}

function parseDay(text: string, word: string): number {
  const day = /^\d{1,2}$/.test(word) ? Number(word) : 0
  if (day < 1 || day > 28) throw bad(text, `"${word}" is not a day that every month has: write 1 to 28`)
  return day
}

function parseMoment(text: string, word: string): string {
  const match = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?Z$/.exec(word)
  const at = new Date(match ? word : Number.NaN)
  const iso = Number.isNaN(at.getTime()) ? '' : at.toISOString()
  // Date rolls 30 February over into March; a moment that does not come back as it was written is none.
  if (iso.slice(0, 16) !== word.slice(0, 16)) throw bad(text, `"${word}" is not a moment in UTC: write it as 2026-12-01T02:00:00Z`)
  return `${iso.slice(0, 19)}Z`
}

function bad(text: string, reason: string): MusterError {
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text
  return new MusterError('InvalidInput', `${JSON.stringify(shown)}${reason.startsWith('is ') ? ' ' : ': '}${reason}`)
}

function everyText(seconds: number): string {
  const units = [
    [604_800, 'week'],
    [86_400, 'day'],
    [3600, 'hour'],
    [60, 'minute'],
    [1, 'second'],
  ] as const
  const [size, name] = units.find(([unit]) => seconds % unit === 0) ?? units[4]
  const count = seconds / size
  return count === 1 ? name : `${count} ${name}s`
}

function clock(time: { readonly hour: number; readonly minute: number }): string {
  return `${String(time.hour).padStart(2, '0')}:${String(time.minute).padStart(2, '0')}`
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1)
}
