/**
 * Cron expressions with five fields, as far as Temporal and every cron agree on them.
 * What they read differently is refused instead of being guessed.
 */
import { MusterError } from './failures.ts'

export interface CronFields {
  readonly minutes: ReadonlySet<number>
  readonly hours: ReadonlySet<number>
  readonly days: ReadonlySet<number>
  readonly months: ReadonlySet<number>
  /** 0 is Sunday. */
  readonly weekdays: ReadonlySet<number>
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const longestMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/**
 * `0 2 * * *` → the values of each field.
 * @throws MusterError InvalidInput naming the field
 */
export function parseCron(expression: string): CronFields {
  const fields = expression.trim().split(/\s+/)
  if (fields.length !== 5) {
    throw new MusterError('InvalidInput', `cron "${expression}" needs five fields (minute, hour, day, month, weekday), such as: cron 0 2 * * *`)
  }
  const [minute, hour, day, month, weekday] = fields as [string, string, string, string, string]
  if (day !== '*' && weekday !== '*') {
    throw new MusterError('InvalidInput', `cron "${expression}" limits both day and weekday, which is read in two ways; set one of them to *`)
  }
  const parsed = {
    minutes: parseField(minute, 'minute', 0, 59, []),
    hours: parseField(hour, 'hour', 0, 23, []),
    days: parseField(day, 'day', 1, 31, []),
    months: parseField(month, 'month', 1, 12, monthNames),
    weekdays: parseField(weekday, 'weekday', 0, 6, weekdayNames),
  }
  const earliestDay = Math.min(...parsed.days)
  if (![...parsed.months].some((number) => earliestDay <= (longestMonth[number - 1] as number))) {
    throw new MusterError('InvalidInput', `cron "${expression}" names a date that no year has`)
  }
  return parsed
}

function parseField(text: string, name: string, low: number, high: number, names: readonly string[]): ReadonlySet<number> {
  const values = new Set<number>()
  for (const part of text.split(',')) {
    const match = /^(?:(\*)|([a-z0-9]+)(?:-([a-z0-9]+))?)(?:\/(\d{1,2}))?$/i.exec(part)
    if (!match) throw badField(text, name, low, high)
    const first = match[1] ? low : numberOf(match[2] as string, names, low)
    const last = match[1] ? high : match[3] === undefined ? (match[4] === undefined ? first : high) : numberOf(match[3], names, low)
    const step = match[4] === undefined ? 1 : Number(match[4])
    if (!(first >= low && last <= high && first <= last && step >= 1)) throw badField(text, name, low, high)
    for (let value = first; value <= last; value += step) values.add(value)
  }
  return values
}

function numberOf(text: string, names: readonly string[], low: number): number {
  const named = names.indexOf(text.toLowerCase())
  return named >= 0 ? named + low : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN
}

function badField(text: string, name: string, low: number, high: number): MusterError {
  const sunday = name === 'weekday' ? '; 0 is Sunday' : ''
  return new MusterError('InvalidInput', `cron: "${text}" is not a ${name}: write *, a number from ${low} to ${high}, a list, a range or a step${sunday}`)
}
