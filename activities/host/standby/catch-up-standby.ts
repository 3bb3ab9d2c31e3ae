import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import type { Standby } from '../../../domain/standby.ts'
import { secondsBetween } from '../../../domain/times.ts'
import { isSegmentName, parseSegmentName, parseLsn } from '../../../domain/wal.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { claimOf } from '../restore/claims.ts'
import { fetchAlong } from '../restore/fetch-along.ts'
import { asideQuarantine, type QuarantinePlace, walDirectory } from '../restore/places.ts'
import type { DatabaseStep, Held } from '../restore/types.ts'
import { refuseUnplannedTablespaces } from '../restore/young-tablespaces.ts'
import { releaseStandby, whileHolding } from './standby-hold.ts'
import { readStandby, standbyMember, writeStandby } from './standby-note.ts'

/**
 * Has a standby replay what the stores hold, and stops it again: between two refreshes nothing runs that could be lost,
 * reached or promoted.
 *
 * Effect: WAL in the standby's `wal` folder, without what it needs no more; the copy at the newest moment; its note says so.
 * Idempotent: yes; a server that an earlier attempt started is ended first.
 * Heartbeat: files fetched, the LSN replayed.
 * Fails with: RecoveryTargetUnreachable, ObjectMissing, ChecksumMismatch, SignatureInvalid, WalGap, RestoreFailed,
 *   LockHeld, PreconditionFailed (the standby is gone or was taken meanwhile), EpochSuperseded, DiskFull, Unreachable. Once a day every
 *   page is read: ChecksumMismatch, and the next refresh begins anew.
 */
export function catchUpStandby(agent: Agent) {
  return async (step: DatabaseStep & { readonly seed: string }, work: Work): Promise<Held> => {
    const held = await whileHolding(agent, step, work, () => catchUp(agent, step, work))
    await releaseStandby(agent, step, work)
    return held
  }
}

async function catchUp(agent: Agent, step: DatabaseStep & { readonly seed: string }, work: Work): Promise<Held> {
  const { config } = await agent.config(step.configHash)
  const instance = await agent.instance(config, step.system, step.component)
  const member = standbyMember(agent, step.system, step.decision)
  const standby = await readStandby(member)
  if (!standby || standby.seed !== step.seed || standby.state === 'adopted') {
    throw new MusterError('PreconditionFailed', `the standby of ${step.system}/${step.component} is gone or was taken meanwhile`, {
      hint: 'the next refresh looks again',
    })
  }
  const epoch = await agent.members.takeEpoch(member, claimOf(work))
  const quarantine = asideQuarantine(agent, step)
  await agent.postgresql.stopQuarantined(quarantine)
  await fetchAlong(agent, config, step, { replayedLsn: standby.replayedLsn }, work)
  await refuseUnplannedTablespaces(agent, config, step)
  await agent.members.assertNewest(member, epoch)
  try {
    const { timelineId, youngTablespaces = [] } = step.decision
    const order = { walDirectory: walDirectory(member), timelineId, target: { kind: 'end' as const }, youngTablespaces }
    await agent.postgresql.startRecovery(instance, quarantine, order, { label: work.label })
    const held = await agent.postgresql.awaitHeld(
      instance,
      quarantine,
      { target: { kind: 'end' } },
      { signal: work.signal, onProgress: (progress) => work.progress(progress) },
    )
    await agent.members.assertNewest(member, epoch)
    const { incarnation } = step.decision
    const lastCommitAt = held.lastCommitAt ?? standby.lastCommitAt
    const refreshedAt = agent.now().toISOString()
    const refreshed: Standby = { ...standby, ...held, state: 'ready', incarnation, lastCommitAt, failedRefreshes: 0, refreshedAt }
    await writeStandby(member, refreshed)
    await agent.postgresql.stopQuarantined(quarantine)
    await verify(agent, instance, { member, directory: quarantine.directory, standby: refreshed }, work)
    return { ...held, lastCommitAt }
  } catch (error) {
    const now = await readStandby(member)
    if (now?.state === 'ready' && isOfCopy(error, work) && (await isNewest(agent, member, epoch))) {
      await writeStandby(member, { ...now, failedRefreshes: (now.failedRefreshes ?? 0) + 1 })
    }
    throw error
  } finally {
    if (await isNewest(agent, member, epoch)) await endServer(agent, instance, quarantine, walDirectory(member))
  }
}

/** A backup's files are proven when they are restored; a standby is months old when it is needed. */
const verifyEverySeconds = 24 * 3600

async function verify(
  agent: Agent,
  instance: Awaited<ReturnType<Agent['instance']>>,
  { member, directory, standby }: { readonly member: Parameters<typeof writeStandby>[0]; readonly directory: string; readonly standby: Standby },
  work: Work,
): Promise<void> {
  const now = agent.now().toISOString()
  if (secondsBetween(standby.verifiedAt ?? standby.seededAt, now) < verifyEverySeconds) return
  try {
    const options = { signal: work.signal, label: work.label, onProgress: (progress: Parameters<Work['progress']>[0]) => work.progress(progress) }
    if (await agent.postgresql.verifyPages(instance, directory, options)) await writeStandby(member, { ...standby, verifiedAt: now })
  } catch (error) {
    if (error instanceof MusterError && error.type === 'ChecksumMismatch') await writeStandby(member, { ...standby, state: 'damaged' })
    throw error
  }
}

/** Another refresh or a failover works with the copy otherwise, and with a server at the same place. */
async function isNewest(agent: Agent, ...place: Parameters<Agent['members']['assertNewest']>): Promise<boolean> {
  return agent.members.assertNewest(...place).then(
    () => true,
    () => false,
  )
}

/** What neither a full disk nor a store that is out explains. */
function isOfCopy(error: unknown, { signal }: Work): boolean {
  if (signal.aborted || !(error instanceof MusterError)) return false
  return !['DiskFull', 'Cancelled', 'EpochSuperseded', 'TargetRunning', 'Unreachable'].includes(error.type)
}

async function endServer(agent: Agent, instance: Awaited<ReturnType<Agent['instance']>>, quarantine: QuarantinePlace, wal: string): Promise<void> {
  await agent.postgresql.stopQuarantined(quarantine).catch((error: unknown) => agent.log.error({ problem: String(error) }, 'a standby was not stopped'))
  await removeReplayed(agent, instance, quarantine.directory, wal).catch(() => undefined)
  await rm(quarantine.socketDirectory, { recursive: true, force: true })
}

/** What lies before the place where its recovery would begin is never read again. */
async function removeReplayed(agent: Agent, instance: Awaited<ReturnType<Agent['instance']>>, directory: string, wal: string): Promise<void> {
  const facts = await agent.postgresql.inspectDataDirectory(instance, directory)
  if (!facts) return
  const size = facts.segmentSizeBytes
  const redo = parseLsn(facts.redoLsn)
  for (const name of await readdir(wal)) {
    if (isSegmentName(name) && parseSegmentName(name, size).startLsn + BigInt(size) <= redo) await rm(join(wal, name), { force: true })
  }
}
