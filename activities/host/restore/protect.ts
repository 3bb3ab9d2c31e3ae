/** Protecting a recovered database before anyone is let in, and the old one again when it is not. */
import { randomBytes } from 'node:crypto'
import type { PostgresqlComponentConfig } from '../../../domain/config.ts'
import { currentIncarnation, foldRecords } from '../../../domain/control-state.ts'
import { judgeCopies } from '../../../domain/copies.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { Incarnation } from '../../../domain/repository-format.ts'
import { appendRecord } from '../../../repository/control-records.ts'
import { type Agent, componentOf, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { recordWriter } from '../incarnations.ts'
import { closedPlace } from './places.ts'
import type { DatabaseStep, Promoted, Protected, StoppedAt } from './types.ts'

const firstBytesSeconds = 60

export interface ProtectStep extends DatabaseStep {
  readonly incarnation: string
  readonly promoted: Promoted
  readonly openWith: readonly string[]
  readonly by: string
}

/**
 * Registers the new incarnation and waits until its first bytes are in the required stores.
 *
 * Effect: a control record; new slots and spool; WAL of the new incarnation in the stores.
 * Idempotent: yes; the incarnation's id comes with the step.
 * Heartbeat: each look at the stores.
 * Fails with: NotProtected naming each store that lacks it and why; Unreachable, RecordConflict.
 */
export function protectAgain(agent: Agent) {
  return async (step: ProtectStep, work: Work): Promise<Protected> => {
    const { config } = await agent.config(step.configHash)
    const writer = await recordWriter(agent, config)
    const life: Incarnation = {
      component: step.component,
      incarnation: step.incarnation,
      systemIdentifier: step.decision.identity?.systemIdentifier ?? (await closedIdentity(agent, step)),
      timelineId: step.promoted.timelineId,
      parent: step.decision.incarnation,
      forkLsn: step.promoted.forkLsn,
      forkAt: step.promoted.lastCommitAt,
      host: agent.host,
      registeredAt: agent.now().toISOString(),
    }
    const records = await appendRecord(writer, step.system, (all) =>
      foldRecords(all).incarnations.some((one) => one.incarnation === step.incarnation) ? null : { kind: 'incarnation', ...life },
    )
    const registered = foldRecords(records).incarnations.find((one) => one.incarnation === step.incarnation) as Incarnation
    const { socketDirectory, port } = closedPlace(agent, step)
    const where = { system: step.system, component: step.component }
    await agent.postgresql.shipperRequest(agent.shipperSocket, 'resume', { ...where, connection: { socketDirectory, port }, newIncarnation: registered })
    const stores = await awaitFirstBytes(agent, config, step, work)
    const without = step.openWith.filter((store) => !stores.includes(store))
    if (without.length > 0) {
      await appendRecord(writer, step.system, (all) =>
        foldRecords(all).openedWithout.some((one) => one.incarnation === step.incarnation)
          ? null
          : {
              kind: 'opened-without',
              component: step.component,
              incarnation: step.incarnation,
              stores: without,
              by: step.by,
              reason: 'asked for with --open-with',
            },
      )
    }
    return { incarnation: step.incarnation, stores }
  }
}

async function closedIdentity(agent: Agent, step: DatabaseStep): Promise<string> {
  const { config } = await agent.config(step.configHash)
  const facts = await agent.postgresql.inspectDataDirectory(await agent.instance(config, step.system, step.component), step.decision.directory)
  if (!facts) throw new MusterError('WrongTarget', `${step.decision.directory} holds no database`)
  return facts.systemIdentifier
}

/** @returns the stores that have the new incarnation's first bytes */
async function awaitFirstBytes(agent: Agent, config: Parameters<Agent['instance']>[0], step: ProtectStep, work: Work): Promise<readonly string[]> {
  const component = componentOf(config, step.system, step.component) as PostgresqlComponentConfig
  const { required } = systemOf(config, step.system).copies
  const where = { system: step.system, component: step.component }
  const deadline = Date.now() + firstBytesSeconds * 1000
  let problems = 'the WAL shipper has not answered yet'
  while (Date.now() < deadline) {
    work.progress({ phase: 'first bytes', doneBytes: 0, totalBytes: null })
    try {
      const flushed = await agent.postgresql.shipperRequest(agent.shipperSocket, 'flush', { ...where, tick: true, timeoutSeconds: 5 }, { signal: work.signal })
      return flushed.stores.filter(({ lagBytes }) => lagBytes === 0).map(({ store }) => store)
    } catch (error) {
      work.signal.throwIfAborted()
      if (!(error instanceof MusterError)) throw error
      problems = error.message
    }
    const status = await agent.postgresql.shipperRequest(agent.shipperSocket, 'status', undefined).catch(() => null)
    const instance = status?.instances.find((one) => one.system === step.system && one.component === step.component)
    const has = (instance?.incarnation === step.incarnation ? instance.stores : []).filter((one) => one.shippedLsn !== null && one.problem === null)
    const counted = [...has.map(({ store }) => store), ...step.openWith]
    const places = Object.fromEntries(has.flatMap(({ store, place }) => (place ? [[store, place]] : [])))
    if (has.length + step.openWith.length > 0 && judgeCopies(config, required, component.host, counted, places).met) return has.map(({ store }) => store)
    problems =
      instance?.stores
        .filter((one) => one.problem !== null)
        .map((one) => `${one.store}: ${one.problem}`)
        .join('; ') ||
      instance?.problem ||
      problems
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  throw new MusterError('NotProtected', `the required stores do not have the first bytes of ${step.system}/${step.component} after its recovery: ${problems}`)
}

/** `stopped`: from where the old life goes on; null where that was not seen. */
export interface ProtectOldStep extends DatabaseStep {
  readonly stopped: StoppedAt | null
}

/**
 * Protects the old incarnation again after a roll back, where a new one had been registered. The old server serves users
 * by then: its slots hold what it writes meanwhile.
 *
 * Effect: a control record when a new incarnation had been registered; the shipper streams the old one.
 * Idempotent: yes; the life that an earlier attempt registered is the one that goes on.
 * Heartbeat: none needed.
 * Fails with: RecordConflict, Unreachable, WrongTarget when nothing is in place.
 */
export function protectOld(agent: Agent) {
  return async (step: ProtectOldStep, _work: Work): Promise<{ readonly incarnation: string | null }> => {
    const { config } = await agent.config(step.configHash)
    const before = step.decision.identity?.incarnation ?? null
    if (before === null) return { incarnation: null }
    const id = randomBytes(6).toString('hex')
    const stopped = step.stopped ?? (await lastCheckpoint(agent, step))
    const records = await appendRecord(await recordWriter(agent, config), step.system, (all) => {
      const state = foldRecords(all)
      const current = currentIncarnation(state, step.component)
      const was = state.incarnations.find((one) => one.incarnation === before)
      if (!current || !was || current.incarnation === before || (current.parent === before && current.timelineId === was.timelineId)) return null
      // The old life goes on after one that never opened: same timeline, from where and when it was stopped.
      return { kind: 'incarnation', ...was, incarnation: id, parent: before, forkLsn: stopped.lsn, forkAt: null, registeredAt: stopped.at }
    })
    const current = currentIncarnation(foldRecords(records), step.component)
    if (!current || current.incarnation === before) return { incarnation: before }
    const where = { system: step.system, component: step.component }
    await agent.postgresql.shipperRequest(agent.shipperSocket, 'resume', { ...where, newIncarnation: current }).catch(() => null)
    return { incarnation: current.incarnation }
  }
}

/** Where it was not seen where the server stopped: its newest checkpoint by now, which loses a little of the way there. */
async function lastCheckpoint(agent: Agent, step: ProtectOldStep): Promise<StoppedAt> {
  const { config } = await agent.config(step.configHash)
  const facts = await agent.postgresql.inspectDataDirectory(await agent.instance(config, step.system, step.component), step.decision.directory)
  if (facts) return { lsn: facts.checkpointLsn, at: facts.checkpointAt }
  throw new MusterError('WrongTarget', `${step.decision.directory} holds no database, so there is no old life of ${step.system}/${step.component} to protect`)
}
