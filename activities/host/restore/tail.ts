/** Saving the tail: every source of later WAL that can be reached is drained before anything is given up. */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoppedWal } from '../../../adapters/component/postgresql/stopped-wal.ts'
import type { Config, PostgresqlComponentConfig } from '../../../domain/config.ts'
import { currentIncarnation } from '../../../domain/control-state.ts'
import { MusterError } from '../../../domain/failures.ts'
import { formatLsn, type Lsn, parseLsn, segmentStart } from '../../../domain/wal.ts'
import { coveredIntervals, replayableUntil } from '../../../domain/wal-shipments.ts'
import { listShipments, publishWal } from '../../../repository/wal-publish.ts'
import { type Agent, componentOf } from '../../agent.ts'
import { standbyHasNothing } from './observe-targets.ts'
import type { Work } from '../../boundary.ts'
import { databaseMember } from './places.ts'
import { readState } from './repository-view.ts'
import { lastStoredCommit } from './stored-tail.ts'
import type { DatabaseStep, SavedTail } from './types.ts'

const flushSeconds = 120

/**
 * Drains what the shipper has received and what the stopped server wrote, into the required stores.
 *
 * Effect: WAL of the old incarnation in the stores; the shipper is paused for this database.
 * Idempotent: yes; shipping again adds nothing.
 * Heartbeat: each source drained.
 * Fails with: CopiesMissing when a tail was found and the required stores do not take it, DiskFull.
 */
export function saveTail(agent: Agent) {
  return async (step: DatabaseStep, work: Work): Promise<SavedTail> => {
    const { config } = await agent.config(step.configHash)
    const sources: { source: string; found: boolean; detail: string }[] = []
    const spool = await drainSpool(agent, step, work)
    sources.push(spool)
    work.progress({ phase: 'spool', doneBytes: 1, totalBytes: 2 })
    const left = await leftBehind(agent, config, step)
    const wal = left?.wal ?? null
    sources.push({
      source: 'pg_wal',
      found: wal !== null && wal.segments.length > 0,
      detail: wal === null ? 'the data directory is not there' : `${wal.segments.length} segments, last commit ${wal.lastCommitAt ?? 'unknown'}`,
    })
    sources.push({ source: 'standby', found: false, detail: standbyHasNothing })
    const stores = left === null ? [] : await shipMissing(agent, config, step, left, work)
    const stored = left === null && step.target.kind === 'latest' ? await lastStoredCommit(agent, config, step) : null
    // A byte further than where a record begins is reached only by having replayed it.
    const untilLsn = wal?.endLsn ?? (stored && stored.lsn + 1n)
    return {
      sources,
      untilLsn: untilLsn === null ? null : formatLsn(untilLsn),
      lastCommitAt: wal?.lastCommitAt ?? stored?.at ?? null,
      stores,
      stopped: left && { lsn: formatLsn(left.endLsn), at: left.stoppedAt },
    }
  }
}

/** What the stopped server left in its `pg_wal`. */
interface LeftBehind {
  readonly wal: StoppedWal
  /** Where it goes on writing when it is started again: behind its last checkpoint, or its last commit where it crashed. */
  readonly endLsn: Lsn
  /** Of its last checkpoint. */
  readonly stoppedAt: string
}

async function leftBehind(agent: Agent, config: Config, step: DatabaseStep): Promise<LeftBehind | null> {
  const instance = await agent.instance(config, step.system, step.component)
  const facts = await agent.postgresql.inspectDataDirectory(instance, step.decision.directory).catch(() => null)
  if (!facts) return null
  const checkpointLsn = parseLsn(facts.checkpointLsn)
  // All of it: where the stores end is known only to them, and the last commit may lie some segments back.
  const wal = await walOfStopped(agent, config, step, facts, 0n)
  if (!wal) return null
  const endLsn = wal.endLsn !== null && wal.endLsn > checkpointLsn ? wal.endLsn : checkpointLsn
  return { wal, endLsn, stoppedAt: facts.checkpointAt }
}

async function drainSpool(agent: Agent, step: DatabaseStep, work: Work): Promise<{ source: string; found: boolean; detail: string }> {
  const where = { system: step.system, component: step.component }
  try {
    const flushed = await agent.postgresql.shipperRequest(
      agent.shipperSocket,
      'flush',
      { ...where, tick: false, timeoutSeconds: flushSeconds },
      { signal: work.signal },
    )
    await agent.postgresql.shipperRequest(agent.shipperSocket, 'pause', { ...where, reason: `restore ${step.run}` })
    return { source: 'spool', found: true, detail: `in the required stores to ${flushed.requiredLsn}` }
  } catch (error) {
    work.signal.throwIfAborted()
    await agent.postgresql.shipperRequest(agent.shipperSocket, 'pause', { ...where, reason: `restore ${step.run}` }).catch(() => null)
    return { source: 'spool', found: false, detail: error instanceof Error ? error.message : String(error) }
  }
}

type DirectoryFacts = NonNullable<Awaited<ReturnType<Agent['postgresql']['inspectDataDirectory']>>>

async function walOfStopped(agent: Agent, config: Config, step: DatabaseStep, facts: DirectoryFacts, fromLsn: Lsn): Promise<StoppedWal | null> {
  const instance = await agent.instance(config, step.system, step.component)
  const directory = join(step.decision.directory, 'pg_wal')
  if (
    !(await readdir(directory).then(
      () => true,
      () => false,
    ))
  )
    return null
  const workDirectory = join(databaseMember(agent, step).workDirectory, 'tail')
  await mkdir(workDirectory, { recursive: true, mode: 0o700 })
  const { timelineId, segmentSizeBytes, serverMajor } = facts
  return agent.postgresql.endOfStoppedWal(instance, directory, { timelineId, fromLsn, segmentSizeBytes, serverMajor, workDirectory })
}

/** What the stopped server wrote and no required store has yet. */
async function shipMissing(agent: Agent, config: Config, step: DatabaseStep, left: LeftBehind, work: Work): Promise<readonly string[]> {
  const state = await readState(agent, config, step.system)
  const incarnation = currentIncarnation(state, step.component)
  if (!incarnation) return []
  const component = componentOf(config, step.system, step.component) as PostgresqlComponentConfig
  const have: string[] = []
  for (const name of component.stores) {
    work.progress({ phase: `tail to ${name}`, doneBytes: have.length, totalBytes: component.stores.length })
    const store = await agent.store(config, name)
    const lacking = await lackingIn(store, step, incarnation.incarnation, left).catch(() => null)
    if (lacking === null) continue
    if (lacking.length === 0 || (await shipTo(agent, config, step, incarnation.incarnation, incarnation.timelineId, name, lacking))) have.push(name)
  }
  return have
}

async function lackingIn(
  store: Awaited<ReturnType<Agent['store']>>,
  step: DatabaseStep,
  incarnation: string,
  { wal, endLsn: until }: LeftBehind,
): Promise<StoppedWal['segments']> {
  const shipments = await listShipments(store, step.system, step.component, incarnation)
  // What the server keeps from before its archiving began is not missing.
  const from = coveredIntervals(shipments)[0]?.startLsn ?? 0n
  // Never beyond the data: zeros behind it would hide what the old server writes there after a roll back.
  return wal.segments
    .filter(({ startLsn, endLsn }) => startLsn < until && endLsn > from)
    .map((one) => ({ ...one, endLsn: one.endLsn < until ? one.endLsn : until }))
    .filter(({ startLsn, endLsn }) => replayableUntil(shipments, startLsn) < endLsn)
}

/** Each segment of the stopped server from its first byte to the end of its data. */
async function shipTo(
  agent: Agent,
  config: Config,
  step: DatabaseStep,
  incarnation: string,
  timelineId: number,
  storeName: string,
  segments: StoppedWal['segments'],
): Promise<boolean> {
  const staging = join(agent.hostDirectory, 'staging', `tail.${step.system}.${step.component}`)
  await mkdir(staging, { recursive: true, mode: 0o700 })
  try {
    for (const { segment, path, startLsn, endLsn } of segments) {
      const { compressed, done } = agent.postgresql.compressRange(path, 0, Number(endLsn - startLsn))
      const facts = {
        organisation: config.organisation,
        system: step.system,
        component: step.component,
        incarnation,
        timelineId,
        segment,
        kind: 'partial' as const,
        startLsn,
        endLsn,
        firstCommitAt: null,
        lastCommitAt: null,
        lastCommitLsn: null,
        stores: [storeName],
        writer: { host: agent.host, muster: agent.musterVersion },
      }
      const [outcome] = await publishWal(
        { stores: [await agent.store(config, storeName)], encryption: agent.encryption(config), signer: await agent.signer() },
        compressed,
        facts,
        join(staging, `${segment}.${storeName}.age`),
      )
      await done
      if (!outcome || outcome.outcome === 'failed') return false
    }
    return true
  } catch (error) {
    if (error instanceof MusterError) return false
    throw error
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

/** The stopped server's own WAL from the segment before the one where replay stands; null where it has none. */
export async function tailAfter(agent: Agent, config: Config, step: DatabaseStep, replayedLsn: Lsn): Promise<StoppedWal | null> {
  const instance = await agent.instance(config, step.system, step.component)
  const facts = await agent.postgresql.inspectDataDirectory(instance, step.decision.directory).catch(() => null)
  if (!facts) return null
  const size = BigInt(facts.segmentSizeBytes)
  return walOfStopped(agent, config, step, facts, replayedLsn > size ? segmentStart(replayedLsn - size, facts.segmentSizeBytes) : 0n)
}
