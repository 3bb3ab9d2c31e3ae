import { formatDuration } from '../../domain/durations.ts'
import type { Evidence } from '../../domain/evidence.ts'

/** What the plan said beside what it was; empty where either is not known. */
export function expectedLine(expected: Evidence['expected']): string {
  if (!expected || expected.seconds === null || expected.measuredSeconds === null) return ''
  return `worked for ${formatDuration(expected.measuredSeconds)}, expected ${formatDuration(expected.seconds)} (${expected.basis})`
}
