/** What a plan would change in trees, and what the rules of trees did. */
import { formatSize } from '../../domain/durations.ts'
import type { RestoreResult } from '../../workflows/messages.ts'
import { differenceText, type ShownDifference } from '../../domain/shown-difference.ts'
import type { Output } from './output.ts'

export function showTrees(out: Output, trees: RestoreResult['trees']): void {
  for (const [component, { carried, carriedBytes, leftOut, substituted, deviations }] of Object.entries(trees ?? {})) {
    const [files, replaced] = [substituted.reduce((sum, one) => sum + one.files, 0), substituted.reduce((sum, one) => sum + one.replaced, 0)]
    const texts = substituted.length === 0 ? '' : `; text replaced ${replaced} times in ${files} files`
    out.line(`    ${component}: ${carried} names stay as they were there (${formatSize(carriedBytes)}), ${leftOut} of the backup are not brought${texts}`)
    for (const deviation of deviations) out.line(`    deviation  ${deviation}`)
  }
}

/** The counts; the names are encrypted, and read by `showTreeFiles`. */
export function showDifference(out: Output, difference: ShownDifference): void {
  out.line(`  files         ${differenceText(difference)}`)
  if (difference.keptBytes > 0) out.line(`${' '.repeat(16)}${formatSize(difference.keptBytes)} stay, and are carried into the restored tree`)
}
