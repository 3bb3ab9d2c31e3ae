/** A scenario's sequence, for a person and for a program: what is known now, and each procedure with its command. */
import { formatDuration } from '../../domain/durations.ts'
import type { Scenario, ScenarioAbout, ScenarioStep } from '../../domain/scenario/scenario.ts'
import { scenarios } from '../../domain/scenario/scenarios.ts'
import { workflowIdOf } from '../runs.ts'
import type { Output } from './output.ts'
import { formInput, startFormLink } from './restore-view.ts'
import type { ScenarioFacts } from './scenario-facts.ts'

/** What starts the same procedure in the Temporal UI. */
export interface TemporalStart {
  readonly workflowId: string
  readonly taskQueue: 'muster'
  readonly type: string
  /** Says where it works, where that is not the default site. */
  readonly input: ScenarioStep['input']
  readonly link: string
}

export interface ShownSequence {
  readonly scenario: string
  readonly when: string
  readonly system: string
  readonly facts: ScenarioFacts
  readonly steps: readonly (Pick<ScenarioStep, 'id' | 'what' | 'why' | 'command' | 'look' | 'callOff' | 'notBefore'> & { readonly temporal: TemporalStart })[]
  readonly startAll: string
}

/** @param left the steps that are still to be done */
export function sequenceOf(
  scenario: Scenario,
  about: ScenarioAbout,
  left: readonly ScenarioStep[],
  facts: ScenarioFacts,
  at: { readonly uiUrl: string; readonly startAll: string },
): ShownSequence {
  let site = about.site
  const steps = left.map((step, index) => {
    const goesTo = step.worksAt === 'other' ? (site === about.site ? (about.otherSite ?? site) : about.site) : site
    site = goesTo
    const { id, what, why, command, look, callOff, notBefore } = step
    const shown = { id, what, why, command, look, callOff, ...(notBefore !== undefined && index > 0 && { notBefore }) }
    return { ...shown, temporal: temporalStart(about.system, step, goesTo, at.uiUrl) }
  })
  return { scenario: scenario.name, when: scenario.when, system: about.system, facts, steps, startAll: at.startAll }
}

function temporalStart(system: string, step: ScenarioStep, site: string, uiUrl: string): TemporalStart {
  const workflowId = workflowIdOf({ type: step.procedure, system, input: step.input, id: step.idFrom })
  return {
    workflowId,
    taskQueue: 'muster',
    type: step.procedure,
    input: formInput(step.input, site),
    link: startFormLink(uiUrl, workflowId, step.procedure),
  }
}

export function showScenarios(out: Output): void {
  out.line('scenarios: what happened, and the procedures that bring a system through it')
  for (const { name, when } of scenarios) out.line(`  ${name.padEnd(24)} ${when}`)
  out.line('  → muster scenario NAME SYSTEM --plan')
}

export function showSequence(out: Output, { scenario, when, system, facts, steps, startAll }: ShownSequence): void {
  out.line(`  ${scenario} of ${system}: ${when}`)
  showFacts(out, facts)
  out.line()
  for (const [index, step] of steps.entries()) {
    if (step.notBefore !== undefined) out.line(`    ── the sequence ends here, and goes on when ${step.notBefore} ──`)
    out.line(`    ${index + 1}  ${step.id}: ${step.what}`)
    out.line(`         why          ${step.why}`)
    out.line(`         command      ${step.command}`)
    out.line(`         Temporal UI  ${step.temporal.link}`)
    out.line(`         and paste    ${JSON.stringify(step.temporal.input)}`)
    for (const look of step.look) out.line(`         look at      ${look}`)
    out.line(`         call off     ${step.callOff}`)
  }
  out.line()
  out.line(`  all of it:   ${startAll}`)
  out.line('  each procedure still makes its own plan, waits for its own approval and leaves its own evidence')
}

function showFacts(out: Output, { activeSite, otherSite, components, storesOut, loss, lossSeconds }: ScenarioFacts): void {
  out.line(`    active at ${activeSite}${otherSite === null ? '' : `; its other site is ${otherSite}`}`)
  for (const { component, window, newestBackup } of components) {
    const backup =
      newestBackup === null ? 'no backup' : `newest good backup ${newestBackup.backup}, ended ${newestBackup.endedAt}, in ${newestBackup.stores.join(', ')}`
    out.line(`    ${component.padEnd(12)} ${window === null ? '' : `reachable ${window.fromAt} → ${window.untilAt}; `}${backup}`)
  }
  for (const { store, problem } of storesOut) out.line(`    store ${store} does not answer: ${problem}`)
  out.line(`    lost         ${loss}${lossSeconds === null ? '' : ` (at most ${formatDuration(lossSeconds)})`}`)
}
