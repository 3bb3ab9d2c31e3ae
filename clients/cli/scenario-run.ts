/** Carries a sequence out: one procedure after the other, each to its end, and stops at the first that does not succeed. */
import { MusterError } from '../../domain/failures.ts'
import type { Moment, Scenario, ScenarioAbout, ScenarioStep } from '../../domain/scenario/scenario.ts'
import type { Asking } from './ask.ts'
import type { Desk } from './desk.ts'
import { explain } from './output.ts'
import { copyOf, drillOf } from './scenario-candidates.ts'
import { aboutSystem, factsFor } from './scenario-facts.ts'
import { findMoment, type Found } from './scenario-find.ts'
import { insistOnYes, type StepDone } from './scenario-done.ts'
import { carryOut } from './scenario-step.ts'

export interface Sequence {
  readonly scenario: Scenario
  /** Renewed before each step: a move changes where the system is, a search what it goes back to. */
  readonly about: ScenarioAbout
  readonly from: string | null
  readonly withinSeconds: number
  /** The command that goes on with a step. */
  goOn(about: ScenarioAbout, step: string): string
}

export interface SequenceDone {
  readonly scenario: string
  readonly system: string
  readonly steps: readonly (StepDone | FoundStep)[]
  /** What goes on with the rest, where the sequence ends before it. */
  readonly next: { readonly step: string; readonly notBefore: string; readonly command: string } | null
}

type FoundStep = Pick<StepDone, 'id'> & Found

/** @throws MusterError of the step that did not succeed, with the command that goes on */
export async function runSequence(desk: Desk, asking: Asking, sequence: Sequence): Promise<SequenceDone> {
  const { scenario } = sequence
  const { system } = sequence.about
  let { about } = sequence
  const first = firstStep(scenario, about, sequence.from)
  const done: (StepDone | FoundStep)[] = []
  for (let index = first; ; index += 1) {
    about = { ...about, ...(await aboutSystem(desk, system)) }
    const steps = scenario.steps(about)
    const step = steps[index]
    if (!step) return { scenario: scenario.name, system, steps: done, next: null }
    const command = sequence.goOn(about, step.id)
    if (step.notBefore !== undefined && index > first)
      return { scenario: scenario.name, system, steps: done, next: { step: step.id, notBefore: step.notBefore, command } }
    desk.out.line(`  step ${index + 1} of ${steps.length}, ${step.id}: ${step.what}`)
    const one = await withWayOn<StepDone | FoundStep>(step, command, () =>
      step.search ? find(desk, asking, sequence, about, step) : carryOut(desk, asking, step, system),
    )
    if ('moment' in one) about = { ...about, moment: one.moment }
    done.push(one)
  }
}

/** Index of the step that `--from` names. @throws MusterError UnknownName | InvalidInput */
export function firstStep(scenario: Scenario, about: ScenarioAbout, from: string | null): number {
  const steps = scenario.steps(about)
  if (from === null) return 0
  const index = steps.findIndex(({ id }) => id === from)
  if (index < 0) {
    throw new MusterError('UnknownName', `scenario "${scenario.name}" has no step "${from}"; it has: ${steps.map(({ id }) => id).join(', ')}`)
  }
  const search = steps.slice(0, index).find((step) => step.search !== undefined)
  if (search && about.moment === null) {
    throw new MusterError('InvalidInput', `which moment did "${search.id}" find? Without it "${from}" does not know where to go`, {
      hint: 'give it: --to TIME, or --to newest',
    })
  }
  return index
}

async function find(desk: Desk, asking: Asking, { scenario, withinSeconds }: Sequence, about: ScenarioAbout, step: ScenarioStep): Promise<FoundStep> {
  const [component = ''] = (step.input['components'] as readonly string[] | undefined) ?? []
  const { components } = await factsFor(desk, scenario, about, [step])
  const window = components.find((one) => one.component === component)?.window
  if (!window)
    throw new MusterError('BackupNotFound', `nothing of ${about.system}/${component} can be reached in a store`, { hint: `muster list ${about.system}` })
  await insistOnYes(asking, 'start the search?', step)
  const probe = (moment: Moment) => (step.search === 'copies' ? copyOf(desk, about, step, moment) : drillOf(desk, about, step, moment))
  const candidates = { step, windowFrom: window.fromAt, windowUntil: window.untilAt, at: about.at, withinSeconds, probe }
  return { id: step.id, ...(await findMoment(desk.out, asking, candidates)) }
}

async function withWayOn<T>({ id }: ScenarioStep, command: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    const { type, message, hint } = explain(error)
    throw new MusterError(type, `stopped at "${id}": ${message}`, { cause: error, hint: `${hint}\n  → then go on: ${command}` })
  }
}
