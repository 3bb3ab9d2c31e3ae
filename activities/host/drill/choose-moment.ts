/** Which recovery point a drill rehearses: the newest, one within the window, or one by chance. */
import { randomInt } from 'node:crypto'
import type { Config, SystemConfig } from '../../../domain/config.ts'
import type { DrillKind } from '../../../domain/evidence.ts'
import type { RecoveryTarget } from '../../../domain/decision.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { Manifest } from '../../../domain/repository-format.ts'
import { readCatalog } from '../../../repository/catalog.ts'
import { chooseRecovery } from '../../../repository/recovery-choice.ts'
import type { Agent } from '../../agent.ts'
import { readState, viewStore } from '../restore/repository-view.ts'

export interface ChosenMoment {
  readonly overall: RecoveryTarget
  readonly why: string
  of(component: string): RecoveryTarget
}

interface Asked {
  readonly system: string
  readonly kind: DrillKind
  readonly random: boolean
  readonly at?: string
  readonly from: string | null
}

/** A point in time a little before the newest: what is asked for when somebody says "before the mistake". */
const beforeNewestSeconds = 60

export async function chooseMoment(agent: Agent, config: Config, system: SystemConfig, asked: Asked, names: readonly string[]): Promise<ChosenMoment> {
  const database = names.find((name) => system.components[name]?.type === 'postgresql')
  const latest: RecoveryTarget = { kind: 'latest' }
  if (asked.at !== undefined) return momentAsked(asked, asked.at)
  if (asked.kind === 'pitr') {
    if (database === undefined)
      throw new MusterError('InvalidInput', `a drill of kind pitr needs a database; ${asked.system} has none among: ${names.join(', ')}`)
    return momentInWindow(agent, config, system, asked, names, database)
  }
  if (!asked.random) return { overall: latest, why: 'the newest reachable moment', of: () => latest }
  return pointByChance(agent, config, system, asked, names, database ?? (names[0] as string))
}

function momentAsked({ kind, random }: Asked, time: string): ChosenMoment {
  if (kind !== 'pitr' || random) {
    throw new MusterError('InvalidInput', `a moment goes with a drill of kind pitr that is not random, and this is of kind ${kind}`, {
      hint: 'muster drill SYSTEM --kind pitr --to TIME',
    })
  }
  const target: RecoveryTarget = { kind: 'time', time }
  return { overall: target, why: 'the moment that was asked for', of: () => target }
}

async function momentInWindow(
  agent: Agent,
  config: Config,
  system: SystemConfig,
  asked: Asked,
  names: readonly string[],
  database: string,
): Promise<ChosenMoment> {
  const { newestAt, baseEndedAt } = await windowOf(agent, config, system, asked, database)
  const starts = await Promise.all(
    names.filter((name) => system.components[name]?.type === 'files').map((name) => oldestTree(agent, config, system, asked, name)),
  )
  // Before this moment some component has no backup to come back from.
  const from = Math.max(Date.parse(baseEndedAt), ...starts.map(Date.parse))
  const to = Date.parse(newestAt)
  if (!(from < to)) {
    throw new MusterError('RecoveryTargetUnreachable', `no commit of ${asked.system}/${database} after the first backup of each component is in a store yet`, {
      hint: `run: muster archive-wal ${asked.system}`,
    })
  }
  const at = asked.random ? from + 1 + randomInt(Math.max(1, to - from)) : Math.max(from + 1, to - beforeNewestSeconds * 1000)
  const target: RecoveryTarget = { kind: 'time', time: new Date(Math.min(at, to)).toISOString().replace('Z', '000Z') }
  const why = asked.random ? `a moment by chance between ${new Date(from).toISOString()} and ${newestAt}` : `shortly before the newest commit, ${newestAt}`
  return { overall: target, why, of: () => target }
}

async function oldestTree(agent: Agent, config: Config, system: SystemConfig, asked: Asked, component: string): Promise<string> {
  const [oldest] = await backupsOf(agent, config, system, asked, component)
  if (!oldest) throw new MusterError('BackupNotFound', `there is no backup of ${asked.system}/${component}`, { hint: `run: muster backup ${asked.system}` })
  return oldest.endedAt
}

/** Whole backups of a component in the store that is read, oldest first. */
async function backupsOf(agent: Agent, config: Config, system: SystemConfig, asked: Asked, component: string): Promise<readonly Manifest[]> {
  const verifier = await agent.verifier(config)
  const store = asked.from ?? system.components[component]?.stores[0] ?? ''
  const { suspicions } = await readState(agent, config, asked.system)
  const catalog = await readCatalog({ verifier, cache: agent.cache, suspicions }, await agent.store(config, store), asked.system)
  const damaged = new Set(catalog.damaged.map(({ backup }) => backup))
  return catalog.manifests.filter((one) => one.component === component && !damaged.has(one.backup))
}

async function windowOf(
  agent: Agent,
  config: Config,
  system: SystemConfig,
  asked: Asked,
  database: string,
): Promise<{ newestAt: string; baseEndedAt: string }> {
  const state = await readState(agent, config, asked.system)
  let problem: MusterError | null = null
  for (const store of asked.from === null ? (system.components[database]?.stores ?? []) : [asked.from]) {
    try {
      const repository = await viewStore(agent, config, asked.system, database, store, state)
      const choice = await chooseRecovery(repository, state, database, { kind: 'latest' }, { incarnation: null, pinnedBackup: null })
      return { newestAt: choice.newestAt, baseEndedAt: choice.manifest.endedAt }
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      problem ??= error
    }
  }
  throw problem ?? new MusterError('BackupNotFound', `${asked.system}/${database} has no store`)
}

/** Any recovery point there is, however old: the random restoration test. The backups of one run belong together. */
async function pointByChance(
  agent: Agent,
  config: Config,
  system: SystemConfig,
  asked: Asked,
  names: readonly string[],
  leader: string,
): Promise<ChosenMoment> {
  const mine = await backupsOf(agent, config, system, asked, leader)
  const chosen = mine[mine.length === 0 ? 0 : randomInt(mine.length)]
  if (!chosen) throw new MusterError('BackupNotFound', `there is no backup of ${asked.system}/${leader}`, { hint: `run: muster backup ${asked.system}` })
  const targets = new Map<string, RecoveryTarget>()
  for (const name of names) {
    const ofRun = name === leader ? chosen : (await backupsOf(agent, config, system, asked, name)).find(({ run }) => run === chosen.run)
    targets.set(name, ofRun ? { kind: 'backup', backup: ofRun.backup } : { kind: 'time', time: chosen.endedAt })
  }
  const overall: RecoveryTarget = { kind: 'backup', backup: chosen.backup }
  return { overall, why: `by chance out of ${mine.length} recovery points`, of: (component) => targets.get(component) ?? overall }
}
