/** What a check says now against what the same check said when the backup was made, which its manifest keeps. */
import type { CheckResult } from './repository-format.ts'

const longestName = 200

/** What a check is called wherever its result is kept: its SQL on one line. */
export function checkName(sql: string): string {
  return sql.replace(/\s+/g, ' ').trim().slice(0, longestName)
}

/**
 * Less than this share of what it was is not how data changes from one backup to the next: rows are lost, or the check looks at
 * something else. Numbers move, also between the backup and a later moment, so that it is a remark and no failure.
 */
export const leastShare = 0.5

export interface CheckThen extends CheckResult {
  /** It has a `max` and no `min`: the less, the better. */
  readonly onlyMost?: true
}

/** For a person; null where the number held, or where there are not two to compare. */
export function shrunkText(now: CheckResult, then: CheckThen | undefined): string | null {
  if (!then?.ok || then.onlyMost || typeof then.value !== 'number' || typeof now.value !== 'number') return null
  if (then.value <= 0 || now.value >= then.value * leastShare) return null
  return `${now.name}: ${now.value}, which is less than half of the ${then.value} when it was backed up`
}
