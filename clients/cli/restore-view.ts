/** The plan of a restore as a person reads it at three in the morning, and what came of it. */
import { formatDuration, formatSize } from '../../domain/durations.ts'
import { describeRecordSet, describeValues } from '../../domain/dns.ts'
import { besideTexts, describeTarget } from '../../domain/decision.ts'
import { durationText, lossText } from '../../domain/forecast.ts'
import { defaultSite, type RestorePlan, type RestoreResult } from '../../workflows/messages.ts'
import { evidenceLine } from './evidence-line.ts'
import type { Output } from './output.ts'
import { showDifference, showTrees } from './tree-view.ts'

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
  fence: 'fence the old side: its agents stop it, else the fence command, else people say so in writing',
  'final-trees': 'back the trees up once nobody changes them, and restore that backup at the other site',
  gate: 'gate: approval, fence, tail and checks are all there',
  dns: 'DNS: each record is replaced if it still is as planned, and seen at every server that counts',
  'take-over': 'take over: the old lives are fenced, this site is the active one',
}

function wordsOf({ mode, procedure, move }: RestorePlan['decision']): string {
  if (move) return `${procedure} from ${move.from} to ${move.to}`
  return mode === 'in-place' ? 'in place' : mode
}

export function showPlan(
  out: Output,
  plan: RestorePlan,
  about: {
    readonly type: string
    readonly input: Readonly<Record<string, unknown>>
    /** Where the run works. */
    readonly site: string
    readonly uiUrl: string
    readonly final: boolean
  },
): void {
  const { decision, forecast } = plan
  out.line(`  ${decision.system} ${wordsOf(decision)}, to ${describeTarget(decision.target)}`)
  for (const point of forecast.recoveryPoint) {
    const skew = point.skewSeconds === null ? '' : `  (skew ${formatDuration(Math.abs(point.skewSeconds))})`
    out.line(`    ${point.component.padEnd(12)} ${point.at ?? ''}${skew}  ${point.why}`)
  }
  if (forecast.newestReachableAt) out.line(`    newest reachable: ${forecast.newestReachableAt}`)
  out.line()
  const duration = durationText(forecast)
  out.line(`  What will be done${duration && `   ${duration}`}`)
  for (const [index, step] of decision.steps.entries()) out.line(`    ${String(index + 1).padStart(2)}  ${stepTexts[step] ?? step}`)
  out.line()
  for (const one of decision.components) {
    const method =
      one.type === 'postgresql' ? `${one.directory} (${one.setAside})` : one.members.map((member) => `${member.into} (${member.setAside})`).join(', ')
    out.line(`  ${one.component.padEnd(14)}backup ${one.backup} from ${one.fromStore}; set aside: ${method}`)
    for (const text of besideTexts(one)) out.line(`${' '.repeat(16)}${text}`)
  }
  for (const difference of plan.differences ?? []) showDifference(out, difference)
  for (const { expected, wanted } of decision.move?.dns ?? [])
    out.line(`  DNS           ${describeRecordSet(expected)} becomes ${describeValues(wanted.values)}`)
  for (const { path, neededBytes, freeBytes } of forecast.space)
    out.line(`  space         ${formatSize(neededBytes)} at ${path}, ${formatSize(freeBytes)} free`)
  out.line(`  loss now      ${lossText(forecast.loss.now, forecast.loss.nowSeconds)}`)
  out.line(`  after tail    ${lossText(forecast.loss.afterTail, forecast.loss.afterTailSeconds)}`)
  if (decision.move?.acceptLoss) out.line('  accepted      more may be lost than maxLoss or the objective allows: --accept-loss')
  for (const { source, found, detail } of forecast.tailSources) out.line(`  tail          ${source}: ${found ? 'found' : 'not found'}, ${detail}`)
  for (const { store, problem } of forecast.storesOut) out.line(`  store out     ${store}: ${problem}`)
  for (const warning of forecast.warnings) out.line(`  warning       ${warning}`)
  if (forecast.omitted > 0) out.line(`  and           ${forecast.omitted} more lines, in the stored forecast`)
  out.line(`  forecast      ${forecast.key}, in ${forecast.stores.join(', ') || 'no store'}`)
  out.line()
  out.line(`  plan ${plan.decisionHash}   expires ${decision.expiresAt}`)
  if (about.final) {
    out.line(
      `  run it:           muster ${verbOf(decision)} ${decision.system} … --yes ${plan.decisionHash.slice(0, 12)}@${decision.expiresAt}   or without --yes: it shows its plan and waits for: muster approve`,
    )
    const id = decision.mode === 'elsewhere' ? `aside/${decision.system}/…` : `target/${decision.system}`
    out.line(`  Temporal UI:      ${startFormLink(about.uiUrl, id, about.type)}`)
    out.line(`  and paste:        ${JSON.stringify(formInput(about.input, about.site))}`)
  }
}

function verbOf({ move, procedure }: RestorePlan['decision']): string {
  return move ? procedure : 'restore'
}

/** What to paste into the form: it has no memo that would say where the run works. */
export function formInput(input: Readonly<Record<string, unknown>>, site: string): Readonly<Record<string, unknown>> {
  return site === defaultSite ? input : { ...input, at: site }
}

/** The start form of the Temporal UI, filled in but for the input. */
export function startFormLink(uiUrl: string, workflowId: string, type: string): string {
  return `${uiUrl}/namespaces/default/workflows/start-workflow?workflowId=${encodeURIComponent(workflowId)}&taskQueue=muster&workflowType=${type}`
}

export function showRestored(out: Output, result: RestoreResult, seconds: number): void {
  for (const { name, seconds: taken } of result.steps) out.line(`    ${name.padEnd(18)}${taken.toFixed(1).padStart(8)} s`)
  for (const check of result.checks) out.line(`    check ${check.name}: ${check.detail}`)
  for (const { path, safetyPath } of result.safety) out.line(`    old data of ${path} is kept in ${safetyPath}`)
  showTrees(out, result.trees)
  if (result.backup) out.line(`    full backup: ${result.backup}`)
  const evidence = evidenceLine(result.record)
  if (evidence) out.line(`  ${evidence}`)
  out.line(`${result.outcome} in ${seconds.toFixed(1)} s`)
}
