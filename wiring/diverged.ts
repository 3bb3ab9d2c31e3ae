/** `muster diverged`: what a fenced side committed that is not in service. It only reads; nothing is ever merged. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { commitsAfter } from '../adapters/component/postgresql/later-commits.ts'
import { type DataDirectoryFacts, inspectDataDirectory } from '../adapters/component/postgresql/data-directory.ts'
import type { PostgresqlInstance } from '../adapters/component/postgresql/instance.ts'
import type { DivergedDatabase, DivergedReport } from '../clients/cli/diverged.ts'
import { type ControlState, foldRecords } from '../domain/control-state.ts'
import { type DivergedLife, divergedLives, placesOfData } from '../domain/diverged.ts'
import { MusterError } from '../domain/failures.ts'
import { newestRecords } from '../domain/guard.ts'
import { placedAt } from '../domain/placement.ts'
import { formatLsn, parseLsn } from '../domain/wal.ts'
import { instanceOf } from './instance.ts'
import { lookBeside } from './guard-look.ts'
import { guardedHost } from './guarded-host.ts'
import { hostDirectory, type Places } from './places.ts'

/** Of one database; the rest is counted. */
const mostListed = 10_000

/** @throws MusterError NothingToDo where this site was never fenced, Unreachable where no store says anything, and as guardedHost */
export async function divergedHere(places: Places, system: string, asked: { readonly host?: string }): Promise<DivergedReport> {
  const guarded = await guardedHost(places, asked)
  const { host, site } = guarded
  if (!guarded.config.systems[system]) throw new MusterError('UnknownName', `there is no system "${system}"`, { hint: 'see which there are: muster status' })
  const answers = await lookBeside(places, system, guarded)
  const records = newestRecords(answers)
  if (!records) {
    const problems = answers.map(({ problem }) => problem?.message).filter(Boolean)
    throw new MusterError('Unreachable', `no store says where system "${system}" was fenced: ${problems.join('; ') || `host "${host}" reaches none`}`)
  }
  const state = foldRecords(records)
  const fence = state.fences.findLast((one) => one.site === site)
  if (!fence)
    throw new MusterError('NothingToDo', `system "${system}" was never moved away from site "${site}"`, {
      hint: 'there is nothing here that is not in service',
    })
  const config = placedAt(guarded.config, site)
  const databases: DivergedDatabase[] = []
  for (const life of divergedLives(state, site)) {
    if (config.systems[system]?.components[life.component]?.host !== host) continue
    const instance = await instanceOf(config, system, life.component, hostDirectory(places, host))
    databases.push(await readDatabase(state, instance, life, host, join(hostDirectory(places, host), 'diverged')))
  }
  return { system, host, site, run: fence.run, fencedAt: fence.proof.at, databases }
}

async function readDatabase(
  state: ControlState,
  instance: PostgresqlInstance,
  life: DivergedLife,
  host: string,
  workDirectory: string,
): Promise<DivergedDatabase> {
  const { component, incarnation, forkLsn } = life
  const found = await findData(state, instance, life, host)
  if (!found) return { component, incarnation, forkLsn, directory: null, before: 0, after: 0, commits: [], incomplete: null }
  await mkdir(workDirectory, { recursive: true, mode: 0o700 })
  let [before, after] = [0, 0]
  const { commits, fromLsn, hasHoles } = await commitsAfter(instance, found.directory, {
    timelineId: life.timelineId,
    fromLsn: parseLsn(forkLsn),
    segmentSizeBytes: found.facts.segmentSizeBytes,
    serverMajor: found.facts.serverMajor,
    workDirectory,
    most: mostListed,
    onCommit: (at) => {
      if (at > life.fencedAt) after += 1
      else before += 1
    },
  })
  return { component, incarnation, forkLsn, directory: found.directory, before, after, commits, incomplete: whatIsGone(forkLsn, fromLsn, hasHoles) }
}

/** In place, or where a restore that came later has set it aside: told by the life that the directory says it is of. */
async function findData(
  state: ControlState,
  instance: PostgresqlInstance,
  life: DivergedLife,
  host: string,
): Promise<{ readonly directory: string; readonly facts: DataDirectoryFacts } | null> {
  for (const directory of placesOfData(state, life.component, host, instance.config.dataDirectory)) {
    const facts = await inspectDataDirectory(instance, directory)
    if (facts?.systemIdentifier === life.systemIdentifier && facts.timelineId === life.timelineId) return { directory, facts }
  }
  return null
}

function whatIsGone(forkLsn: string, fromLsn: string | null, hasHoles: boolean): string | null {
  if (fromLsn === null) return `its pg_wal holds nothing from ${forkLsn} on: what was committed there cannot be counted`
  if (parseLsn(fromLsn) > parseLsn(forkLsn))
    return `its pg_wal begins at ${formatLsn(parseLsn(fromLsn))}: what was committed from ${forkLsn} to there is not counted`
  return hasHoles ? 'segments in the middle of its pg_wal are gone: what was committed in them is not counted' : null
}
