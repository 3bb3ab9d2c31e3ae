/** What is done with a copy that is held in quarantine: checks, more WAL, promotion. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { formatLsn, parseLsn } from '../../../domain/wal.ts'
import type { PostgresqlComponentConfig } from '../../../domain/config.ts'
import { type Agent, componentOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { claimOf } from './claims.ts'
import { isDrill } from '../drill/drill-place.ts'
import { readStandby, standbyMember } from '../standby/standby-note.ts'
import { refuseInService } from './in-service.ts'
import { asideQuarantine, closedPlace, databaseMember, restoreShort, walDirectory } from './places.ts'
import { recoveryTarget } from './restore-aside.ts'
import { replayStored } from './stored-tail.ts'
import { tailAfter } from './tail.ts'
import type { Checked, DatabaseStep, Held, Promoted } from './types.ts'
import { refuseUnplannedTablespaces } from './young-tablespaces.ts'

/**
 * Runs the configured checks, read-only, on the held copy or on the closed server in place.
 *
 * Effect: none.
 * Idempotent: yes, it only reads.
 * Heartbeat: none needed.
 * Fails with: CheckFailed naming each check that failed and its value; PreconditionFailed for a drill whose copy could reach others.
 */
export function checkRestored(agent: Agent) {
  return async (step: DatabaseStep & { readonly where: 'aside' | 'closed' }, _work: Work): Promise<Checked> => {
    const { config } = await agent.config(step.configHash)
    const instance = await agent.instance(config, step.system, step.component)
    const { checks } = componentOf(config, step.system, step.component) as PostgresqlComponentConfig
    if (step.where === 'aside' && isDrill(agent, step.decision.directory)) await refuseReachingOut(agent, instance, step)
    const place = step.where === 'aside' ? asideQuarantine(agent, step) : closedPlace(agent, step)
    const now = step.target.kind === 'time' ? new Date(step.target.time) : agent.now()
    const results = await agent.postgresql.runChecks(instance, place, checks, { now })
    const failed = results.filter(({ ok }) => !ok)
    if (failed.length > 0) {
      throw new MusterError(
        'CheckFailed',
        `${failed.length} of ${results.length} checks of ${step.system}/${step.component} failed: ${failed.map(({ name, detail }) => `${name}: ${detail}`).join('; ')}`,
      )
    }
    return { checks: results }
  }
}

/** Before anything is asked of the copy: a check may use a foreign table. */
async function refuseReachingOut(agent: Agent, instance: Awaited<ReturnType<Agent['instance']>>, step: DatabaseStep): Promise<void> {
  if (agent.postgresql.quarantineIsolates()) return
  const found = await agent.postgresql.reachesOut(instance, asideQuarantine(agent, step))
  if (found.length === 0) return
  throw new MusterError(
    'PreconditionFailed',
    `${step.system}/${step.component} declares ${found.join(', ')}, and this host gives a copy no network namespace: a drill here could reach what is in service`,
    { hint: 'run the agent as root, allow user namespaces, or rehearse on another host: muster drill SYSTEM --host HOST' },
  )
}

/**
 * Gives the held copy the tail that was saved, from the stopped server and from the stores, and waits until its last
 * commit is replayed.
 *
 * Effect: more segments in the member's `wal` folder; the copy in quarantine replays them.
 * Idempotent: yes.
 * Heartbeat: the LSN replayed.
 * Fails with: WalGap, RestoreFailed, DiskFull, PreconditionFailed (a tablespace that is younger than the plan), Timeout.
 */
export function replayTail(agent: Agent) {
  return async (step: DatabaseStep & { readonly untilLsn: string }, work: Work): Promise<Held> => {
    const { config } = await agent.config(step.configHash)
    const instance = await agent.instance(config, step.system, step.component)
    const directory = walDirectory(databaseMember(agent, step))
    const quarantine = asideQuarantine(agent, step)
    const options = { signal: work.signal, onProgress: (progress: Parameters<Work['progress']>[0]) => work.progress(progress) }
    const { replayedLsn } = await agent.postgresql.awaitHeld(instance, quarantine, { target: { kind: 'end' } }, options)
    const fromLsn = parseLsn(replayedLsn)
    await refuseUnplannedTablespaces(agent, config, step)
    // Of a move, what lies at the target is another life: the tail of the old side is in the stores.
    const wal = step.mode === 'move' ? null : await tailAfter(agent, config, step, fromLsn)
    const [oldest] = wal?.segments ?? []
    // Its own WAL wins: what the stores have of the same segments is older.
    if (!oldest || oldest.startLsn > fromLsn) await replayStored(agent, config, step, fromLsn, oldest?.startLsn ?? parseLsn(step.untilLsn), work)
    if (wal) await agent.postgresql.copyStoppedWal(instance, wal, directory)
    return agent.postgresql.awaitHeld(instance, quarantine, { target: { kind: 'end' }, untilLsn: step.untilLsn }, options)
  }
}

/**
 * Promotes the held copy, proves it, and stops it: ready to be swapped in, without recovery settings.
 *
 * Effect: a new timeline in `aside/data`; no server on it.
 * Idempotent: yes; a copy that is promoted already is only proven, one that is stopped is started for that.
 * Heartbeat: none needed.
 * Fails with: RestoreFailed, NotReadyYet, EpochSuperseded, DiskFull, WrongTarget.
 */
export function promoteAside(agent: Agent) {
  return async (step: DatabaseStep, work: Work): Promise<Promoted> => {
    const { config } = await agent.config(step.configHash)
    await refuseInService(agent, config, step)
    const instance = await agent.instance(config, step.system, step.component)
    if (step.decision.safetyPath !== null) return safetyLife(agent, step)
    const quarantine = asideQuarantine(agent, step)
    const member = databaseMember(agent, step)
    await agent.members.assertNewest(member, await agent.members.takeEpoch(member, claimOf(work)))
    const note = join(member.workDirectory, `promoted-${restoreShort(step)}.json`)
    const before = await readFile(note, 'utf8').then(
      (text) => JSON.parse(text) as Promoted,
      () => null,
    )
    const result = before ?? (await promote(agent, step, instance, work))
    await writeFile(note, JSON.stringify(result), { mode: 0o600, flush: true })
    await agent.postgresql.stopQuarantined(quarantine)
    await agent.postgresql.clearRecoverySettings(quarantine.directory)
    await agent.postgresql.ownYoungTablespaces(instance, quarantine.directory, step.decision.youngTablespaces ?? [])
    return result
  }
}

async function promote(agent: Agent, step: DatabaseStep, instance: Awaited<ReturnType<Agent['instance']>>, work: Work): Promise<Promoted> {
  const quarantine = asideQuarantine(agent, step)
  const { config } = await agent.config(step.configHash)
  // The copy already holds, so the target it was started with answers at once.
  const target = await recoveryTarget(agent, config, step)
  // An attempt that was lost may have promoted already; then the copy does not hold any more.
  const held = await agent.postgresql.awaitHeld(instance, quarantine, { target }, { signal: work.signal }).catch((error: unknown) => {
    if (work.attempt > 1 && error instanceof MusterError && error.type === 'RestoreFailed') return null
    throw error
  })
  const { timelineId, forkLsn } = await agent.postgresql.promoteHeld(instance, quarantine, { signal: work.signal, label: work.label })
  return { timelineId, forkLsn, lastCommitAt: held?.lastCommitAt ?? (await lastCommitOfStandby(agent, step)) }
}

/** A server that was started again knows only of commits that it replayed itself. */
async function lastCommitOfStandby(agent: Agent, { system, decision }: DatabaseStep): Promise<string | null> {
  if (decision.standby === undefined) return null
  const standby = await readStandby(standbyMember(agent, system, decision))
  return standby?.seed === decision.standby.seed ? standby.lastCommitAt : null
}

/** A safety set goes on where it was stopped, on its own timeline. */
async function safetyLife(agent: Agent, step: DatabaseStep): Promise<Promoted> {
  const { config } = await agent.config(step.configHash)
  const instance = await agent.instance(config, step.system, step.component)
  const facts = await agent.postgresql.inspectDataDirectory(instance, step.decision.safetyPath as string)
  if (!facts) throw new MusterError('BackupNotFound', `the safety set is not at ${step.decision.safetyPath} any more`)
  return { timelineId: facts.timelineId, forkLsn: formatLsn(parseLsn(facts.checkpointLsn)), lastCommitAt: null }
}
