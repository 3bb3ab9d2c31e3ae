import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readManifest } from '../../../repository/catalog.ts'
import { createBackupSource } from '../../../repository/read-backup.ts'
import { chooseRecovery, type RecoveryChoice } from '../../../repository/recovery-choice.ts'
import type { Config } from '../../../domain/config.ts'
import type { FilesManifest, PostgresqlManifest } from '../../../domain/repository-format.ts'
import type { TreeIndexRoot } from '../../../domain/tree-index.ts'
import type { RecoveryTarget as Asked } from '../../../domain/decision.ts'
import { MusterError } from '../../../domain/failures.ts'
import { parseLsn } from '../../../domain/wal.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { disownStandby, readStandby, standbyMember } from '../standby/standby-note.ts'
import { claimOf } from './claims.ts'
import { fetchAlong } from './fetch-along.ts'
import { refuseInService } from './in-service.ts'
import { removeNewDirectories } from './new-directories.ts'
import { asideQuarantine, databaseMember, fileNameNote, fileNameOf, treeAside, treeMembers, walDirectory } from './places.ts'
import { readState, viewStore } from './repository-view.ts'
import type { DatabaseStep, Held, PrefetchedWal, RestoredAside, TreeStep } from './types.ts'
import { wholeAttempt } from './whole-attempt.ts'
import { refuseUnplannedTablespaces } from './young-tablespaces.ts'

/**
 * Restores the base backup beside the data directory.
 *
 * Effect: `aside/data` of the member, and the new directories of tablespaces and WAL.
 * Idempotent: yes; an attempt removes what an earlier one left and begins again.
 * Heartbeat: bytes restored.
 * Fails with: BackupNotFound, ChecksumMismatch, ObjectMissing, IdentityMissing, SignatureInvalid, DiskFull,
 *   ToolTooOld, PreconditionFailed, Unreachable, EpochSuperseded, WrongTarget (a drill whose place leads to what is in service).
 */
export function restoreDatabaseAside(agent: Agent) {
  return async (step: DatabaseStep, work: Work): Promise<RestoredAside> => {
    const startedAt = Date.now()
    const { config } = await agent.config(step.configHash)
    await refuseInService(agent, config, step)
    const instance = await agent.instance(config, step.system, step.component)
    const store = await agent.store(config, step.decision.fromStore)
    const verifier = await agent.verifier(config)
    const manifest = (await readManifest({ verifier, cache: agent.cache }, store, step.system, step.component, step.decision.backup)) as PostgresqlManifest
    const member = databaseMember(agent, step)
    await agent.postgresql.stopQuarantined(asideQuarantine(agent, step)).catch(ignoreAbsent)
    await agent.members.removeAside(member, await agent.members.takeEpoch(member, claimOf(work)))
    await disownStandby(agent, step)
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
 * Fails with: RecoveryTargetUnreachable, ObjectMissing, ChecksumMismatch, SignatureInvalid, DiskFull, Unreachable, WrongTarget.
 */
export function prefetchWal(agent: Agent) {
  return async (step: DatabaseStep, work: Work): Promise<PrefetchedWal> => {
    const { config } = await agent.config(step.configHash)
    await refuseInService(agent, config, step)
    return fetchAlong(agent, config, step, { replayedLsn: await replayedBefore(agent, step) }, work)
  }
}

/** How far a standby that was taken over had come; null for a copy that this run restored. */
async function replayedBefore(agent: Agent, { system, decision }: DatabaseStep): Promise<string | null> {
  if (decision.standby === undefined) return null
  const standby = await readStandby(standbyMember(agent, system, decision))
  return standby?.seed === decision.standby.seed ? standby.replayedLsn : null
}

/**
 * Starts recovery in quarantine and waits until it holds at the target.
 *
 * Effect: a server in quarantine on `aside/data`, read-only, reachable over a private socket only.
 * Idempotent: yes; a server that an earlier attempt started is ended first.
 * Heartbeat: the LSN replayed.
 * Fails with: RecoveryTargetUnreachable, WalGap, RestoreFailed, TargetRunning, EpochSuperseded, DiskFull,
 *   PreconditionFailed (a tablespace that is younger than the plan), Timeout, WrongTarget.
 */
export function holdAtTarget(agent: Agent) {
  return async (step: DatabaseStep, work: Work): Promise<Held> => {
    const startedAt = Date.now()
    const { config } = await agent.config(step.configHash)
    await refuseInService(agent, config, step)
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
    const replayed = wholeAttempt(work, step, startedAt, Math.max(0, bytes))
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
 *   EpochSuperseded, PreconditionFailed (the work directory is somebody else's), WrongTarget (a drill whose place leads to what is in service).
 */
export function restoreTreeAside(agent: Agent) {
  return async (step: TreeStep, work: Work): Promise<RestoredAside> => {
    const startedAt = Date.now()
    const { config } = await agent.config(step.configHash)
    await refuseInService(agent, config, step)
    const store = await agent.store(config, step.decision.fromStore)
    const verifier = await agent.verifier(config)
    const manifest = (await readManifest({ verifier, cache: agent.cache }, store, step.system, step.component, step.decision.backup)) as FilesManifest
    const members = treeMembers(agent, step)
    for (const member of members) {
      await agent.members.ownWorkDirectory(member)
      await agent.members.removeAside(member, await agent.members.takeEpoch(member, claimOf(work)))
      await agent.members.makeAside(member)
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
      await noteFileNames(agent, step, restored.roots)
      return { restoredBytes: restored.sizeBytes, seconds: (Date.now() - startedAt) / 1000, tools: agent.tools }
    } finally {
      await rm(stagingDirectory, { recursive: true, force: true })
    }
  }
}

/** A path that is one file comes back as one file; elsewhere it lies in the directory that was asked for. */
async function noteFileNames(agent: Agent, step: TreeStep, roots: readonly TreeIndexRoot[]): Promise<void> {
  if (step.mode === 'elsewhere') return
  for (const [index, member] of treeMembers(agent, step).entries()) {
    const name = fileNameOf(roots[index])
    if (name !== null) await writeFile(fileNameNote(agent, member), name, { mode: 0o600, flush: true })
  }
}
