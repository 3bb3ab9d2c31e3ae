/**
 * WAL that reached the stores after it was prefetched. The old server goes on while its copy is restored, and lets go of
 * what is stored: neither the prefetched files nor its own `pg_wal` has that any more.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../../../domain/config.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { WalShipmentName } from '../../../domain/object-keys.ts'
import { type Lsn, parseLsn } from '../../../domain/wal.ts'
import { type FetchPlan, planFetch } from '../../../domain/wal-shipments.ts'
import { fetchWal, readWalIndex } from '../../../repository/wal-fetch.ts'
import { listShipments } from '../../../repository/wal-publish.ts'
import { alongPath, lastCommit } from '../../../repository/wal-times.ts'
import { type Agent, componentOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { asideQuarantine, databaseMember, walDirectory } from './places.ts'
import type { DatabaseStep } from './types.ts'

interface StoredTail {
  readonly store: Awaited<ReturnType<Agent['store']>>
  readonly names: readonly WalShipmentName[]
  readonly plan: FetchPlan<WalShipmentName>
}

/** In the store that has the longest unbroken WAL from an LSN on; null where none answers. */
async function longestTail(agent: Agent, config: Config, step: DatabaseStep, fromLsn: Lsn, untilLsn?: Lsn): Promise<StoredTail | null> {
  const instance = await agent.instance(config, step.system, step.component)
  const facts = await agent.postgresql.inspectDataDirectory(instance, asideQuarantine(agent, step).directory)
  if (!facts) return null
  const { fromStore, incarnation, timelineId } = step.decision
  const { segmentSizeBytes } = facts
  let longest: StoredTail | null = null
  for (const name of new Set([fromStore, ...componentOf(config, step.system, step.component).stores])) {
    try {
      const store = await agent.store(config, name)
      const names = await listShipments(store, step.system, step.component, incarnation)
      const plan = planFetch(names, { timelineId, fromLsn, segmentSizeBytes, ...(untilLsn !== undefined && { untilLsn }) })
      if (longest === null || plan.endLsn > longest.plan.endLsn) longest = { store, names, plan }
    } catch (error) {
      // Another store may have it; where none has, the recovery itself says what it misses.
      if (!(error instanceof MusterError)) throw error
      agent.log.error({ store: name, problem: error.message }, 'a store cannot be asked for the tail')
    }
  }
  return longest
}

/** Gives a held copy what the stores have from an LSN on. @param untilLsn not what begins there or later */
export async function replayStored(agent: Agent, config: Config, step: DatabaseStep, fromLsn: Lsn, untilLsn: Lsn, work: Work): Promise<void> {
  const tail = await longestTail(agent, config, step, fromLsn, untilLsn)
  if (!tail || tail.plan.segments.length === 0) return
  const instance = await agent.instance(config, step.system, step.component)
  const member = databaseMember(agent, step)
  // Aside first: under its own name a segment must at once be readable by the server's user.
  const directory = join(member.workDirectory, 'tail', 'stored')
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true, mode: 0o700 })
  try {
    const parts = {
      store: tail.store,
      decryption: await agent.decryption(config, step.identityFile),
      verifier: await agent.verifier(config),
      decompressToFile: agent.postgresql.decompressToFile,
    }
    const place = { system: step.system, component: step.component, incarnation: step.decision.incarnation }
    await fetchWal(parts, place, { ...tail.plan, histories: [] }, directory, {
      signal: work.signal,
      onProgress: ({ files, totalFiles, bytes }) => work.progress({ phase: `stored tail ${files} of ${totalFiles} files`, doneBytes: bytes, totalBytes: null }),
    })
    const segments = tail.plan.segments.map((one) => ({ ...one, path: join(directory, one.segment) }))
    await agent.postgresql.copyStoppedWal(instance, { segments }, walDirectory(member))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/**
 * The last commit that the stores hold, without a hole, behind what the held copy has replayed; null where there is none,
 * or where nothing is held yet: what is restored later than this is restored with it.
 */
export async function lastStoredCommit(agent: Agent, config: Config, step: DatabaseStep): Promise<{ readonly at: string; readonly lsn: Lsn } | null> {
  const instance = await agent.instance(config, step.system, step.component)
  const held = await agent.postgresql.awaitHeld(instance, asideQuarantine(agent, step), { target: { kind: 'end' } }).catch(() => null)
  if (!held) return null
  const fromLsn = parseLsn(held.replayedLsn)
  const tail = await longestTail(agent, config, step, fromLsn)
  if (!tail) return null
  const verifier = await agent.verifier(config)
  const place = { system: step.system, component: step.component }
  const path = alongPath(step.decision.incarnation, tail.names, fromLsn, tail.plan.endLsn)
  const last = await lastCommit(path, (incarnation, name) => readWalIndex({ store: tail.store, verifier }, { ...place, incarnation }, name))
  return last !== null && parseLsn(last.lsn) >= fromLsn ? { at: last.at, lsn: parseLsn(last.lsn) } : null
}
