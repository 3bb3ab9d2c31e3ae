import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readManifest } from '../../../repository/catalog.ts'
import { createBackupSource } from '../../../repository/read-backup.ts'
import { chooseRecovery, type RecoveryChoice } from '../../../repository/recovery-choice.ts'
import { fetchWal } from '../../../repository/wal-fetch.ts'
import type { Config } from '../../../domain/config.ts'
import type { BytesInTime } from '../../../domain/evidence.ts'
import type { FilesManifest, PostgresqlManifest } from '../../../domain/repository-format.ts'
import type { RecoveryTarget as Asked } from '../../../domain/decision.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { WalShipmentName } from '../../../domain/object-keys.ts'
import { formatLsn, parseLsn } from '../../../domain/wal.ts'
import { planFetch } from '../../../domain/wal-shipments.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { claimOf } from './claims.ts'
import { removeNewDirectories } from './new-directories.ts'
import { asideQuarantine, databaseMember, treeAside, treeMembers, walDirectory } from './places.ts'
import { replayBytes } from './plan-figures.ts'
import { readState, viewStore } from './repository-view.ts'
import type { DatabaseStep, Held, PrefetchedWal, RestoredAside, TreeStep } from './types.ts'
import { refuseUnplannedTablespaces } from './young-tablespaces.ts'

/**
 * Restores the base backup beside the data directory.
 *
 * Effect: `aside/data` of the member, and the new directories of tablespaces and WAL.
 * Idempotent: yes; an attempt removes what an earlier one left and begins again.
 * Heartbeat: bytes restored.
 * Fails with: BackupNotFound, ChecksumMismatch, ObjectMissing, IdentityMissing, SignatureInvalid, DiskFull,
 *   ToolTooOld, PreconditionFailed, Unreachable, EpochSuperseded.
 */
export function restoreDatabaseAside(agent: Agent) {
  return async (step: DatabaseStep, work: Work): Promise<RestoredAside> => {
    const startedAt = Date.now()
    const { config } = await agent.config(step.configHash)
    const instance = await agent.instance(config, step.system, step.component)
    const store = await agent.store(config, step.decision.fromStore)
    const verifier = await agent.verifier(config)
    const manifest = (await readManifest({ verifier, cache: agent.cache }, store, step.system, step.component, step.decision.backup)) as PostgresqlManifest
    const member = databaseMember(agent, step)
    await agent.postgresql.stopQuarantined(asideQuarantine(agent, step)).catch(ignoreAbsent)
    await agent.members.removeAside(member, await agent.members.takeEpoch(member, claimOf(work)))
    await removeNewDirectories(agent, step.decision)
    await mkdir(agent.members.asideDirectory(member), { recursive: true, mode: 0o711 })
    const source = createBackupSource(store, await agent.decryption(config, step.identityFile), manifest, { signal: work.signal, label: work.label })
    await agent.postgresql.restoreBaseBackup(
      instance,
      manifest,
      source,
      {
        directory: agent.members.asideData(member),
        tablespaceDirectories: Object.fromEntries(step.decision.tablespaces.map(({ oid, into }) => [String(oid), into])),
        walDirectory: step.decision.walInto,
      },
      { signal: work.signal, label: work.label, onProgress: (progress) => work.progress(progress) },
    )
    return { restoredBytes: manifest.postgresql.dataSizeBytes, seconds: (Date.now() - startedAt) / 1000, tools: agent.tools }
  }
}

function ignoreAbsent(error: unknown): void {
  if (error instanceof MusterError && (error.type === 'WrongTarget' || error.type === 'DatabaseDown')) return
  throw error
}

/**
 * Fetches the WAL between base backup and target, in parallel, for a `restore_command` that only copies.
 *
 * Effect: segments and history files in the member's `wal` folder.
 * Idempotent: yes; files that are there are not fetched again.
 * Heartbeat: files and bytes fetched.
 * Fails with: RecoveryTargetUnreachable, ObjectMissing, ChecksumMismatch, SignatureInvalid, DiskFull, Unreachable.
 */
export function prefetchWal(agent: Agent) {
  return async (step: DatabaseStep, work: Work): Promise<PrefetchedWal> => {
    const startedAt = Date.now()
    const { config } = await agent.config(step.configHash)
    const store = await agent.store(config, step.decision.fromStore)
    const state = await readState(agent, config, step.system)
    const repository = await viewStore(agent, config, step.system, step.component, step.decision.fromStore, state)
    const choice = await chooseRecovery(repository, state, step.component, step.target, {
      incarnation: step.decision.incarnation,
      pinnedBackup: step.decision.backup,
    })
    const directory = walDirectory(databaseMember(agent, step))
    await beginWal(directory, step)
    const parts = {
      store,
      decryption: await agent.decryption(config, step.identityFile),
      verifier: await agent.verifier(config),
      decompressToFile: agent.postgresql.decompressToFile,
    }
    const size = choice.manifest.postgresql.segmentSizeBytes
    const { incarnations } = choice.path
    let segments = 0
    let sizeBytes = 0
    let lastCommitAt: string | null = null
    const onProgress = ({ files, totalFiles, bytes }: { files: number; totalFiles: number; bytes: number }) =>
      work.progress({ phase: `WAL ${files} of ${totalFiles} files`, doneBytes: sizeBytes + bytes, totalBytes: null })
    // Newest first: where parent and child share a timeline's number, the child's file is the one that counts.
    for (const [index, life] of [...incarnations.entries()].reverse()) {
      const fork = incarnations[index + 1]?.forkLsn
      const plan = planFetch(repository.shipments.get(life.incarnation) ?? [], {
        timelineId: life.timelineId,
        fromLsn: parseLsn(index === 0 ? choice.path.base.startLsn : (life.forkLsn as string)),
        untilLsn: fork ? parseLsn(fork) + 1n : choice.fetchUntilLsn,
        segmentSizeBytes: size,
      })
      const place = { system: step.system, component: step.component, incarnation: life.incarnation }
      const fetched = await fetchWal(parts, place, plan, directory, { signal: work.signal, onProgress })
      segments += plan.segments.length
      sizeBytes += plan.segments.length * size
      lastCommitAt ??= fetched.lastCommitAt
    }
    await fetchOtherHistories(
      repository.shipments,
      incarnations.map((one) => one.incarnation),
      directory,
      (incarnation, histories) =>
        fetchWal(
          parts,
          { system: step.system, component: step.component, incarnation },
          { segmentSizeBytes: size, segments: [], histories, endLsn: 0n },
          directory,
          { signal: work.signal },
        ),
    )
    const fetched = wholeAttempt(work, startedAt, replayBytes(choice))
    return { segments, untilLsn: formatLsn(choice.fetchUntilLsn), lastCommitAt, sizeBytes, ...(fetched && { fetched }) }
  }
}

/** A later attempt finds the work half done: it measures nothing. */
function wholeAttempt(work: Work, startedAt: number, bytes: number): BytesInTime | null {
  return work.attempt > 1 ? null : { bytes, seconds: (Date.now() - startedAt) / 1000 }
}

/** Files of this run stay, whichever attempt fetched them; those of another run go, however far their removal came. */
async function beginWal(directory: string, step: DatabaseStep): Promise<void> {
  const note = join(directory, '.muster-run')
  if ((await readFile(note, 'utf8').catch(() => '')) === step.run) return
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true, mode: 0o711 })
  await writeFile(note, step.run, { mode: 0o600 })
}

/** The history files of every other branch, so that PostgreSQL never gives a timeline's number twice. */
async function fetchOtherHistories(
  shipments: ReadonlyMap<string, readonly WalShipmentName[]>,
  onPath: readonly string[],
  _directory: string,
  fetch: (incarnation: string, histories: readonly WalShipmentName[]) => Promise<unknown>,
): Promise<void> {
  for (const [incarnation, names] of shipments) {
    if (onPath.includes(incarnation)) continue
    const histories = [...new Map(names.filter(({ kind }) => kind === 'history').map((name) => [name.segment, name])).values()]
    if (histories.length > 0) await fetch(incarnation, histories)
  }
}

/**
 * Starts recovery in quarantine and waits until it holds at the target.
 *
 * Effect: a server in quarantine on `aside/data`, read-only, reachable over a private socket only.
 * Idempotent: yes; a server that an earlier attempt started is ended first.
 * Heartbeat: the LSN replayed.
 * Fails with: RecoveryTargetUnreachable, WalGap, RestoreFailed, TargetRunning, EpochSuperseded, DiskFull,
 *   PreconditionFailed (a tablespace that is younger than the plan), Timeout.
 */
export function holdAtTarget(agent: Agent) {
  return async (step: DatabaseStep, work: Work): Promise<Held> => {
    const startedAt = Date.now()
    const { config } = await agent.config(step.configHash)
    const instance = await agent.instance(config, step.system, step.component)
    const quarantine = asideQuarantine(agent, step)
    const choice = await chosenAgain(agent, config, step)
    const target = asTold(choice.target)
    const member = databaseMember(agent, step)
    const directory = walDirectory(member)
    await agent.members.assertNewest(member, await agent.members.takeEpoch(member, claimOf(work)))
    await refuseUnplannedTablespaces(agent, config, step)
    const { timelineId, youngTablespaces = [] } = step.decision
    await agent.postgresql.startRecovery(instance, quarantine, { walDirectory: directory, timelineId, target, youngTablespaces }, { label: work.label })
    const held = await agent.postgresql.awaitHeld(instance, quarantine, { target }, { signal: work.signal, onProgress: (progress) => work.progress(progress) })
    const bytes = Number(parseLsn(held.replayedLsn) - parseLsn(choice.path.base.startLsn))
    const replayed = wholeAttempt(work, startedAt, Math.max(0, bytes))
    return { ...held, ...(replayed && { replayed }) }
  }
}

/** What PostgreSQL was told, or is to be told, for a step's target. */
export async function recoveryTarget(agent: Agent, config: Config, step: DatabaseStep) {
  return asTold((await chosenAgain(agent, config, step)).target)
}

async function chosenAgain(agent: Agent, config: Config, step: DatabaseStep): Promise<RecoveryChoice> {
  const state = await readState(agent, config, step.system)
  const repository = await viewStore(agent, config, step.system, step.component, step.decision.fromStore, state)
  return chooseRecovery(repository, state, step.component, step.target, {
    incarnation: step.decision.incarnation,
    pinnedBackup: step.decision.backup,
  })
}

/** Where PostgreSQL is told to hold: the newest of all is "the end, and what still arrives". */
function asTold(target: Asked) {
  switch (target.kind) {
    case 'latest':
    case 'backup':
      return { kind: 'end' } as const
    default:
      return target
  }
}

/**
 * Restores a tree, or one path of it, beside its place.
 *
 * Effect: `aside/data` of each member.
 * Idempotent: yes; an attempt removes what an earlier one left and begins again.
 * Heartbeat: bytes restored.
 * Fails with: BackupNotFound, ChecksumMismatch, ObjectMissing, IdentityMissing, SignatureInvalid, HostileArchive, DiskFull,
 *   EpochSuperseded.
 */
export function restoreTreeAside(agent: Agent) {
  return async (step: TreeStep, work: Work): Promise<RestoredAside> => {
    const startedAt = Date.now()
    const { config } = await agent.config(step.configHash)
    const store = await agent.store(config, step.decision.fromStore)
    const verifier = await agent.verifier(config)
    const manifest = (await readManifest({ verifier, cache: agent.cache }, store, step.system, step.component, step.decision.backup)) as FilesManifest
    const members = treeMembers(agent, step)
    for (const member of members) {
      await agent.members.removeAside(member, await agent.members.takeEpoch(member, claimOf(work)))
      await mkdir(agent.members.asideDirectory(member), { recursive: true, mode: 0o711 })
    }
    const stagingDirectory = join(agent.hostDirectory, 'staging', `restore.${step.system}.${step.component}`)
    await rm(stagingDirectory, { recursive: true, force: true })
    await mkdir(stagingDirectory, { recursive: true, mode: 0o711 })
    const source = createBackupSource(store, await agent.decryption(config, step.identityFile), manifest, { signal: work.signal, label: work.label })
    try {
      const restored = await agent.files.restoreTree(
        source,
        {
          roots: Object.fromEntries(step.decision.members.map((_, index) => [index, treeAside(agent, step, index)])),
          stagingDirectory,
          ...(step.decision.only !== null && { only: { root: 0, path: step.decision.only } }),
        },
        { signal: work.signal, label: work.label, onProgress: (progress) => work.progress(progress) },
      )
      return { restoredBytes: restored.sizeBytes, seconds: (Date.now() - startedAt) / 1000, tools: agent.tools }
    } finally {
      await rm(stagingDirectory, { recursive: true, force: true })
    }
  }
}
