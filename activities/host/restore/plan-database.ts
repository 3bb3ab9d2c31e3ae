/** Plans one database: is the target right, which backup and WAL lead to the target, is there room. */
import type { Config, PostgresqlComponentConfig, SystemConfig } from '../../../domain/config.ts'
import { type ControlState, currentIncarnation } from '../../../domain/control-state.ts'
import type { PostgresqlDecision } from '../../../domain/decision.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { DatabaseObservation } from '../../../domain/target.ts'
import { isBefore } from '../../../domain/times.ts'
import { chooseRecovery, type RecoveryChoice } from '../../../repository/recovery-choice.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { newTablespacePath } from './places.ts'
import type { ComponentPlan } from './plan-restore.ts'
import { planBack } from './plan-back.ts'
import { viewStore } from './repository-view.ts'
import type { PlanRestoreInput } from './types.ts'

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
  if (input.target.kind === 'time' && observation.running) await freshenWal(planning)
  const { choice, storeName, warnings } = await chooseStore(planning, pinned)
  const { postgresql } = choice.manifest
  const neededBytes = postgresql.dataSizeBytes + walBytes(choice)
  if (observation.freeBytes < neededBytes) {
    throw new MusterError(
      'NotEnoughSpace',
      `restoring ${input.system}/${name} needs ${megabytes(neededBytes)} beside ${observation.directory}, ${megabytes(observation.freeBytes)} are free`,
      {
        hint: `free ${megabytes(neededBytes - observation.freeBytes)} there, or restore elsewhere: --into DIR`,
      },
    )
  }
  const reachedAt = input.target.kind === 'time' ? input.target.time : choice.newestAt
  return {
    decision: decisionOf(planning, choice, storeName),
    point: { component: name, at: reachedAt, skewSeconds: null, why: choice.why },
    newestReachableAt: choice.newestAt,
    ...lossOf(planning, choice),
    space: [{ path: observation.memberDirectory, neededBytes, freeBytes: observation.freeBytes }],
    tailSources: observation.tailSources,
    warnings: [...warnings, ...layoutWarnings(observation)],
    restoreBytes: neededBytes,
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

/** A moment after the last shipment is still reachable while the server runs: ship what there is first. */
async function freshenWal({ agent, input, name, component, work }: DatabasePlanning): Promise<void> {
  await agent.postgresql
    .shipperRequest(
      agent.shipperSocket,
      'flush',
      { system: input.system, component: name, tick: true, timeoutSeconds: Math.max(10, component.wal.shipEverySeconds) },
      { signal: work.signal },
    )
    .catch(() => null)
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

function decisionOf(planning: DatabasePlanning, choice: RecoveryChoice, storeName: string): PostgresqlDecision {
  const { input, name, component, observation, state, short } = planning
  const { postgresql, backup } = choice.manifest
  const current = currentIncarnation(state, name)
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
    tablespaces: postgresql.tablespaces.map(({ oid, path }) => {
      const live = observation.tablespaces.find((one) => one.oid === oid)
      const into = input.into ? `${observation.directory}-tablespace-${oid}` : newTablespacePath(live?.path ?? path, live?.mountPoint ?? false, short)
      return { oid, path: live?.path ?? path, into }
    }),
    walDirectory: observation.walDirectory,
    safetyPath: null,
  }
}

function lossOf({ input, observation, name }: DatabasePlanning, choice: RecoveryChoice) {
  if (input.target.kind !== 'latest') {
    const lossNow = `${name}: commits after the target are not in the restored data; they are kept with the old data and its WAL`
    return { lossNow, lossAfterTail: lossNow }
  }
  const found = observation.tailSources.some((one) => one.found)
  const lossNow = `${name}: commits after ${choice.newestAt}`
  return { lossNow, lossAfterTail: found ? `${name}: none, the tail is replayed too` : lossNow }
}

function layoutWarnings(observation: DatabaseObservation): readonly string[] {
  return observation.walDirectory === null ? [] : [`pg_wal was a link to ${observation.walDirectory}; the restored database has it inside its data directory`]
}

function walBytes(choice: RecoveryChoice): number {
  const start = choice.path.base.endLsn.split('/').map((half) => BigInt(`0x${half}`))
  const from = ((start[0] ?? 0n) << 32n) | (start[1] ?? 0n)
  return choice.fetchUntilLsn > from ? Number(choice.fetchUntilLsn - from) : 0
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`
}

export function isAfter(a: string, b: string): boolean {
  return isBefore(b, a)
}
