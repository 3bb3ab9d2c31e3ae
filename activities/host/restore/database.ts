/** Stopping, starting closed and opening databases: what cannot be made conditional is observed first. */
import { MusterError } from '../../../domain/failures.ts'
import { type Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { passingGuards } from '../guard-permits.ts'
import { claimOf } from './claims.ts'
import { closedPlace, databaseMember } from './places.ts'
import type { DatabaseStep } from './types.ts'

/**
 * Stops the old server and proves it stopped: no process with the data directory, no listener.
 *
 * Effect: the database serves nobody.
 * Idempotent: yes; a stopped server stays stopped.
 * Heartbeat: none needed.
 * Fails with: WrongTarget, EpochSuperseded, Timeout, CommandFailed.
 */
export function stopDatabase(agent: Agent) {
  return async (step: DatabaseStep, work: Work): Promise<{ readonly state: 'stopped' }> => {
    const { config } = await agent.config(step.configHash)
    const instance = await agent.instance(config, step.system, step.component)
    const member = databaseMember(agent, step)
    const epoch = await agent.members.takeEpoch(member, claimOf(work))
    const mayAct = () => agent.members.insistNewest(member, epoch)
    await agent.postgresql.stopServer(instance, { mode: 'fast' }, { signal: work.signal, mayAct })
    return { state: 'stopped' }
  }
}

/**
 * Starts the old server again on its own data, by its own manager. Undoes `stopDatabase`.
 *
 * Effect: the database serves users as before; nothing when it did not run before, or nothing is there.
 * Idempotent: yes.
 * Heartbeat: none needed.
 * Fails with: EpochSuperseded, CommandFailed, Timeout, PreconditionFailed.
 */
export function startOldDatabase(agent: Agent) {
  return async (step: DatabaseStep, work: Work): Promise<{ readonly started: boolean }> => {
    const { config } = await agent.config(step.configHash)
    const instance = await agent.instance(config, step.system, step.component)
    const where = { system: step.system, component: step.component }
    if (!step.decision.running) {
      await agent.postgresql.shipperRequest(agent.shipperSocket, 'resume', where).catch(() => null)
      return { started: false }
    }
    const member = databaseMember(agent, step)
    const epoch = await agent.members.takeEpoch(member, claimOf(work))
    await agent.postgresql.stopQuarantined(closedPlace(agent, step)).catch(ignoreOther)
    const mayAct = () => agent.members.insistNewest(member, epoch)
    await passingGuards(agent, step.system, () => agent.postgresql.startServer(instance, { signal: work.signal, mayAct }))
    await agent.postgresql.shipperRequest(agent.shipperSocket, 'resume', where).catch(() => null)
    return { started: true }
  }
}

/** Another server than ours on the directory is the old one, already started by an earlier attempt. */
function ignoreOther(error: unknown): void {
  if (error instanceof MusterError && (error.type === 'TargetRunning' || error.type === 'WrongTarget')) return
  throw error
}

/**
 * Starts the swapped-in server closed: writable, but reachable over a private socket only.
 *
 * Effect: a server on the data directory that no user reaches.
 * Idempotent: yes.
 * Heartbeat: none needed.
 * Fails with: TargetRunning, EpochSuperseded, CommandFailed, Timeout.
 */
export function startClosed(agent: Agent) {
  return async (step: DatabaseStep, work: Work): Promise<{ readonly timelineId: number }> => {
    const { config } = await agent.config(step.configHash)
    const instance = await agent.instance(config, step.system, step.component)
    const member = databaseMember(agent, step)
    const epoch = await agent.members.takeEpoch(member, claimOf(work))
    const mayAct = () => agent.members.insistNewest(member, epoch)
    const facts = await agent.postgresql.startClosed(instance, closedPlace(agent, step), {}, { signal: work.signal, mayAct })
    return { timelineId: facts.timelineId }
  }
}

/**
 * Stops the closed server. Undoes `startClosed`.
 *
 * Effect: no server of ours on the data directory.
 * Idempotent: yes.
 * Heartbeat: none needed.
 * Fails with: TargetRunning, EpochSuperseded.
 */
export function stopClosed(agent: Agent) {
  return async (step: DatabaseStep, work: Work): Promise<{ readonly state: 'stopped' }> => {
    const member = databaseMember(agent, step)
    await agent.members.assertNewest(member, await agent.members.takeEpoch(member, claimOf(work)))
    await agent.postgresql.stopQuarantined(closedPlace(agent, step))
    return { state: 'stopped' }
  }
}

/**
 * Opens the recovered database to users: stops the closed server, starts it as its own manager does, and proves
 * that nothing of the quarantine is left on it.
 *
 * Effect: users reach the restored data. The point of no return.
 * Idempotent: yes; an open database is only proven.
 * Heartbeat: none needed.
 * Fails with: EpochSuperseded, CommandFailed, Timeout, PreconditionFailed.
 */
export function openDatabase(agent: Agent) {
  return async (step: DatabaseStep, work: Work): Promise<{ readonly timelineId: number }> => {
    const { config } = await agent.config(step.configHash)
    const instance = await agent.instance(config, step.system, step.component)
    const member = databaseMember(agent, step)
    const epoch = await agent.members.takeEpoch(member, claimOf(work))
    await agent.postgresql.stopQuarantined(closedPlace(agent, step)).catch(ignoreOther)
    const mayAct = () => agent.members.insistNewest(member, epoch)
    await passingGuards(agent, step.system, () => agent.postgresql.startServer(instance, { signal: work.signal, mayAct }))
    const facts = await agent.postgresql.proveOpen(instance)
    await agent.postgresql.shipperRequest(agent.shipperSocket, 'resume', { system: step.system, component: step.component })
    return { timelineId: facts.timelineId }
  }
}
