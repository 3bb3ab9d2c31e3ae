import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ObjectSink, Progress } from '../../../adapters/component/component.ts'
import { forensicName, noBreachConfig } from '../../../domain/breach.ts'
import type { ComponentConfig } from '../../../domain/config.ts'
import { MusterError } from '../../../domain/failures.ts'
import { backupId } from '../../../domain/object-keys.ts'
import type { FilesManifest } from '../../../domain/repository-format.ts'
import { createStagingSink, sweepStaging, writeStaged } from '../../../repository/staging.ts'
import { type Agent, componentOf, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { runShort, stagingDirectory, stagingName, stagingRoot } from '../staging-place.ts'

export interface TakeForensicCopyInput {
  readonly system: string
  readonly component: string
  readonly configHash: string
}

export interface ForensicCopy {
  /** The component that it lies under in the stores. */
  readonly as: string
  readonly backup: string
  readonly entries: number
  readonly sizeBytes: number
  readonly stores: readonly string[]
  /** Paths that are not there, and commands whose output could not be kept. */
  readonly problems: readonly string[]
}

const collectSeconds = 120

/**
 * Copies a component of a suspected host as it is found, everything below its paths, with the output of the configured
 * commands: compressed, encrypted, each file with its hash in the index. It lies under a component of its own, so that it
 * never is a recovery point. This host made it and may lie about itself; what it gave cannot be changed afterwards.
 *
 * Effect: a staging folder with `staged.json`, for `publishCopy`.
 * Idempotent: yes; each attempt has its own id and folder.
 * Heartbeat: `{ phase, doneBytes, totalBytes }`.
 * Fails with: SourceUnreadable where nothing is there, NothingToDo, NotEnoughSpace, CommandFailed.
 */
export function takeForensicCopy(agent: Agent) {
  return async (input: TakeForensicCopyInput, work: Work): Promise<ForensicCopy> => {
    const { config } = await agent.config(input.configHash)
    const component = componentOf(config, input.system, input.component)
    const as = forensicName(input.component)
    const startedAt = agent.now().toISOString()
    const backup = backupId(startedAt, 'forensic', runShort(work.runId), work.attempt)
    const directory = stagingDirectory(agent, input.system, as, backup)
    const collected = `${directory}-collected`
    // What an attempt of this run left that died; another run's may be the only copy of it.
    const mine = `-forensic-${runShort(work.runId)}-a`
    await sweepStaging(stagingRoot(agent), agent.now(), (name) => !(name.startsWith(stagingName(input.system, as, '')) && name.includes(mine)))
    await mkdir(directory, { recursive: true, mode: 0o711 })
    await mkdir(collected, { recursive: true, mode: 0o700 })
    const options = { signal: work.signal, label: work.label }
    try {
      const asked = await pathsOf(agent, component)
      const there = asked.filter((path) => existsSync(path))
      if (there.length === 0) throw new MusterError('SourceUnreadable', `${asked.join(', ')} does not exist`)
      const missing = asked.filter((path) => !there.includes(path)).map((path) => `${path} does not exist`)
      const problems = [...missing, ...(await collect(agent, (systemOf(config, input.system).breach ?? noBreachConfig).collect, collected, work))]
      const paths = [...there, collected]
      const sink = createStagingSink({ directory, system: input.system, component: as, backup }, agent.encryption(config), options)
      const source = { paths, exclude: [], allowUnreadable: ['**'], allowEmpty: true }
      const produced = await agent.files.produceTree(source, { stagingDirectory: directory }, sink as ObjectSink, {
        ...options,
        onProgress: (progress: Progress) => work.progress(progress),
      })
      const objects = [...sink.objects].sort((a, b) => (a.key < b.key ? -1 : 1))
      const { entries, dataSizeBytes, changedWhileRead, unreadable } = produced
      const manifest: FilesManifest = {
        format: 'muster-manifest-1',
        backup,
        organisation: config.organisation,
        system: input.system,
        component: as,
        kind: 'forensic',
        run: work.runId,
        attempt: work.attempt,
        configHash: input.configHash,
        startedAt,
        endedAt: agent.now().toISOString(),
        parents: [],
        objects,
        stores: component.stores,
        recipients: config.encryption.recipients,
        writer: { host: agent.host, machineId: agent.machineId, muster: agent.musterVersion, tools: agent.tools },
        type: 'files',
        files: { paths, entries, dataSizeBytes, changedWhileRead, unreadable },
      }
      await writeStaged(directory, manifest)
      return { as, backup, entries, sizeBytes: objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), stores: component.stores, problems }
    } catch (error) {
      await rm(directory, { recursive: true, force: true })
      throw withoutRetry(error, input.component)
    } finally {
      await rm(collected, { recursive: true, force: true })
    }
  }
}

/** Whoever was there may have filled the disk: the answer does not wait for it. */
function withoutRetry(error: unknown, component: string): unknown {
  const isFull = (error instanceof MusterError && error.type === 'DiskFull') || (error as NodeJS.ErrnoException | null)?.code === 'ENOSPC'
  if (!isFull) return error
  return new MusterError('NotEnoughSpace', `there is no room on this host for the forensic copy of ${component}: its disks are yours to copy`, { cause: error })
}

/** A database is its data directory and what of it lies elsewhere. */
async function pathsOf(agent: Agent, component: ComponentConfig): Promise<readonly string[]> {
  if (component.type === 'files') return component.paths
  const { dataDirectory } = component
  const wal = await agent.postgresql.linkedWalDirectory(dataDirectory).catch(() => null)
  const tablespaces = await agent.postgresql.linkedTablespaces(dataDirectory).catch(() => [])
  return [dataDirectory, ...(wal ? [wal] : []), ...tablespaces.map(({ path }) => path)]
}

/** @returns what could not be kept: a tool that an intruder has removed hinders nothing */
async function collect(agent: Agent, commands: readonly (readonly string[])[], directory: string, work: Work): Promise<readonly string[]> {
  const problems: string[] = []
  await writeFile(join(directory, 'commands.json'), JSON.stringify(commands, null, 1), { mode: 0o600 })
  for (const [index, words] of commands.entries()) {
    work.progress({ phase: `collect ${words[0]}`, doneBytes: index, totalBytes: null })
    try {
      await agent.recordCommand(words, join(directory, `${String(index + 1).padStart(2, '0')}.txt`), {
        signal: work.signal,
        label: work.label,
        timeoutSeconds: collectSeconds,
      })
    } catch (error) {
      work.signal.throwIfAborted()
      if (!(error instanceof MusterError)) throw error
      problems.push(`${words[0]}: ${error.message}`)
    }
  }
  return problems
}
