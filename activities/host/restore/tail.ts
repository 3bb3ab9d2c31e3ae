/** Saving the tail: every source of later WAL that can be reached is drained before anything is given up. */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoppedWal } from '../../../adapters/component/postgresql/stopped-wal.ts'
import type { Config, PostgresqlComponentConfig } from '../../../domain/config.ts'
import { currentIncarnation } from '../../../domain/control-state.ts'
import { MusterError } from '../../../domain/failures.ts'
import { formatLsn, type Lsn, parseLsn, segmentStart } from '../../../domain/wal.ts'
import { replayableUntil } from '../../../domain/wal-shipments.ts'
import { listShipments, publishWal } from '../../../repository/wal-publish.ts'
import { type Agent, componentOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { databaseMember } from './places.ts'
import { readState } from './repository-view.ts'
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
    const wal = await walOfStopped(agent, config, step)
    sources.push({
      source: 'pg_wal',
      found: wal !== null && wal.segments.length > 0,
      detail: wal === null ? 'the data directory is not there' : `${wal.segments.length} segments, last commit ${wal.lastCommitAt ?? 'unknown'}`,
    })
    sources.push({ source: 'standby', found: false, detail: 'none is configured' })
    const stores = wal === null ? [] : await shipMissing(agent, config, step, wal, work)
    return {
      sources,
      untilLsn: wal?.lastCommitLsn ? formatLsn(wal.lastCommitLsn) : null,
      lastCommitAt: wal?.lastCommitAt ?? null,
      stores,
    }
  }
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

async function walOfStopped(agent: Agent, config: Config, step: DatabaseStep, fromLsn?: Lsn): Promise<StoppedWal | null> {
  const instance = await agent.instance(config, step.system, step.component)
  const facts = await agent.postgresql.inspectDataDirectory(instance, step.decision.directory).catch(() => null)
  if (!facts) return null
  const directory = join(step.decision.directory, 'pg_wal')
  if (
    !(await readdir(directory).then(
      () => true,
      () => false,
    ))
  )
    return null
  const workDirectory = join(databaseMember(agent, step.system, step.decision).workDirectory, 'tail')
  await mkdir(workDirectory, { recursive: true, mode: 0o700 })
  return agent.postgresql.endOfStoppedWal(instance, directory, {
    timelineId: facts.timelineId,
    fromLsn: fromLsn ?? segmentStart(parseLsn(facts.checkpointLsn), facts.segmentSizeBytes),
    segmentSizeBytes: facts.segmentSizeBytes,
    serverMajor: facts.serverMajor,
    workDirectory,
  })
}

/** What the stopped server wrote and no required store has yet. */
async function shipMissing(agent: Agent, config: Config, step: DatabaseStep, wal: StoppedWal, work: Work): Promise<readonly string[]> {
  const state = await readState(agent, config, step.system)
  const incarnation = currentIncarnation(state, step.component)
  if (!incarnation || wal.endLsn === null) return []
  const component = componentOf(config, step.system, step.component) as PostgresqlComponentConfig
  const have: string[] = []
  for (const name of component.stores) {
    work.progress({ phase: `tail to ${name}`, doneBytes: have.length, totalBytes: component.stores.length })
    const store = await agent.store(config, name)
    const lacking = await lackingIn(store, step, incarnation.incarnation, wal).catch(() => null)
    if (lacking === null) continue
    if (lacking.length === 0 || (await shipTo(agent, config, step, incarnation.incarnation, incarnation.timelineId, name, lacking))) have.push(name)
  }
  return have
}

async function lackingIn(
  store: Awaited<ReturnType<Agent['store']>>,
  step: DatabaseStep,
  incarnation: string,
  wal: StoppedWal,
): Promise<StoppedWal['segments']> {
  const shipments = await listShipments(store, step.system, step.component, incarnation)
  const until = wal.endLsn as Lsn
  // Never beyond the data: zeros behind it would hide what the old server writes there after a roll back.
  return wal.segments
    .filter(({ startLsn }) => startLsn < until)
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

/** The stopped server's own WAL from the first segment that replay may still lack. */
export async function tailDirectories(agent: Agent, config: Config, step: DatabaseStep, untilLsn: Lsn): Promise<readonly StoppedWal[]> {
  const instance = await agent.instance(config, step.system, step.component)
  const facts = await agent.postgresql.inspectDataDirectory(instance, step.decision.directory).catch(() => null)
  if (!facts) return []
  // Some segments more than needed do no harm: each is the same or a fuller state of what is there.
  const back = BigInt(facts.segmentSizeBytes) * 64n
  const wal = await walOfStopped(agent, config, step, untilLsn > back ? segmentStart(untilLsn - back, facts.segmentSizeBytes) : 0n)
  return wal ? [wal] : []
}
