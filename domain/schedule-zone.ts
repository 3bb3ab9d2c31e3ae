/** Refuses schedules whose local time a transition of their zone skips or doubles. */
import { parseCron } from './cron.ts'
import { MusterError } from './failures.ts'
import type { ScheduleSpec } from './schedule-spec.ts'
import type { LocalTime, Transition } from './zones.ts'
import { checkZoneName, fieldsOf, transitions } from './zones.ts'

const minuteMs = 60_000
const lookAheadMs = 2 * 366 * 86_400_000

/**
 * Looks two years ahead of `from`. UTC has no transitions and always passes.
 * @throws MusterError InvalidInput naming the zone, or the date of the transition and what to write instead
 */
export function checkScheduleZone(spec: ScheduleSpec, zone: string, from: Date): void {
  if (zone === 'UTC') return
  checkZoneName(zone)
  if (spec.kind === 'interval' || spec.kind === 'at') {
    throw new MusterError('InvalidInput', `a zone has no effect on ${spec.kind === 'at' ? 'a moment in UTC' : 'an interval'}; leave the zone out`)
  }
  const changes = transitions(zone, from, new Date(from.getTime() + lookAheadMs))
  const hit = firstHit(spec, changes)
  if (hit) throw new MusterError('InvalidInput', `${explain(hit, zone)}; ${suggest(spec, changes)}`)
}

/** Does the schedule run at this local time? */
function matches(spec: ScheduleSpec): (local: LocalTime) => boolean {
  if (spec.kind === 'cron') {
    const cron = parseCron(spec.expression)
    return (local) =>
      cron.minutes.has(local.minute) &&
      cron.hours.has(local.hour) &&
      cron.days.has(local.day) &&
      cron.months.has(local.month) &&
      cron.weekdays.has(local.weekday)
  }
  if (spec.kind === 'interval' || spec.kind === 'at') return () => false
  return (local) =>
    local.hour === spec.hour &&
    local.minute === spec.minute &&
    (spec.kind !== 'weekly' || local.weekday === spec.weekday) &&
    (spec.kind !== 'monthly' || local.day === spec.day)
}

function firstHit(spec: ScheduleSpec, changes: readonly Transition[]): Transition | undefined {
  const runsAt = matches(spec)
  return changes.find((change) => {
    const { startMs, endMs } = disturbed(change)
    for (let at = startMs; at < endMs; at += minuteMs) if (runsAt(fieldsOf(new Date(at)))) return true
    return false
  })
}

/** The local times that a transition skips (clock forward) or doubles (clock back). */
function disturbed(change: Transition): { startMs: number; endMs: number } {
  const before = change.at.getTime() + change.offsetBeforeMinutes * minuteMs
  const after = change.at.getTime() + change.offsetAfterMinutes * minuteMs
  return { startMs: Math.min(before, after), endMs: Math.max(before, after) }
}

function explain(change: Transition, zone: string): string {
  const { startMs, endMs } = disturbed(change)
  const skips = change.offsetAfterMinutes > change.offsetBeforeMinutes
  const [start, end] = [new Date(startMs).toISOString(), new Date(endMs).toISOString()]
  return `on ${start.slice(0, 10)} ${zone} ${skips ? 'skips' : 'doubles'} ${start.slice(11, 16)} to ${end.slice(11, 16)}, and this schedule runs in it`
}

function suggest(spec: ScheduleSpec, changes: readonly Transition[]): string {
  if (spec.kind === 'daily' || spec.kind === 'weekly' || spec.kind === 'monthly') {
    for (let step = 1; step < 48; step += 1) {
      const minutes = (spec.hour * 60 + spec.minute + step * 30) % 1440
      const moved = { ...spec, hour: Math.floor(minutes / 60), minute: minutes % 60 }
      const time = `${String(moved.hour).padStart(2, '0')}:${String(moved.minute).padStart(2, '0')}`
      if (!firstHit(moved, changes)) return `write ${time} instead, or leave the zone out for UTC`
    }
  }
  return 'choose hours outside it, or leave the zone out for UTC'
}
