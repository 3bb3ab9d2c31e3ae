/** How a move ended, for a person. */
import type { MoveResult } from '../../workflows/messages.ts'
import { evidenceLine } from './evidence-line.ts'
import type { Output } from './output.ts'
import { showTrees } from './tree-view.ts'

export function showMoved(out: Output, result: MoveResult, seconds: number): void {
  for (const { name, seconds: taken } of result.steps) out.line(`    ${name.padEnd(18)}${taken.toFixed(1).padStart(8)} s`)
  for (const check of result.checks) out.line(`    check ${check.name}: ${check.detail}`)
  if (result.fence) out.line(`    fence by ${result.fence.by}: ${result.fence.detail}`)
  for (const seen of result.dns) out.line(`    DNS ${seen}`)
  for (const [component, { lastCommitAt }] of Object.entries(result.recovered)) out.line(`    ${component}: last commit ${lastCommitAt ?? 'unknown'}`)
  for (const { path, safetyPath } of result.safety) out.line(`    what was at ${path} is kept in ${safetyPath}`)
  showTrees(out, result.trees)
  if (result.backup) out.line(`    full backup: ${result.backup}`)
  const evidence = evidenceLine(result.record)
  if (evidence) out.line(`  ${evidence}`)
  out.line(`${result.outcome} in ${seconds.toFixed(1)} s`)
}
