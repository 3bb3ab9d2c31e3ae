/** The table that the demo ends with. */
import { formatSize } from '../../domain/durations.ts'
import type { DemoReport } from './report.ts'
import { count, seconds, type Teller } from './tell.ts'

export function showFigures(report: DemoReport, tell: Teller, reportPath: string): void {
  const { disasters, objectives, copies, checks } = report
  const tick = (ok: boolean) => (ok ? '✓' : '✗')
  const row = (name: string, ...cells: readonly string[]) => tell.plain(`  ${name.padEnd(26)}${cells.map((cell) => cell.padStart(16)).join('')}`)
  tell.plain()
  row('', ...disasters.map((_, index) => `disaster ${index + 1}`))
  const names = [...new Set(disasters.flatMap(({ steps }) => steps.map(({ name }) => name)))]
  for (const name of names) row(name, ...disasters.map(({ steps }) => stepSeconds(steps, name)))
  row(`RTO (objective ${objectives.rtoSeconds} s)`, ...disasters.map(({ rtoSeconds }) => `${seconds(rtoSeconds)} ${tick(rtoSeconds <= objectives.rtoSeconds)}`))
  row(`RPO (objective ${objectives.rpoSeconds} s)`, '–', `${seconds(report.rpoSeconds)} ${tick(report.rpoSeconds <= objectives.rpoSeconds)}`)
  row('markers', ...disasters.map(({ markers }) => `${count(markers.found)} of ${count(markers.expected)}`))
  row('old data', ...disasters.map(({ safetySet }) => (safetySet.kept ? 'kept' : 'none was left')))
  tell.plain()
  for (const { store, objects, verified, sizeBytes, backups, problem } of copies) {
    tell.plain(
      `  ${store.padEnd(10)}${tick(verified === objects && problem === null)} ${count(verified)} of ${count(objects)} objects read back and equal, ${backups} backups, ${formatSize(sizeBytes)}${problem ? ` — ${problem}` : ''}`,
    )
  }
  tell.plain(`  notices   ${report.notifications.email} mails, ${report.notifications.slack} webhook calls, ${report.notifications.log} lines`)
  tell.plain(
    `  Temporal  ${report.workflows.length} runs, longest history ${report.historyEvents} events, largest payload ${formatSize(report.largestPayloadBytes)}; agent at most ${report.agentPeakMemoryMiB} MiB`,
  )
  tell.plain()
  for (const { name, detail } of checks.filter(({ ok }) => !ok)) tell.plain(`  ✗ ${name}: ${detail}`)
  tell.plain(`  ${checks.filter(({ ok }) => ok).length} of ${checks.length} checks hold · ${reportPath}`)
}

function stepSeconds(steps: DemoReport['disasters'][number]['steps'], name: string): string {
  const found = steps.filter((step) => step.name === name)
  return found.length === 0 ? '–' : `${found.reduce((sum, step) => sum + step.seconds, 0).toFixed(1)} s`
}
