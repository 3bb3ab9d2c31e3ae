/** `muster diverged`: what a fenced side committed that is not in service. It only reads; nothing is ever merged. */
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { commitsAfter } from '../adapters/component/postgresql/later-commits.ts'
import { type DataDirectoryFacts, inspectDataDirectory } from '../adapters/component/postgresql/data-directory.ts'
import type { DivergedDatabase, DivergedReport } from '../clients/cli/diverged.ts'
import { type ControlState, foldRecords } from '../domain/control-state.ts'
import { divergedLives, placesOfData } from '../domain/diverged.ts'
import { MusterError } from '../domain/failures.ts'
import { newestRecords } from '../domain/guard.ts'
import { placedAt } from '../domain/placement.ts'
import { parseLsn } from '../domain/wal.ts'
import { type LifeAt, whatIsGone } from './diverged-life.ts'
import { walOfLife } from './diverged-wal.ts'
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
  const stores = answers.filter((one) => one.records !== null).map((one) => one.store)
  const unasked = answers.flatMap(({ store, problem }) => (problem ? [`store "${store}" was not asked for WAL: ${problem.message}`] : []))
  const databases: DivergedDatabase[] = []
  for (const life of divergedLives(state, site)) {
    if (config.systems[system]?.components[life.component]?.host !== host) continue
    const instance = await instanceOf(config, system, life.component, hostDirectory(places, host))
    databases.push(await readDatabase(places, state, { guarded, instance, life, stores }, unasked))
  }
  return { system, host, site, run: fence.run, fencedAt: fence.proof.at, databases }
}

/** @param unasked of stores that did not answer: told only where something is missing */
async function readDatabase(places: Places, state: ControlState, at: Omit<LifeAt, 'dataDirectory'>, unasked: readonly string[]): Promise<DivergedDatabase> {
  const { component, incarnation, forkLsn, timelineId, fencedAt } = at.life
  const found = await findData(state, at)
  if (!found) return { component, incarnation, forkLsn, directory: null, before: 0, after: 0, commits: [], incomplete: null }
  const { segmentSizeBytes, serverMajor, checkpointLsn } = found.facts
  const workDirectory = await workDirectoryOf(places, at.guarded.host)
  try {
    const sought = { timelineId, fromLsn: parseLsn(forkLsn), segmentSizeBytes, serverMajor }
    const { segments, problems } = await walOfLife(places, { ...at, dataDirectory: found.directory }, sought, workDirectory)
    let [before, after] = [0, 0]
    const onCommit = (committedAt: string) => {
      if (committedAt > fencedAt) after += 1
      else before += 1
    }
    const read = await commitsAfter(at.instance, segments, { ...sought, workDirectory, most: mostListed, onCommit })
    const gone = whatIsGone(forkLsn, checkpointLsn, read, problems)
    const incomplete = gone === null ? null : [gone, ...unasked].join('. ')
    return { component, incarnation, forkLsn, directory: found.directory, before, after, commits: read.commits, incomplete }
  } finally {
    await rm(workDirectory, { recursive: true, force: true })
  }
}

/** A new one, on the disk of this host's state; what a look that was ended has left is removed. */
async function workDirectoryOf(places: Places, host: string): Promise<string> {
  const root = join(hostDirectory(places, host), 'diverged')
  await mkdir(root, { recursive: true, mode: 0o700 })
  for (const name of await readdir(root)) if (!isOfLiving(name)) await rm(join(root, name), { recursive: true, force: true })
  return mkdtemp(join(root, `${process.pid}-`))
}

function isOfLiving(name: string): boolean {
  try {
    return process.kill(Number.parseInt(name, 10), 0)
  } catch {
    return false
  }
}

/** In place, or where a restore that came later has set it aside: told by the life that the directory says it is of. */
async function findData(
  state: ControlState,
  { instance, life, guarded }: Pick<LifeAt, 'instance' | 'life' | 'guarded'>,
): Promise<{ readonly directory: string; readonly facts: DataDirectoryFacts } | null> {
  for (const directory of placesOfData(state, life.component, guarded.host, instance.config.dataDirectory)) {
    const facts = await inspectDataDirectory(instance, directory)
    if (facts?.systemIdentifier === life.systemIdentifier && facts.timelineId === life.timelineId) return { directory, facts }
  }
  return null
}
