/** `muster scenario`: documented sequences of procedures, shown with the facts of now, or carried out one after the other. */
import type { Command } from 'commander'
import { parseDuration } from '../../domain/durations.ts'
import { MusterError } from '../../domain/failures.ts'
import { momentToBeFound, type Moment, type Scenario, type ScenarioAbout, type ScenarioStep } from '../../domain/scenario/scenario.ts'
import { scenarioNamed, scenarios } from '../../domain/scenario/scenarios.ts'
import { quoted } from '../../domain/scenario/words.ts'
import { toMicros } from '../../domain/times.ts'
import { askAtTerminal, sayYes } from './ask.ts'
import type { Desk } from './desk.ts'
import { aboutSystem, factsFor } from './scenario-facts.ts'
import { liftSuspicion } from './lift-suspicion.ts'
import { firstStep, runSequence, type SequenceDone } from './scenario-run.ts'
import { sequenceOf, showScenarios, showSequence } from './scenario-view.ts'

interface ScenarioOptions {
  readonly plan?: boolean
  readonly dryRun?: boolean
  readonly at?: string
  readonly to?: string
  readonly probe?: string
  readonly within: string
  readonly component?: string[]
  readonly into?: string
  readonly acceptLoss?: boolean
  readonly from?: string
  readonly yes?: boolean
  readonly suspect?: string[]
  readonly lift?: string
  readonly reason?: string
  readonly rebuilt?: boolean
}

export function addScenario(program: Command, desk: () => Desk): void {
  program
    .command('scenario')
    .description('what to do when something has happened: procedures in order, shown (--plan) or carried out one after the other')
    .argument('[name]', 'without it, all of them are listed')
    .argument('[system]')
    .option('--plan', 'show the sequence with what is known now, and end')
    .option('--dry-run', 'the same as --plan')
    .option('--at <time>', 'when it happened, such as "2026-11-20 02:14" (UTC unless an offset is given)')
    .option('--probe <sql>', 'what is true, or at least 1, as long as it is there: asked of a restored copy, read-only')
    .option('--within <duration>', 'how close to the mistake the search for the last good moment goes', '1m')
    .option('--component <name...>', 'only these components')
    .option('--into <directory>', 'where copies are restored to be asked; beside the data directory, unless given')
    .option('--accept-loss', 'more than maxLoss may be lost in a failover')
    .option('--from <step>', 'go on with this step')
    .option('--to <moment>', 'with --from: the moment that was found, or "newest"')
    .option('--suspect <host...>', 'of a security breach: hosts that somebody else may have ruled since --at')
    .option('--lift <run>', 'of a security breach: nothing came of what this run isolated; needs --reason')
    .option('--rebuilt', 'with --lift: something did come of it, and the hosts were made anew: what they sign from now on counts')
    .option('--reason <text>', 'with --lift: why')
    .option('--yes', 'start each procedure without asking; approves nothing')
    .action(async (name: string | undefined, system: string | undefined, options: ScenarioOptions) => scenario(desk(), name, system, options))
}

async function scenario(desk: Desk, name: string | undefined, system: string | undefined, options: ScenarioOptions): Promise<void> {
  const { out } = desk
  if (name === undefined) return out.result({ scenarios: scenarios.map(({ name: one, when }) => ({ name: one, when })) }, () => showScenarios(out))
  const chosen = scenarioNamed(name)
  if (system === undefined) throw new MusterError('InvalidInput', `of which system? muster scenario ${name} SYSTEM`)
  if (options.lift !== undefined) return liftSuspicion(desk, system, options.lift, options)
  const planOnly = Boolean(options.plan || options.dryRun)
  const withinSeconds = parseDuration(options.within)
  if (withinSeconds < 1) throw new MusterError('InvalidInput', '--within is at least 1s: each step of the search is a whole restore')
  const about = await aboutOf(desk, system, options)
  const goOn = (now: ScenarioAbout, step: string | null) => commandOf(chosen, now, options, step)
  const from = options.from ?? null
  if (!planOnly) chosen.refuse?.(about, from)
  const left = chosen.steps(about).slice(firstStep(chosen, about, from))
  const sequence = sequenceOf(chosen, about, left, await factsFor(desk, chosen, about, left), { uiUrl: desk.uiUrl, startAll: goOn(about, from) })
  if (planOnly) return out.result(sequence, () => showSequence(out, sequence))
  const asking = options.yes ? sayYes : askAtTerminal('start each without asking: --yes; or look first: --plan')
  await refuseCopiesElsewhere(desk, about, left)
  showSequence(out, sequence)
  out.line()
  const done = await runSequence(desk, asking, { scenario: chosen, about, from, withinSeconds, goOn })
  out.result(done, () => showDone(desk, done))
}

/** Where the search restores copies, this is the host that it asks them on. */
async function refuseCopiesElsewhere(desk: Desk, { databases }: ScenarioAbout, left: readonly ScenarioStep[]): Promise<void> {
  const asked = left.filter(({ search }) => search === 'copies').flatMap(({ input }) => input['components'] as readonly string[])
  const { config } = await desk.applied(null)
  for (const { component, host } of databases) if (asked.includes(component)) await desk.restoredCopies.assertHere(config, host)
}

async function aboutOf(desk: Desk, system: string, { at, to, component, into, probe, acceptLoss, suspect }: ScenarioOptions): Promise<ScenarioAbout> {
  return {
    ...(await aboutSystem(desk, system)),
    requestedBy: desk.user,
    components: component ?? null,
    at: at === undefined ? null : toMicros(at),
    moment: to === undefined ? null : momentOf(to),
    into: into ?? null,
    probe: probe ?? null,
    acceptLoss: acceptLoss ?? false,
    suspects: suspect ?? null,
  }
}

function momentOf(text: string): Moment {
  if (text === momentToBeFound) throw new MusterError('InvalidInput', `${momentToBeFound} stands for the moment that the search finds`)
  return text === 'newest' ? { kind: 'newest' } : { kind: 'time', time: toMicros(text) }
}

function commandOf(
  { name }: Scenario,
  { system, components, at, probe, into, acceptLoss, moment, suspects }: ScenarioAbout,
  { within, yes }: ScenarioOptions,
  step: string | null,
) {
  return [
    `muster scenario ${name} ${system}`,
    ...(components === null ? [] : [`--component ${components.join(' ')}`]),
    ...(at === null ? [] : [`--at ${at}`]),
    ...(probe === null ? [] : [`--probe ${quoted(probe)}`]),
    ...(within === '1m' ? [] : [`--within ${within}`]),
    ...(into === null ? [] : [`--into ${into}`]),
    ...(acceptLoss ? ['--accept-loss'] : []),
    ...(suspects === null ? [] : [`--suspect ${suspects.join(' ')}`]),
    ...(moment === null ? [] : [`--to ${moment.kind === 'newest' ? 'newest' : moment.time}`]),
    ...(step === null ? [] : [`--from ${step}`]),
    ...(yes ? ['--yes'] : []),
  ].join(' ')
}

function showDone({ out }: Desk, { scenario: name, system, next }: SequenceDone): void {
  if (next === null) return out.line(`${name} of ${system}: done\n  → muster status ${system}`)
  out.line(`${name} of ${system}: so far done. It goes on when ${next.notBefore}\n  → ${next.command}`)
}
