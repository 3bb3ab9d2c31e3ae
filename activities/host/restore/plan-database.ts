/** Plans one database: is the target right, which backup and WAL lead to the target, is there room. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config, PostgresqlComponentConfig, SystemConfig } from '../../../domain/config.ts'
import { type ControlState, currentIncarnation } from '../../../domain/control-state.ts'
import type { PostgresqlDecision } from '../../../domain/decision.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { DatabaseObservation } from '../../../domain/target.ts'
import { isBefore } from '../../../domain/times.ts'
import { formatLsn } from '../../../domain/wal.ts'
import { chooseRecovery, type RecoveryChoice } from '../../../repository/recovery-choice.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { databaseLoss } from './losses.ts'
import type { ComponentPlan } from './plan-restore.ts'
import { planBack } from './plan-back.ts'
import { refuseTooSmall, replayBytes, setAsideBeside, setAsideBytes, walBytes } from './plan-figures.ts'
import { isWarm, planFromStandby, type WarmPlanning } from './plan-from-standby.ts'
import { type PlannedWal, planWal } from './plan-wal.ts'
import { viewStore } from './repository-view.ts'
import type { PlanRestoreInput } from './types.ts'
import { youngTablespaces } from './young-tablespaces.ts'

export interface DatabasePlanning {
  readonly agent: Agent
  readonly config: Config
  readonly system: SystemConfig
  readonly state: ControlState
  readonly input: PlanRestoreInput
  readonly name: string
  readonly short: string
  readonly component: PostgresqlComponentConfig
  readonly observation: DatabaseObservation
  readonly work: Work
}

export async function planDatabase(planning: DatabasePlanning): Promise<ComponentPlan> {
  const { observation, input, name } = planning
  refuseWrongTarget(planning)
  if (input.back !== null) return planBack(planning, input.back)
  const pinned = input.pinned?.components.find((one) => one.component === name && one.type === 'postgresql') as PostgresqlDecision | undefined
  if (input.target.kind === 'time' && (observation.running || input.into) && !isBefore(planning.agent.now().toISOString(), input.target.time))
    await freshenWal(planning, input.target.time)
  const best = await chooseStore(planning, pinned)
  const warm = await planFromStandby(planning, pinned, best)
  if (isWarm(warm)) return fromStandby(planning, warm, best.warnings)
  const { choice, storeName, warnings } = best
  const { postgresql } = choice.manifest
  const wal = await planWal(planning, choice)
  const young = await youngTablespaces(planning, choice.manifest)
  const aside = input.into ? 0 : setAsideBytes(observation.setAside, observation.sizeBytes, postgresql.dataSizeBytes)
  const neededBytes = postgresql.dataSizeBytes + walBytes(choice) + (wal.sameDisk ? wal.neededBytes : 0) + aside
  refuseTooSmall(`${input.system}/${name}`, observation.directory, neededBytes, observation.freeBytes)
  const reachedAt = input.target.kind === 'time' ? input.target.time : choice.newestAt
  return {
    decision: { ...decisionOf(planning, choice, storeName, wal), ...(young.length === 0 ? {} : { youngTablespaces: young }) },
    point: { component: name, at: reachedAt, ...newestLsn(choice), ...laterWal(planning), skewSeconds: null, why: choice.why },
    newestReachableAt: choice.newestAt,
    loss: databaseLoss(planning, choice),
    space: [{ path: observation.memberDirectory, neededBytes, freeBytes: observation.freeBytes }, ...wal.space],
    tailSources: observation.tailSources,
    warnings: [...warnings, ...wal.warnings, ...warm.notWarm],
    notWarm: warm.notWarm,
    amount: { dataBytes: postgresql.dataSizeBytes, walBytes: replayBytes(choice), copiedBytes: aside },
  }
}

/** The copy is there: only WAL is fetched, and replayed from where it stands. */
async function fromStandby(
  planning: DatabasePlanning,
  { chosen: { choice, storeName, own, replayedLsn }, notWarm }: WarmPlanning,
  warnings: readonly string[],
): Promise<ComponentPlan> {
  const { observation, input, name } = planning
  const wal = await planWal(planning, choice)
  const { walInto: _planned, ...decision } = decisionOf(planning, choice, storeName, wal)
  const aside = setAsideBytes(observation.setAside, observation.sizeBytes, choice.manifest.postgresql.dataSizeBytes)
  const neededBytes = walBytes(replayedLsn === null ? choice : { ...choice, path: { base: { endLsn: replayedLsn } } }) + aside
  refuseTooSmall(`${input.system}/${name}`, observation.directory, neededBytes, observation.freeBytes)
  return {
    decision: { ...decision, ...own },
    point: {
      component: name,
      at: choice.newestAt,
      ...newestLsn(choice),
      ...laterWal(planning),
      skewSeconds: null,
      why: `the standby of backup ${choice.manifest.backup}, and WAL unbroken to ${formatLsn(choice.path.untilLsn)}`,
    },
    newestReachableAt: choice.newestAt,
    loss: databaseLoss(planning, choice),
    space: [{ path: observation.memberDirectory, neededBytes, freeBytes: observation.freeBytes }],
    tailSources: observation.tailSources,
    warnings: [...warnings, ...notWarm],
    notWarm,
    amount: { dataBytes: 0, walBytes: neededBytes, copiedBytes: 0 },
  }
}

function refuseWrongTarget({ observation, input, name, state }: DatabasePlanning): void {
  const where = `${input.system}/${name}`
  if (input.into) {
    if (observation.content === 'absent' || observation.content === 'empty') return
    throw new MusterError('TargetNotEmpty', `${observation.directory} is not empty`, { hint: 'name an empty or new directory: --into DIR' })
  }
  if (observation.managedBy !== null) {
    throw new MusterError('WrongTarget', `${where} is run by ${observation.managedBy}, which would start the old data again`, {
      hint: 'put the cluster manager into maintenance, or restore elsewhere: --into DIR',
    })
  }
  if (observation.content === 'other') {
    throw new MusterError('WrongTarget', `${observation.directory} holds something that is not a PostgreSQL data directory`, {
      hint: 'move it away, or correct dataDirectory',
    })
  }
  const current = currentIncarnation(state, name)
  if (observation.systemIdentifier !== null && current && observation.systemIdentifier !== current.systemIdentifier) {
    throw new MusterError(
      'WrongTarget',
      `${observation.directory} is another database (system identifier ${observation.systemIdentifier}); ${where} has ${current.systemIdentifier}`,
    )
  }
}

/** How long the planning waits for a shipper that is just connecting, such as after a restore that was rolled back. */
const freshenSeconds = 20

/**
 * A moment after the last shipment is still reachable while the server runs: what there is is shipped first. A shipper that
 * does not see the server yet answers with what it has, so that only a commit behind the moment counts; an idle database
 * gets one.
 */
async function freshenWal(planning: DatabasePlanning, moment: string): Promise<void> {
  const startedAt = Date.now()
  for (;;) {
    const seen = await lookBehind(planning, moment)
    const waited = Date.now() - startedAt
    if (seen === 'behind' || waited > (seen === 'silent' ? silentSeconds : freshenSeconds) * 1000) return
    await sleep(500, undefined, { signal: planning.work.signal })
  }
}

/** A shipper that takes a newer configuration is away for a moment; one that is not there is not waited for. */
const silentSeconds = 4

/** Whether a commit behind the moment is stored; `silent` where no shipper says anything of this database. */
async function lookBehind({ agent, input, name, component, work }: DatabasePlanning, moment: string): Promise<'behind' | 'not yet' | 'silent'> {
  try {
    const request = { system: input.system, component: name, tick: true, timeoutSeconds: Math.max(10, component.wal.shipEverySeconds) }
    const { lastCommitAt } = await agent.postgresql.shipperRequest(agent.shipperSocket, 'flush', request, { signal: work.signal })
    return lastCommitAt !== null && !isBefore(lastCommitAt, moment) ? 'behind' : 'not yet'
  } catch (error) {
    work.signal.throwIfAborted()
    const type = error instanceof MusterError ? error.type : null
    if (type === 'NotReadyYet' || type === 'DatabaseDown') return 'not yet'
    // A required store that is out: what can be reached without it is what the stores say.
    return type === 'Unreachable' || type === 'UnknownName' ? 'silent' : 'behind'
  }
}

async function chooseStore(planning: DatabasePlanning, pinned: PostgresqlDecision | undefined) {
  const { agent, config, input, name, component, state } = planning
  const candidates = pinned ? [pinned.fromStore] : input.from !== null ? [input.from] : fastestFirst(config, component.stores)
  const unknown = candidates.find((store) => !component.stores.includes(store))
  if (unknown !== undefined) throw new MusterError('UnknownName', `${input.system}/${name} has no store "${unknown}"; it has: ${component.stores.join(', ')}`)
  const choices: { choice: RecoveryChoice; storeName: string; warnings: readonly string[] }[] = []
  const problems: MusterError[] = []
  for (const storeName of candidates) {
    try {
      const repository = await viewStore(agent, config, input.system, name, storeName, state)
      const choice = await chooseRecovery(repository, state, name, input.target, { incarnation: input.incarnation, pinnedBackup: pinned?.backup ?? null })
      choices.push({ choice, storeName, warnings: repository.damaged.map((one) => `${storeName}: ${one}`) })
      // Any store that reaches a fixed target will do; for the newest moment all are compared.
      if (input.target.kind !== 'latest') break
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      problems.push(error)
    }
  }
  const [first, ...others] = choices
  if (!first) throw worstProblem(problems)
  const best = others.reduce((a, b) => (b.choice.path.untilLsn > a.choice.path.untilLsn ? b : a), first)
  return { ...best, warnings: [...best.warnings, ...problems.map((one) => one.message)] }
}

/** When no store leads to the target, what can be said about the target matters more than a store that is out. */
function worstProblem(problems: readonly MusterError[]): MusterError {
  const order = ['RecoveryTargetUnreachable', 'UnknownName', 'BackupNotFound']
  const found = order.map((type) => problems.find((one) => one.type === type)).find((one) => one !== undefined) ?? problems[0]
  const others = problems.filter((one) => one !== found).map((one) => one.message)
  if (!found) return new MusterError('BackupNotFound', 'no store is configured')
  return others.length === 0 ? found : new MusterError(found.type, `${found.message}; and ${others.join('; ')}`, { hint: found.hint })
}

function fastestFirst(config: Config, stores: readonly string[]): readonly string[] {
  return [...stores].sort((a, b) => Number(config.stores[a]?.type === 's3') - Number(config.stores[b]?.type === 's3'))
}

function decisionOf(planning: DatabasePlanning, choice: RecoveryChoice, storeName: string, wal: PlannedWal): PostgresqlDecision {
  const { agent, input, name, component, observation, state, short } = planning
  const { postgresql, backup } = choice.manifest
  const current = currentIncarnation(state, name)
  const tablespaces = postgresql.tablespaces.map(({ oid, path }) => {
    const live = observation.tablespaces.find((one) => one.oid === oid)
    const old = live?.path ?? path
    const into = input.into ? `${observation.directory}-tablespace-${oid}` : agent.members.newPathBeside(old, live?.mountPoint ?? false, short)
    return { oid, path: old, into }
  })
  return {
    type: 'postgresql',
    component: name,
    host: component.host,
    directory: observation.directory,
    port: input.into?.port ?? null,
    identity: observation.systemIdentifier && current ? { systemIdentifier: observation.systemIdentifier, incarnation: current.incarnation } : null,
    running: observation.running,
    fromStore: storeName,
    backup,
    incarnation: choice.incarnation.incarnation,
    timelineId: choice.incarnation.timelineId,
    setAside: input.into ? 'none' : observation.setAside,
    tablespaces,
    walDirectory: wal.directory,
    ...(wal.into === null ? {} : { walInto: wal.into }),
    ...(input.into ? {} : { alsoSetAside: setAsideBeside([...tablespaces, ...observation.tablespaces], wal.directory) }),
    safetyPath: null,
  }
}

/** A move opens without it only where a person has said so. */
function laterWal({ input, observation }: DatabasePlanning): { readonly tail?: true } {
  return input.move && input.target.kind === 'latest' && observation.tailSources.some(({ found }) => found) ? { tail: true } : {}
}

function newestLsn({ newestLsn: lsn }: RecoveryChoice): { readonly lsn?: string } {
  return lsn === null ? {} : { lsn }
}

export function isAfter(a: string, b: string): boolean {
  return isBefore(b, a)
}
