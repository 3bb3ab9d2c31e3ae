/** The systems of a lost site in two tables: what would be done, and what came of it. */
import { formatDuration } from '../../domain/durations.ts'
import { isMissed, type LeftOut } from '../../domain/site-failover.ts'
import type { FailoverSiteResult, SystemMoved, SystemPlanned } from '../../workflows/messages.ts'
import { siteFailoverId } from '../../workflows/messages.ts'
import type { Output } from './output.ts'
import { startFormLink } from './restore-view.ts'
import { shortTime } from './times.ts'

const headOfPlan = ['', 'system', 'priority', 'from → to', 'recovery point', 'loss', 'takes', 'back after', 'approvals', 'plan'] as const
const headOfMoved = ['system', 'priority', 'outcome', 'back after', 'objective', 'loss', 'evidence'] as const

export function showSitePlan(
  out: Output,
  { site, planned, leftOut, perHost }: FailoverSiteResult,
  about: { readonly input: Readonly<Record<string, unknown>>; readonly uiUrl: string; readonly final: boolean },
): void {
  const now = new Date()
  const lines = tableLines([headOfPlan, ...planned.map((one, index) => planCells(one, index + 1, now))])
  out.line(`  site ${site} is lost: ${planned.length} systems fail over, ${perHost} at a time on a host`)
  out.line(`  ${lines[0]}`)
  for (const [index, one] of planned.entries()) {
    out.line(`  ${lines[index + 1]}`)
    if (one.problem) out.line(`       ✗ ${one.problem.message}`)
    for (const missing of one.missing) out.line(`       ! ${missing}`)
  }
  showLeftOut(out, leftOut)
  const last = Math.max(0, ...planned.map(({ endsAfterSeconds }) => endsAfterSeconds ?? 0))
  out.line()
  out.line(`  all are back after about ${formatDuration(last)}, if nobody has to be waited for`)
  if (!about.final) return
  out.line(`  each plan whole:  muster failover SYSTEM --plan`)
  out.line(`  Temporal UI:      ${startFormLink(about.uiUrl, siteFailoverId(site), 'failoverSite')}`)
  out.line(`  and paste:        ${JSON.stringify(about.input)}`)
}

function planCells(one: SystemPlanned, order: number, now: Date): readonly string[] {
  const { system, priority, from, to, recoveryPointAt, loss, durationSeconds, endsAfterSeconds, approvals, plan } = one
  return [
    String(order),
    system,
    priority,
    `${from} → ${to}`,
    recoveryPointAt === null ? '–' : shortTime(recoveryPointAt, now),
    loss === null ? '–' : loss.seconds === null ? loss.text : `at most ${formatDuration(loss.seconds)}`,
    durationSeconds === null ? '–' : formatDuration(durationSeconds),
    endsAfterSeconds === null ? '–' : formatDuration(endsAfterSeconds),
    approvals === null ? '–' : approvals.count === 0 ? 'none' : `${approvals.count} ${approvals.accept}`,
    plan === null ? 'cannot be planned' : plan.slice(0, 12),
  ]
}

export function showMovedSystems(out: Output, systems: readonly SystemMoved[], leftOut: readonly LeftOut[]): void {
  const lines = tableLines([headOfMoved, ...systems.map(movedCells)])
  out.line(`  ${lines[0]}`)
  for (const [index, { problem }] of systems.entries()) {
    out.line(`  ${lines[index + 1]}`)
    if (problem) out.line(`       ✗ ${problem.message}`)
  }
  showLeftOut(out, leftOut)
}

function movedCells({ system, priority, outcome, rtoSeconds, objectives, lossSeconds, record }: SystemMoved): readonly string[] {
  const most = objectives.rtoSeconds
  const kept = most === null ? 'none set' : rtoSeconds === null ? formatDuration(most) : `${formatDuration(most)} ${rtoSeconds <= most ? '✓' : '✗'}`
  return [
    system,
    priority,
    outcome,
    rtoSeconds === null ? '–' : formatDuration(rtoSeconds),
    kept,
    lossSeconds === null ? '–' : formatDuration(lossSeconds),
    record?.key ?? 'none',
  ]
}

function showLeftOut(out: Output, leftOut: readonly LeftOut[]): void {
  for (const one of leftOut) out.line(`  ${isMissed(one) ? '✗' : ' '} ${one.system}: left out, ${one.why}: ${one.detail}`)
}

/** Columns as wide as what stands in them. */
function tableLines(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
