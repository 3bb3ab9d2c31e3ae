/** When a schedule runs next, to be shown to people; Temporal itself decides when it does. */
import type { ScheduleSpec } from './schedule-spec.ts'
import { fromLocal, localTime } from './zones.ts'

const dayMs = 86_400_000

/**
 * The next runs strictly after a moment, oldest first, at most `count`; fewer where the schedule
 * ends. Null for cron, whose next runs only Temporal tells.
 */
export function nextRuns(spec: ScheduleSpec, zone: string, after: Date, count: number): readonly Date[] | null {
  switch (spec.kind) {
    case 'cron':
      return null
    case 'at': {
      const at = new Date(spec.at)
      return at > after && count > 0 ? [at] : []
    }
    case 'interval': {
      const stepMs = spec.everySeconds * 1000
      const first = (Math.floor(after.getTime() / stepMs) + 1) * stepMs
      return Array.from({ length: count }, (_, index) => new Date(first + index * stepMs))
    }
    default:
      return nextLocalRuns(spec, zone, after, count)
  }
}

type LocalSpec = Extract<ScheduleSpec, { readonly hour: number }>

function nextLocalRuns(spec: LocalSpec, zone: string, after: Date, count: number): readonly Date[] {
  const today = localTime(zone, after)
  const runs: Date[] = []
  // A month has at most 31 days, so a run is found at least every 31 steps.
  for (let ahead = 0; runs.length < count && ahead <= 31 * (count + 1); ahead += 1) {
    const date = new Date(Date.UTC(today.year, today.month - 1, today.day) + ahead * dayMs)
    if (spec.kind === 'weekly' && date.getUTCDay() !== spec.weekday) continue
    if (spec.kind === 'monthly' && date.getUTCDate() !== spec.day) continue
    const at = fromLocal(zone, {
      year: date.getUTCFullYear(),
      month: date.getUTCMonth() + 1,
      day: date.getUTCDate(),
      hour: spec.hour,
      minute: spec.minute,
    })
    if (at && at > after) runs.push(at)
  }
  return runs
}
