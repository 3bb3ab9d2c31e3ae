/** When a schedule should have run: the other direction of `nextRuns`, to tell what was missed. */
import { parseCron } from './cron.ts'
import { nextRuns } from './schedule-runs.ts'
import type { ScheduleSpec } from './schedule-spec.ts'
import { fromLocal, localTime } from './zones.ts'

const dayMs = 86_400_000
/** Two months and a day: the last run of every schedule that is not `at` lies within. */
const lookBackDays = 63

/** The runs at or before a moment, newest first, at most `count` and none older than two months. */
export function lastRuns(spec: ScheduleSpec, zone: string, before: Date, count: number): readonly Date[] {
  if (spec.kind === 'interval') {
    const stepMs = spec.everySeconds * 1000
    const last = Math.floor(before.getTime() / stepMs) * stepMs
    return Array.from({ length: count }, (_, index) => new Date(last - index * stepMs))
  }
  if (spec.kind === 'cron') return lastCronRuns(spec.expression, zone, before, count)
  const from = spec.kind === 'at' ? new Date(0) : new Date(before.getTime() - lookBackDays * dayMs)
  const found = nextRuns(spec, zone, from, lookBackDays + 1) ?? []
  return found
    .filter((at) => at <= before)
    .reverse()
    .slice(0, count)
}

function lastCronRuns(expression: string, zone: string, before: Date, count: number): readonly Date[] {
  const fields = parseCron(expression)
  const today = localTime(zone, before)
  const newestFirst = (values: ReadonlySet<number>) => [...values].sort((a, b) => b - a)
  const found: Date[] = []
  for (let back = 0; back <= lookBackDays && found.length < count; back += 1) {
    const date = new Date(Date.UTC(today.year, today.month - 1, today.day) - back * dayMs)
    const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
    if (!fields.months.has(month) || !fields.days.has(day) || !fields.weekdays.has(date.getUTCDay())) continue
    for (const hour of newestFirst(fields.hours)) {
      for (const minute of newestFirst(fields.minutes)) {
        const at = fromLocal(zone, { year, month, day, hour, minute })
        if (at && at <= before && found.length < count) found.push(at)
      }
    }
  }
  return found
}

export interface MissedRuns {
  readonly count: number
  /** The oldest that was missed. */
  readonly since: Date
}

/**
 * The runs that should have begun after a backup began and did not, as far as two months and 100 runs go back.
 * A run has a quarter of the interval, at least 5 min and at most 1 h, to be done.
 */
export function missedRuns(spec: ScheduleSpec, zone: string, lastStarted: Date, now: Date): MissedRuns | null {
  const runs = lastRuns(spec, zone, now, 100)
  const missed = runs.filter((at, index) => {
    const before = runs[index + 1]
    const intervalMs = before ? at.getTime() - before.getTime() : dayMs
    const graceMs = Math.min(3_600_000, Math.max(300_000, intervalMs / 4))
    return at > lastStarted && at.getTime() + graceMs <= now.getTime()
  })
  const since = missed.at(-1)
  return since ? { count: missed.length, since } : null
}
