/** A drill for a person: what would be rehearsed, and what came of one. */
import { describeTarget } from '../../domain/decision.ts'
import { durationText } from '../../domain/forecast.ts'
import type { DrillResult } from '../../workflows/messages.ts'
import { evidenceLine } from './evidence-line.ts'
import { expectedLine } from './expected-line.ts'
import type { Output } from './output.ts'

export function showDrillPlan(out: Output, { plan, system }: DrillResult): void {
  if (!plan) return
  const { decision, forecast, kind, why } = plan
  out.line(`  drill of ${system}, ${kind}, to ${describeTarget(decision.target)}: ${why}`)
  for (const { component, host, backup, fromStore } of decision.components)
    out.line(`    ${component.padEnd(12)} backup ${backup} from ${fromStore}, on ${host}`)
  out.line(`  ${durationText(forecast) || 'how long it takes is not known'}`)
  for (const { store, problem } of forecast.storesOut) out.line(`  store out     ${store}: ${problem}`)
}

export function showDrill(out: Output, { outcome, evidence, record }: DrillResult): void {
  for (const { component, backup, fromStore, at } of evidence.recovered) {
    out.line(`  ${component.padEnd(12)} ${backup} from ${fromStore}, to ${at ?? 'the end of the backup'}`)
  }
  for (const { name, ok, detail, atBackup } of evidence.checks) {
    out.line(`  ${ok ? '✓' : '✗'} ${name}: ${detail}${atBackup === null ? '' : ` (when backed up: ${atBackup})`}`)
  }
  for (const { name, seconds } of evidence.steps) out.line(`  ${name.padEnd(24)} ${seconds.toFixed(1)} s`)
  out.line(
    `drill ${outcome}: ${against('back in', evidence.measured.rtoSeconds, evidence.objectives.rtoSeconds)}, ${against('lost', evidence.measured.rpoSeconds, evidence.objectives.rpoSeconds)}`,
  )
  const took = expectedLine(evidence.expected)
  if (took) out.line(`  ${took}`)
  for (const deviation of evidence.deviations) out.line(`  deviation: ${deviation}`)
  const line = evidenceLine(record)
  if (line) out.line(line)
}

function against(what: string, seconds: number | null, objective: number | undefined): string {
  if (seconds === null) return `${what}: not measured`
  return `${what} ${seconds.toFixed(1)} s${objective === undefined ? ' (no objective set)' : ` (objective ${objective} s)`}`
}
