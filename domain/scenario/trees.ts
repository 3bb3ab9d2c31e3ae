/** Scenarios in which files are wrong and databases are not. */
import { MusterError } from '../failures.ts'
import type { Moment, Scenario, ScenarioAbout, ScenarioStep } from './scenario.ts'
import { toMoment } from './moment.ts'
import { requested } from './words.ts'

export const fileSystemCorruption: Scenario = {
  name: 'file-system-corruption',
  when: 'files are damaged, unreadable or gone, and the databases are well',
  lossFrom: 'moment',
  steps: (about) => treeSteps(about, { newerFiles: 'keep', why: 'files newer than the backup are taken along where they can be read' }),
}

export const applicationFailure: Scenario = {
  name: 'application-failure',
  when: 'a release, a setting or an upgrade broke the application, and its data are well',
  lossFrom: 'moment',
  steps: (about) => treeSteps(about, { newerFiles: 'discard', why: 'exactly the backup: nothing of the new release stays between the old files' }),
}

interface How {
  readonly newerFiles: 'keep' | 'discard'
  readonly why: string
}

function treeSteps(about: ScenarioAbout, how: How): readonly ScenarioStep[] {
  const { system, trees, components, at } = about
  const named = components ?? trees
  const wrong = named.find((name) => !trees.includes(name))
  if (wrong !== undefined) {
    throw new MusterError('InvalidInput', `${system}/${wrong} is no tree; trees are: ${trees.join(', ') || 'none'}`, {
      hint: `for a database: muster scenario database-corruption ${system}`,
    })
  }
  if (named.length === 0) throw new MusterError('NothingToDo', `system "${system}" has no file trees`)
  const moment = about.moment ?? (at === null ? ({ kind: 'newest' } as const) : ({ kind: 'time', time: at } as const))
  return [prove(about, named, moment), restore(about, named, moment, how)]
}

function prove(about: ScenarioAbout, components: readonly string[], moment: Moment): ScenarioStep {
  const { system } = about
  const where = toMoment(moment)
  return {
    id: 'prove',
    what: 'prove the backup: a drill of the trees',
    why: 'each entry is compared with the index of the backup, before anything in service is touched',
    command: `muster drill ${system} --component ${components.join(' ')}${where.option === '' ? '' : ` --kind pitr${where.option}`}`,
    procedure: 'drill',
    input: { system, components, kind: where.option === '' ? 'restore' : 'pitr', ...where.input, ...requested(about) },
    idFrom: 'additive',
    worksAt: 'active',
    look: ['which backup it is, and when it ended: it has to be older than the damage (--at TIME)', `what it holds: muster ls ${system} ${components[0]}`],
    callOff: 'at any time; the drill cleans up',
  }
}

function restore(about: ScenarioAbout, components: readonly string[], moment: Moment, { newerFiles, why }: How): ScenarioStep {
  const { system } = about
  const where = toMoment(moment)
  return {
    id: 'restore',
    what: 'bring the trees back, in place; databases stay as they are',
    why,
    command: `muster restore ${system} --component ${components.join(' ')}${where.option} --newer-files ${newerFiles}`,
    procedure: where.procedure,
    input: { system, components, ...where.input, newerFiles, ...requested(about) },
    idFrom: 'target',
    worksAt: 'active',
    look: ['the plan: which backup, and what is set aside', 'afterwards: the services are healthy, and what was there lies in the safety set'],
    callOff: `muster cancel, until the system is opened; afterwards: muster restore ${system} --back RUN`,
  }
}
