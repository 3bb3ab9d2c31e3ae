/** The table that the scenario ends with. */
import { seconds, type Teller } from '../demo/tell.ts'
import type { RunReport, ScenarioReport } from './report.ts'

export function showFigures({ runs }: ScenarioReport, tell: Teller, reportPath: string): void {
  for (const run of runs) showRun(run, tell)
  const checks = runs.flatMap((run) => run.checks)
  tell.plain()
  tell.plain(`  ${checks.filter(({ ok }) => ok).length} of ${checks.length} checks hold · ${reportPath}`)
}

function showRun(run: RunReport, tell: Teller): void {
  const { bare } = run
  tell.plain()
  tell.plain(`  Primary ${run.primary}, mode ${run.mode}, Temporal at ${run.temporalAt}`)
  tell.plain(
    `    approval to DNS ${seconds(run.approvalToDnsSeconds)} (asked to DNS ${seconds(run.askedToDnsSeconds)}), to the first commit ${seconds(run.approvalToServiceSeconds)}; by hand ${seconds(bare.totalSeconds)} (copy ${seconds(bare.copySeconds)}, commands ${seconds(bare.commandsSeconds)}); failback ${seconds(run.failback.seconds)}`,
  )
  tell.plain(`    the name server of the old site followed ${seconds(run.staleNameServerSeconds)} after it was reached again`)
  for (const { name, target, measured, ok } of run.checks) tell.plain(`    ${ok ? '✓' : '✗'} ${name.padEnd(58)} ${target.padStart(18)}   ${measured}`)
}
