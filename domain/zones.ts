/** Local times of a zone, from the platform's own zone data: offsets, transitions, and back to UTC. */
import { MusterError } from './failures.ts'

/** A local time as a clock on the wall shows it. */
export interface LocalTime {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  /** 0 is Sunday. */
  readonly weekday: number
}

export interface Transition {
  readonly at: Date
  readonly offsetBeforeMinutes: number
  readonly offsetAfterMinutes: number
}

const minuteMs = 60_000
const dayMs = 86_400_000
const formats = new Map<string, Intl.DateTimeFormat>()

/** @throws MusterError InvalidInput when there is no such zone, or it is spelt otherwise. */
export function checkZoneName(zone: string): void {
  if (zone === 'UTC') return
  const unknown = new MusterError('InvalidInput', `"${zone.slice(0, 40)}" is not a time zone; write a name such as Europe/Berlin, or leave it out for UTC`)
  if (!/^[A-Z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)+$/.test(zone)) throw unknown
  let canonical: string
  try {
    canonical = format(zone).resolvedOptions().timeZone
  } catch {
    throw unknown
  }
  if (canonical !== zone && canonical.toLowerCase() === zone.toLowerCase()) {
    throw new MusterError('InvalidInput', `"${zone}" is not a time zone; did you mean "${canonical}"?`)
  }
}

/** What must be added to UTC to get the zone's local time. */
export function offsetMinutes(zone: string, at: Date): number {
  if (zone === 'UTC') return 0
  const parts = Object.fromEntries(
    format(zone)
      .formatToParts(at)
      .map((part) => [part.type, part.value]),
  )
  const local = Date.UTC(Number(parts['year']), Number(parts['month']) - 1, Number(parts['day']), Number(parts['hour']), Number(parts['minute']))
  return Math.round((local - Math.floor(at.getTime() / minuteMs) * minuteMs) / minuteMs)
}

export function localTime(zone: string, at: Date): LocalTime {
  return fieldsOf(new Date(at.getTime() + offsetMinutes(zone, at) * minuteMs))
}

/** The fields of a date whose UTC fields hold a local time. */
export function fieldsOf(shifted: Date): LocalTime {
  return {
    year: shifted.getUTCFullYear(),
    month: shifted.getUTCMonth() + 1,
    day: shifted.getUTCDate(),
    hour: shifted.getUTCHours(),
    minute: shifted.getUTCMinutes(),
    weekday: shifted.getUTCDay(),
  }
}

/** The moment of a local time; the earlier one where it is doubled, null where it is skipped. */
export function fromLocal(zone: string, local: Omit<LocalTime, 'weekday'>): Date | null {
  const shifted = Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute)
  const offsets = [new Date(shifted - dayMs), new Date(shifted + dayMs)].map((near) => offsetMinutes(zone, near))
  const found = [...new Set(offsets)]
    .map((offset) => new Date(shifted - offset * minuteMs))
    .filter((at) => at.getTime() + offsetMinutes(zone, at) * minuteMs === shifted)
  return found.sort((a, b) => a.getTime() - b.getTime())[0] ?? null
}

/** Every change of the zone's offset in `(from, to]`, oldest first. */
export function transitions(zone: string, from: Date, to: Date): readonly Transition[] {
  if (zone === 'UTC') return []
  const found: Transition[] = []
  let low = from.getTime()
  let before = offsetMinutes(zone, from)
  while (low < to.getTime()) {
    const high = Math.min(low + dayMs, to.getTime())
    const after = offsetMinutes(zone, new Date(high))
    if (after !== before) found.push({ at: firstWith(zone, after, low, high), offsetBeforeMinutes: before, offsetAfterMinutes: after })
    low = high
    before = after
  }
  return found
}

function firstWith(zone: string, offset: number, low: number, high: number): Date {
  let [a, b] = [low, high]
  while (b - a > 1000) {
    const middle = Math.floor((a + b) / 2)
    if (offsetMinutes(zone, new Date(middle)) === offset) b = middle
    else a = middle
  }
  return new Date(Math.floor(b / minuteMs) * minuteMs)
}

function format(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone)
  if (known) return known
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  })
  formats.set(zone, made)
  return made
}
