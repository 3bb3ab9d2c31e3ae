/** Texts about many trees in one result: they share what a payload has room for, and what was cut is counted. */
import { firstLines } from './shown-difference.ts'

/** Of 64 KiB, for all trees together. */
const linesBudgetBytes = 24 * 1024
const problemsBudgetBytes = 12 * 1024

/** Lines of one of so many trees; the last says how many are missing. */
export function boundLines(lines: readonly string[], trees: number): readonly string[] {
  const { lines: kept, omitted } = firstLines(lines, Math.floor(linesBudgetBytes / Math.max(1, trees)))
  return omitted === 0 ? lines : [...kept, `and ${omitted} more`]
}

/** One problem of one of so many trees; it ends with how much is missing. */
export function boundText(text: string, trees: number): string {
  // A character takes three bytes at most, or two of them four.
  const most = Math.max(60, Math.floor(problemsBudgetBytes / 3 / Math.max(1, trees)))
  return text.length > most ? `${text.slice(0, most)}… (${text.length - most} more characters)` : text
}
