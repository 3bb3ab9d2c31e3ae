/** The plan of a restore as a person reads it at three in the morning, and what came of it. */
import { formatDuration, formatSize } from '../../domain/durations.ts'
import { describeTarget } from '../../domain/decision.ts'
import type { RestorePlan, RestoreResult } from '../../workflows/messages.ts'
import type { Output } from './output.ts'

const stepTexts: Readonly<Record<string, string>> = {
  'restore-aside': 'restore aside, in quarantine; the service keeps running',
  'check-aside': 'check, read-only',
  stop: 'stop services and databases; users are out from here',
  'save-tail': 'save the tail: WAL that is not stored yet',
  'replay-tail': 'replay the tail',
  promote: 'promote, in quarantine',
  swap: 'swap; what is there is kept as the safety set',
  'start-closed': 'start closed: private socket only',
  check: 'check again, in place',
  'protect-again': 'protect again: first bytes in the required stores',
  open: 'open, start services        ── no automatic way back after this line ──',
  health: 'health',
  commit: 'commit: the safety set is recorded',
  'full-backup': 'a full backup follows',
  place: 'place the copy in its directory',
}

export function showPlan(
  out: Output,
  plan: RestorePlan,
  about: { readonly type: string; readonly input: Readonly<Record<string, unknown>>; readonly uiUrl: string; readonly final: boolean },
): void {
  const { decision, forecast } = plan
  out.line(`  ${decision.system} ${decision.mode === 'in-place' ? 'in place' : decision.mode}, to ${describeTarget(decision.target)}`)
  for (const point of forecast.recoveryPoint) {
    const skew = point.skewSeconds === null ? '' : `  (skew ${formatDuration(Math.abs(point.skewSeconds))})`
    out.line(`    ${point.component.padEnd(12)} ${point.at ?? ''}${skew}  ${point.why}`)
  }
  if (forecast.newestReachableAt) out.line(`    newest reachable: ${forecast.newestReachableAt}`)
  out.line()
  const about_ = forecast.durationSeconds === null ? '' : `about ${formatDuration(forecast.durationSeconds)}, ${forecast.durationBasis}`
  out.line(`  What will be done${about_ ? `   ${about_}` : ''}`)
  for (const [index, step] of decision.steps.entries()) out.line(`    ${String(index + 1).padStart(2)}  ${stepTexts[step] ?? step}`)
  out.line()
  for (const one of decision.components) {
    const method =
      one.type === 'postgresql' ? `${one.directory} (${one.setAside})` : one.members.map((member) => `${member.into} (${member.setAside})`).join(', ')
    out.line(`  ${one.component.padEnd(14)}backup ${one.backup} from ${one.fromStore}; set aside: ${method}`)
  }
  for (const { path, neededBytes, freeBytes } of forecast.space)
    out.line(`  space         ${formatSize(neededBytes)} at ${path}, ${formatSize(freeBytes)} free`)
  out.line(`  loss now      ${forecast.loss.now}`)
  out.line(`  after tail    ${forecast.loss.afterTail}`)
  for (const { source, found, detail } of forecast.tailSources) out.line(`  tail          ${source}: ${found ? 'found' : 'not found'}, ${detail}`)
  for (const warning of forecast.warnings) out.line(`  warning       ${warning}`)
  out.line()
  out.line(`  plan ${plan.decisionHash}   expires ${decision.expiresAt}`)
  if (about.final) {
    out.line(
      `  run it:           muster restore … --yes ${plan.decisionHash.slice(0, 12)}@${decision.expiresAt}   or without --yes, and: muster approve ${plan.decisionHash.slice(0, 12)}`,
    )
    const id = decision.mode === 'elsewhere' ? `aside/${decision.system}/…` : `target/${decision.system}`
    out.line(
      `  Temporal UI:      ${about.uiUrl}/namespaces/default/workflows/start-workflow?workflowId=${encodeURIComponent(id)}&taskQueue=muster&workflowType=${about.type}`,
    )
    out.line(`  and paste:        ${JSON.stringify(about.input)}`)
  }
}

export function showRestored(out: Output, result: RestoreResult, seconds: number): void {
  for (const { name, seconds: taken } of result.steps) out.line(`    ${name.padEnd(18)}${taken.toFixed(1).padStart(8)} s`)
  for (const check of result.checks) out.line(`    check ${check.name}: ${check.detail}`)
  for (const { path, safetyPath } of result.safety) out.line(`    old data of ${path} is kept in ${safetyPath}`)
  if (result.backup) out.line(`    full backup: ${result.backup}`)
  out.line(`${result.outcome} in ${seconds.toFixed(1)} s`)
}
