/** Scenarios in which a database holds what it should not: the machine is well, the data are not. */
import { MusterError } from '../failures.ts'
import { toMoment } from './moment.ts'
import { momentToBeFound, type Scenario, type ScenarioAbout, type ScenarioDatabase, type ScenarioStep } from './scenario.ts'
import { justBefore } from './search.ts'
import { quoted, requested } from './words.ts'

export const accidentalDeletion: Scenario = {
  name: 'accidental-deletion',
  when: 'somebody dropped a table or deleted rows, and it is known about when',
  lossFrom: 'moment',
  refuse({ at, probe, moment }) {
    if (moment !== null) return
    const missing = [...(at === null ? ['--at TIME, about when it happened'] : []), ...(probe === null ? ['--probe SQL, true as long as it is there'] : [])]
    if (missing.length > 0)
      throw new MusterError('InvalidInput', `accidental-deletion needs ${missing.join(', and ')}`, { hint: 'or look at the sequence: --plan' })
  },
  steps(about) {
    const database = oneDatabase(about)
    return [storeWal(about, database), findByCopies(about, database), restoreTo(about, database, false)]
  },
}

export const databaseCorruption: Scenario = {
  name: 'database-corruption',
  when: 'a database gives wrong answers or errors, and nobody knows since when',
  lossFrom: 'moment',
  steps(about) {
    const database = oneDatabase(about)
    return [findByDrills(about, database), restoreTo(about, database, true)]
  },
}

function oneDatabase({ system, databases, components }: ScenarioAbout): ScenarioDatabase {
  const named = components === null ? databases : databases.filter(({ component }) => components.includes(component))
  const [only, ...others] = named
  if (!only) throw new MusterError('NothingToDo', `system "${system}" has no database${components === null ? '' : ` among: ${components.join(', ')}`}`)
  if (others.length === 0) return only
  throw new MusterError('InvalidInput', `system "${system}" has more than one database: ${named.map(({ component }) => component).join(', ')}`, {
    hint: 'name the one it is about: --component NAME',
  })
}

function storeWal(about: ScenarioAbout, { component }: ScenarioDatabase): ScenarioStep {
  const { system } = about
  return {
    id: 'store',
    what: 'store all WAL up to now',
    why: 'a moment can be reached once a commit after it is in a store',
    command: `muster archive-wal ${system} --component ${component}`,
    procedure: 'archiveWal',
    input: { system, components: [component], ...requested(about) },
    idFrom: 'additive',
    worksAt: 'active',
    look: ['what users write from here on is in the safety set, not in service, when the database goes back: stop services that can be spared'],
    callOff: 'at any time; nothing is changed',
  }
}

/** Where copies are looked at: beside the data directory, on its file system, unless a person says otherwise. */
function copiesIn({ into, system }: ScenarioAbout, { dataDirectory }: ScenarioDatabase): string {
  return into ?? `${dataDirectory}-probe-${system}`
}

function findByCopies(about: ScenarioAbout, database: ScenarioDatabase): ScenarioStep {
  const { system, at, probe } = about
  const { component, host, user, database: name } = database
  const time = at === null ? momentToBeFound : justBefore(at)
  const directory = copiesIn(about, database)
  return {
    id: 'find',
    what: 'find the last moment at which it is there: restore to just before, elsewhere, and ask the copy',
    why: 'the copy answers what nobody remembers; the service goes on and is not touched',
    command: [
      `muster restore ${system} --component ${component} --to ${time} --into ${directory} --port 5499`,
      `psql -h 127.0.0.1 -p 5499 -U ${user} -d ${name} -c ${quoted(probe ?? 'select …')}`,
    ].join(' && '),
    procedure: 'recoverToPointInTime',
    input: { system, components: [component], to: { time }, into: { directory, port: 5499 }, ...requested(about) },
    idFrom: { aside: { host, directory } },
    worksAt: 'active',
    search: 'copies',
    look: [
      'the answer of the copy; where it is not there yet, an earlier moment; where more could be kept, a later one',
      `step by step: stop the copy and remove ${directory} before the next moment`,
    ],
    callOff: 'at any time; nothing in service is touched',
  }
}

function findByDrills(about: ScenarioAbout, { component, checks }: ScenarioDatabase): ScenarioStep {
  const { system, at } = about
  if (checks === 0) {
    throw new MusterError('PreconditionFailed', `no checks are configured for ${system}/${component}: nothing tells a good moment from a bad one`, {
      hint: `write checks for it in muster.yaml and run muster apply; or look at copies: muster scenario accidental-deletion ${system} --at TIME --probe SQL`,
    })
  }
  const from = at === null ? '' : ` --kind pitr --to ${justBefore(at)}`
  return {
    id: 'find',
    what: 'find the last good moment: a drill of each candidate, newest first, until the checks hold',
    why: 'damage of the disk is not in the WAL, and the newest moment often holds; wrong rows are, and an older one does',
    command: `muster drill ${system} --component ${component}${from}`,
    procedure: 'drill',
    input: { system, components: [component], ...(at === null ? { kind: 'restore' } : { kind: 'pitr', to: { time: justBefore(at) } }), ...requested(about) },
    idFrom: 'additive',
    worksAt: 'active',
    search: 'drills',
    look: ['which check failed at which moment, in the evidence of each drill', 'users still write into a damaged database: stop services that can be spared'],
    callOff: 'at any time; drills clean up after themselves',
  }
}

function restoreTo(about: ScenarioAbout, { component }: ScenarioDatabase, stopFirst: boolean): ScenarioStep {
  const { system, moment } = about
  const where = toMoment(moment)
  return {
    id: 'restore',
    what: `bring the database back to ${moment?.kind === 'newest' ? 'the newest moment' : 'that moment'}, in place`,
    why: stopFirst
      ? 'users are stopped first: nobody is served from damaged data any longer; what is there is kept as the safety set'
      : 'what is there, with everything that was committed since, is kept as the safety set',
    command: `muster restore ${system} --component ${component}${where.option}${stopFirst ? ' --stop-first' : ''}`,
    procedure: where.procedure,
    input: { system, components: [component], ...where.input, ...(stopFirst && { stopFirst: true }), ...requested(about) },
    idFrom: 'target',
    worksAt: 'active',
    look: [
      'the plan: the moment, what would be lost, what is set aside',
      `afterwards: muster status ${system}; rows that were committed later are in the safety set`,
    ],
    callOff: `muster cancel, until the system is opened; afterwards: muster restore ${system} --back RUN`,
  }
}
