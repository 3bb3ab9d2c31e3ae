/** The destructive steps in place: each attempt takes the next epoch first, and looks before it acts. */
import { lstat, mkdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Member } from '../../../adapters/component/member/member.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { FilesComponentConfig } from '../../../domain/config.ts'
import { readManifest } from '../../../repository/catalog.ts'
import { createBackupSource } from '../../../repository/read-backup.ts'
import type { FilesManifest } from '../../../domain/repository-format.ts'
import { type Agent, componentOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { giveStandbyBack } from '../standby/adopt-standby.ts'
import { claimOf } from './claims.ts'
import { refuseInService } from './in-service.ts'
import { removeNewDirectories } from './new-directories.ts'
import { asideQuarantine, closedPlace, fileNameNote, fileNameOf, membersOf, nothingNote, originalsDirectory, restoreShort, treeMembers } from './places.ts'
import { membersBeside } from './safety-set.ts'
import type { AnyStep, DatabaseStep, FoundByOthers, SwappedBack, SwappedIn, TreeStep } from './types.ts'

/**
 * Copies files that are newer than the backup into the restored tree (`newerFiles: keep`).
 *
 * Effect: files added to `aside/data`.
 * Idempotent: yes; a file that was copied is copied again.
 * Heartbeat: bytes copied.
 * Fails with: SourceUnreadable, DiskFull.
 */
export function keepNewerFiles(agent: Agent) {
  return async (step: TreeStep, work: Work): Promise<{ readonly copied: number; readonly sizeBytes: number }> => {
    if (step.decision.newerFiles === 'discard' || step.decision.only !== null || step.mode === 'back') return { copied: 0, sizeBytes: 0 }
    const { config } = await agent.config(step.configHash)
    const store = await agent.store(config, step.decision.fromStore)
    const deps = { verifier: await agent.verifier(config), cache: agent.cache }
    const manifest = (await readManifest(deps, store, step.system, step.component, step.decision.backup)) as FilesManifest
    const source = createBackupSource(store, await agent.decryption(config, step.identityFile), manifest, { signal: work.signal, label: work.label })
    const stagingDirectory = join(agent.hostDirectory, 'staging', `newer.${step.system}.${step.component}`)
    const target = step.target.kind === 'time' ? new Date(step.target.time) : ('latest' as const)
    let copied = 0
    let sizeBytes = 0
    for (const [root, member] of treeMembers(agent, step).entries()) {
      // A tree that is lost has nothing newer to give; nor has what stands in its place and is none, a link among it.
      if (!(await isDirectory(member.path))) continue
      await rm(stagingDirectory, { recursive: true, force: true })
      await mkdir(stagingDirectory, { recursive: true, mode: 0o711 })
      const index = await agent.files.openIndex(source, stagingDirectory, { signal: work.signal, label: work.label })
      if (fileNameOf(index.header.roots[root]) !== null) continue
      const newer = await agent.files.copyNewerFiles(
        {
          oldRoot: member.path,
          newRoot: agent.members.asideData(member),
          root,
          index: index.entries(),
          backupStartedAt: manifest.startedAt,
          target,
          stagingDirectory,
        },
        { signal: work.signal, label: work.label, onProgress: (progress) => work.progress(progress) },
      )
      await index.remove()
      copied += newer.copied
      sizeBytes += newer.bytes
    }
    await rm(stagingDirectory, { recursive: true, force: true })
    return { copied, sizeBytes }
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

function sourcesOf(agent: Agent, step: AnyStep, member: Member, index: number): string {
  const safety = step.decision.type === 'postgresql' ? step.decision.safetyPath : (step.decision.members[index]?.safetyPath ?? null)
  return safety ?? agent.members.asideData(member)
}

/**
 * Sets aside what is at each member and puts the restored copy in its place.
 *
 * Effect: the member's path holds the restored data; what was there is in `epoch-N/old`.
 * Idempotent: yes; it goes on where an earlier attempt ended. The epoch keeps a late attempt from acting.
 * Heartbeat: none needed.
 * Fails with: TargetRunning, WrongTarget, EpochSuperseded, PreconditionFailed.
 */
export function swapIn(agent: Agent) {
  return async (step: AnyStep, work: Work): Promise<SwappedIn> => {
    const startedAt = Date.now()
    if (step.decision.type === 'postgresql') await refuseRunning(agent, step as DatabaseStep)
    const beside = step.decision.type === 'postgresql' ? await membersBeside(agent, step.component, step.decision) : []
    const safety: SwappedIn['safety'][number][] = beside.map(({ path, safetyPath, sizeBytes }) => ({ path, safetyPath, sizeBytes }))
    const found: FoundByOthers[] = []
    for (const [index, member] of membersOf(agent, step).entries()) {
      const epoch = await agent.members.takeEpoch(member, claimOf(work))
      await refuseOther(agent, step, member)
      const sizeBytes = await agent.members.sizeOf(member.path)
      const source = await sourceIn(agent, step, member, index)
      if (source === null) continue
      const swapped = await agent.members.swapIn(member, epoch, restoreShort(step), source, { label: work.label })
      if (swapped.found !== null) found.push({ path: member.path, keptAt: swapped.found })
      if (step.decision.type === 'files') await rm(originalsDirectory(agent, member), { recursive: true, force: true })
      safety.push({ path: member.path, safetyPath: agent.members.safetyPath(member, restoreShort(step)), sizeBytes })
    }
    return { safety, ...(found.length > 0 && { found }), seconds: (Date.now() - startedAt) / 1000 }
  }
}

/** Of a path that is one file, that file in its copy; null where a rule leaves all of it out and nothing is there. */
async function sourceIn(agent: Agent, step: AnyStep, member: Member, index: number): Promise<string | null> {
  const source = sourcesOf(agent, step, member, index)
  if (step.decision.type !== 'files' || step.mode === 'back') return source
  if ((await readFile(nothingNote(agent, member)).catch(ignoreMissing)) !== undefined) return null
  const name = await readFile(fileNameNote(agent, member), 'utf8').catch(ignoreMissing)
  return name === undefined ? source : join(source, name)
}

/** "Stopped" is what is observed right before acting. */
async function refuseRunning(agent: Agent, step: DatabaseStep): Promise<void> {
  const { config } = await agent.config(step.configHash)
  const instance = await agent.instance(config, step.system, step.component)
  const { state, processes } = await agent.postgresql.observeServer(instance)
  if (state === 'running') {
    const [first] = processes
    throw new MusterError('TargetRunning', `${step.decision.directory} is in use${first ? ` by process ${first.pid} (${first.command})` : ''}`)
  }
}

/** The identity that was planned, looked at again. A swap that began may have it set aside already. */
async function refuseOther(agent: Agent, step: AnyStep, member: Member): Promise<void> {
  if (step.decision.type !== 'postgresql' || step.decision.identity === null) return
  const { config } = await agent.config(step.configHash)
  const instance = await agent.instance(config, step.system, step.component)
  const facts = await agent.postgresql.inspectDataDirectory(instance, member.path).catch(() => null)
  if (facts && facts.systemIdentifier !== step.decision.identity.systemIdentifier) {
    throw new MusterError(
      'WrongTarget',
      `${member.path} is now another database (${facts.systemIdentifier}, planned ${step.decision.identity.systemIdentifier})`,
    )
  }
}

/**
 * Undoes a swap, however far it came.
 *
 * Effect: the member's path holds what was there before; what was restored is in `epoch-N/new`. What somebody made at the path
 *   meanwhile is where it was, or in `found-<run>` where the old data had to come back; it is removed by nobody.
 * Idempotent: yes. What another run has swapped is not touched.
 * Heartbeat: none needed.
 * Fails with: EpochSuperseded, PreconditionFailed.
 */
export function swapBack(agent: Agent) {
  return async (step: AnyStep, work: Work): Promise<SwappedBack> => {
    let members = 0
    const found: FoundByOthers[] = []
    for (const [index, member] of membersOf(agent, step).entries()) {
      const epoch = await agent.members.takeEpoch(member, claimOf(work))
      const back = await agent.members.swapBack(member, epoch, restoreShort(step), { label: work.label })
      if (back.found !== null) found.push({ path: member.path, keptAt: back.found })
      // A safety set that was brought in goes back to where it was kept.
      const source = sourcesOf(agent, step, member, index)
      if (step.mode === 'back' && back.begun) await rename(join(epoch.directory, 'new'), source).catch(ignoreMissing)
      members++
    }
    return { members, ...(found.length > 0 && { found }) }
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

/**
 * Removes what a restore left aside when it did not go on: never what was set aside.
 *
 * Effect: no server in quarantine, no `aside`, no fetched WAL, no new directories of tablespaces and WAL. A standby that was
 *   taken over and not promoted is back where it was kept.
 * Idempotent: yes.
 * Heartbeat: none needed.
 * Fails with: TargetRunning when something else uses the copy; EpochSuperseded; WrongTarget (a drill whose place leads to what is in service by now).
 */
export function discardAside(agent: Agent) {
  return async (step: AnyStep, work: Work): Promise<{ readonly discarded: boolean }> => {
    if (step.mode === 'back') return { discarded: await discardOfBack(agent, step, work) }
    await refuseInService(agent, (await agent.config(step.configHash)).config, step)
    if (step.decision.type === 'postgresql') {
      await agent.postgresql.stopQuarantined(asideQuarantine(agent, step as DatabaseStep))
      const givenBack = await giveStandbyBack(agent, step as DatabaseStep, work)
      if (!givenBack) await removeNewDirectories(agent, step.decision)
      await rm(closedPlace(agent, step as DatabaseStep).socketDirectory, { recursive: true, force: true })
    }
    for (const member of membersOf(agent, step)) {
      const epoch = await agent.members.takeEpoch(member, claimOf(work))
      await agent.members.removeRemains(member, epoch)
      await rm(join(member.workDirectory, `promoted-${restoreShort(step)}.json`), { force: true })
      // Of a restore elsewhere only; in place it holds the safety sets.
      if (step.mode === 'elsewhere') await agent.members.removeWork(member)
    }
    return { discarded: true }
  }
}

/** Where a safety set was brought in nothing was restored: it is back where it was kept, and only work files are left. */
async function discardOfBack(agent: Agent, step: AnyStep, work: Work): Promise<boolean> {
  for (const member of membersOf(agent, step)) {
    const epoch = await agent.members.takeEpoch(member, claimOf(work))
    await agent.members.removeTail(member, epoch)
    await agent.members.assertNewest(member, epoch)
    if (step.decision.type === 'postgresql') await rm(closedPlace(agent, step as DatabaseStep).socketDirectory, { recursive: true, force: true })
  }
  return false
}

/**
 * Puts a copy that was restored elsewhere into the directory that was asked for.
 *
 * Effect: the directory; a server on loopback where a port was given; `restore.after` commands for trees.
 * Idempotent: yes.
 * Heartbeat: none needed.
 * Fails with: TargetNotEmpty, CommandFailed, Timeout, WrongTarget (the directory leads to what is in service by now).
 */
export function placeElsewhere(agent: Agent) {
  return async (step: AnyStep, work: Work): Promise<{ readonly directories: readonly string[] }> => {
    const { config } = await agent.config(step.configHash)
    await refuseInService(agent, config, step)
    const directories: string[] = []
    for (const member of membersOf(agent, step)) {
      await mkdir(dirname(member.path), { recursive: true })
      // An empty directory may be there; one that is not empty makes this fail, which is right.
      await rmdir(member.path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return
        if (error.code === 'ENOTEMPTY' && work.attempt > 1) return
        if (error.code === 'EBUSY')
          throw new MusterError('WrongTarget', `${member.path} is a mount point`, { cause: error, hint: 'choose a directory inside it' })
        throw new MusterError('TargetNotEmpty', `${member.path} is not empty`, { cause: error })
      })
      const epoch = await agent.members.takeEpoch(member, claimOf(work))
      await agent.members.placeNew(member, epoch, restoreShort(step))
      await agent.members.removeWork(member)
      directories.push(member.path)
      if (step.decision.type === 'files') {
        const component = componentOf(config, step.system, step.component) as FilesComponentConfig
        await agent.files.runAfterCommands(component.restore.after, member.path, { signal: work.signal, label: work.label })
      }
    }
    if (step.decision.type === 'postgresql' && step.decision.port !== null) {
      const instance = await agent.instance(config, step.system, step.component)
      const { socketDirectory, logFile } = closedPlace(agent, step as DatabaseStep)
      await agent.postgresql.startElsewhere(instance, { directory: step.decision.directory, port: step.decision.port, socketDirectory, logFile })
    }
    return { directories }
  }
}
