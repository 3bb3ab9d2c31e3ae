/** A procedure of one step, for tests of activities on a real Temporal server. */
import { onSite } from '../../workflows/activity-options.ts'
import { failureOf } from '../../workflows/failure-of.ts'
import type { TimeLimits } from '../../domain/time-limits.ts'

export interface OneStep {
  readonly activity: string
  readonly input: unknown
  readonly limits: TimeLimits
}

/** Calls one activity of the site `primary` with the options that procedures use, and tells failures as they do. */
export async function oneStep({ activity, input, limits }: OneStep): Promise<unknown> {
  const activities = onSite('primary', 'control', limits) as unknown as Record<string, (input: unknown) => Promise<unknown>>
  try {
    return { result: await activities[activity]?.(input) }
  } catch (error) {
    return { failed: failureOf(error) }
  }
}
