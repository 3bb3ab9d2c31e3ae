/** What was decided and approved, for the sheet of a run: what its hash stands for. */
import type { ApprovalRule } from './approval.ts'
import type { BreachDecision } from './breach.ts'
import { besideTexts, type ComponentDecision, describeTarget, type RestoreDecision } from './decision.ts'
import { formatDuration } from './durations.ts'
import { facts, html, section, table } from './html.ts'

/** Whatever people approve. */
export type KeptDecision = RestoreDecision | BreachDecision

/** @param key of the object that has it whole */
export function decisionSection(decision: KeptDecision, key: string): string {
  const parts = decision.format === 'muster-breach-1' ? breachParts(decision) : restoreParts(decision)
  return section('What was decided', `${parts}<p><small>Whole in <code>${html(key)}</code> of each store; its SHA-256 is the plan.</small></p>`)
}

function restoreParts({ target, mode, components, services, steps, pointOfNoReturn, openWith, approvals, expiresAt, move, bounds }: RestoreDecision): string {
  const rows = components.map((one) => [
    html(one.component),
    html(one.host),
    `${html(one.backup)} from ${html(one.fromStore)}`,
    placeOf(one).map(html).join('<br>'),
  ])
  return [
    facts([
      ['to', `${describeTarget(target)}, ${mode}${move ? `, from ${move.from} to ${move.to}` : ''}`],
      ...lossRows(bounds, move?.acceptLoss ?? false),
      ['steps', steps.join(' → ')],
      ...(steps.includes(pointOfNoReturn) ? [['no way back after', pointOfNoReturn]] : []),
      ...(services.length > 0 ? [['services', services.map(({ name, host, state }) => `${name} on ${host} (${state})`).join(', ')]] : []),
      ...(openWith.length > 0 ? [['opened without', openWith.join(', ')]] : []),
      ['approval', approvalText(approvals, expiresAt)],
    ]),
    table(['component', 'on', 'backup', 'into'], rows),
  ].join('')
}

/** Decisions of before there was a bound have none. */
function lossRows({ maxLossSeconds }: Partial<RestoreDecision['bounds']>, accepted: boolean): [string, string][] {
  if (accepted) return [['may lose', 'more than the bound or the objective allows: accepted by who asked']]
  return typeof maxLossSeconds === 'number' ? [['may lose', `${formatDuration(maxLossSeconds)} of commits at most`]] : []
}

function placeOf(one: ComponentDecision): readonly string[] {
  const into = one.type === 'postgresql' ? [`${one.directory} (${one.setAside})`] : one.members.map(({ into: path, setAside }) => `${path} (${setAside})`)
  return [...into, ...besideTexts(one)]
}

function breachParts({ since, suspects, from, to, isolate, copied, scanners, candidates, rotate, approvals, expiresAt }: BreachDecision): string {
  return facts([
    ['to', `the newest point before ${since} that holds, from ${from} to ${to}`],
    ['suspected hosts', suspects.join(', ')],
    ['isolated by', isolate.join(', ') || 'stopping alone'],
    ['copied as found', copied.map(({ component, host }) => `${component} on ${host}`).join(', ') || 'nothing'],
    ['candidates', `${candidates}, scanned by ${scanners.join(', ') || 'nothing'}`],
    ['rotated', [...rotate.roles.map(({ component, role }) => `role ${role} of ${component}`), ...rotate.commands].join(', ') || 'nothing'],
    ['approval', approvalText(approvals, expiresAt)],
  ])
}

function approvalText({ count, accept }: ApprovalRule, expiresAt: string): string {
  return `${count}, ${accept}, until ${expiresAt}`
}
