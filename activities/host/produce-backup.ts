import { mkdir, rm } from 'node:fs/promises'
import type { ObjectSink, Progress } from '../../adapters/component/component.ts'
import type { ComponentConfig, Config, FilesComponentConfig, PostgresqlComponentConfig } from '../../domain/config.ts'
import { backupId } from '../../domain/object-keys.ts'
import type { FilesManifest, Manifest, PostgresqlManifest } from '../../domain/repository-format.ts'
import { createStagingSink, sweepStaging, writeStaged } from '../../repository/staging.ts'
import { type Agent, componentOf } from '../agent.ts'
import type { Work } from '../boundary.ts'
import { holdComponent, keepHold } from './component-lock.ts'
import { ensureIncarnation } from './incarnations.ts'
import { runShort, stagingDirectory, stagingName, stagingRoot } from './staging-place.ts'

export interface ProduceBackupInput {
  readonly system: string
  readonly component: string
  readonly kind: 'full'
  readonly configHash: string
}

export interface ProducedBackup {
  readonly backup: string
  readonly startedAt: string
  readonly endedAt: string
  readonly objects: number
  readonly sizeBytes: number
  readonly plainSizeBytes: number
  /** Staging folders of dead attempts that were removed. */
  readonly swept: number
  readonly stopPoint: string | null
  /** Versions of the programs that made it. Absent in histories of before evidence named them. */
  readonly tools?: Readonly<Record<string, string>>
}

/**
 * Reads a component once, compressed and encrypted, into staging.
 *
 * Effect: a staging folder with `staged.json`; holds the component's backup lock.
 * Idempotent: yes; each attempt has its own backup id and folder, and removes those of dead ones.
 * Heartbeat: `{ phase, doneBytes, totalBytes }`; a retry reads the component again.
 * Fails with: LockHeld, DatabaseDown, CredentialsRejected, WrongTarget, ToolTooOld, PageChecksum,
 *   SourceUnreadable, SourceChanged, NothingToDo, DiskFull, CommandFailed.
 */
export function produceBackup(agent: Agent) {
  return async (input: ProduceBackupInput, work: Work): Promise<ProducedBackup> => {
    const { config } = await agent.config(input.configHash)
    const component = componentOf(config, input.system, input.component)
    const holder = { run: work.runId, workflowId: work.workflowId }
    await holdComponent(agent, input.system, input.component, holder, agent.noProgressSeconds)
    const startedAt = agent.now().toISOString()
    const backup = backupId(startedAt, input.kind, runShort(work.runId), work.attempt)
    const directory = stagingDirectory(agent, input.system, input.component, backup)
    const swept = await sweepStaging(stagingRoot(agent), agent.now(), (name) => !name.startsWith(stagingName(input.system, input.component, '')))
    await mkdir(directory, { recursive: true, mode: 0o711 })
    const onProgress = (progress: Progress) => {
      work.progress(progress)
      void keepHold(agent, input.system, input.component)
    }
    const sink = createStagingSink({ directory, system: input.system, component: input.component, backup }, agent.encryption(config), {
      signal: work.signal,
      label: work.label,
    })
    try {
      const common = { config, component, input, backup, startedAt, directory, sink, work, onProgress }
      const manifest =
        component.type === 'postgresql' ? await produceDatabase(agent, { ...common, component }) : await produceFiles(agent, { ...common, component })
      await writeStaged(directory, manifest)
      return summarise(manifest, swept.length)
    } catch (error) {
      await rm(directory, { recursive: true, force: true })
      throw error
    }
  }
}

interface Production<C extends ComponentConfig> {
  readonly config: Config
  readonly component: C
  readonly input: ProduceBackupInput
  readonly backup: string
  readonly startedAt: string
  readonly directory: string
  readonly sink: ReturnType<typeof createStagingSink> & ObjectSink
  readonly work: Work
  readonly onProgress: (progress: Progress) => void
}

async function produceDatabase(agent: Agent, production: Production<PostgresqlComponentConfig>): Promise<PostgresqlManifest> {
  const { config, input, work, sink } = production
  const instance = await agent.instance(config, input.system, input.component)
  const facts = await agent.postgresql.inspectServer(instance)
  const incarnation = await ensureIncarnation(agent, config, input.system, input.component, facts)
  const checks = await agent.postgresql.runChecks(instance, null, production.component.checks, { now: agent.now() })
  const produced = await agent.postgresql.produceBaseBackup(instance, { label: `muster ${production.backup}`, stagingDirectory: production.directory }, sink, {
    signal: work.signal,
    label: work.label,
    onProgress: production.onProgress,
  })
  return {
    ...commonManifest(agent, production, produced.tools),
    type: 'postgresql',
    postgresql: { ...produced.postgresql, incarnation: incarnation.incarnation, checks },
  }
}

async function produceFiles(agent: Agent, production: Production<FilesComponentConfig>): Promise<FilesManifest> {
  const { component, work, sink } = production
  const produced = await agent.files.produceTree(component, { stagingDirectory: production.directory }, sink, {
    signal: work.signal,
    label: work.label,
    onProgress: production.onProgress,
  })
  return {
    ...commonManifest(agent, production, {}),
    type: 'files',
    files: {
      paths: component.paths,
      entries: produced.entries,
      dataSizeBytes: produced.dataSizeBytes,
      changedWhileRead: produced.changedWhileRead,
      unreadable: produced.unreadable,
    },
  }
}

function commonManifest(agent: Agent, production: Production<ComponentConfig>, tools: Readonly<Record<string, string>>) {
  const { config, component, input, backup, startedAt, sink, work } = production
  return {
    format: 'muster-manifest-1' as const,
    backup,
    organisation: config.organisation,
    system: input.system,
    component: input.component,
    kind: input.kind,
    run: work.runId,
    attempt: work.attempt,
    configHash: input.configHash,
    startedAt,
    endedAt: agent.now().toISOString(),
    parents: [],
    objects: [...sink.objects].sort((a, b) => (a.key < b.key ? -1 : 1)),
    stores: component.stores,
    recipients: config.encryption.recipients,
    writer: { host: agent.host, machineId: agent.machineId, muster: agent.musterVersion, tools: { ...agent.tools, ...tools } },
  }
}

function summarise(manifest: Manifest, swept: number): ProducedBackup {
  return {
    backup: manifest.backup,
    startedAt: manifest.startedAt,
    endedAt: manifest.endedAt,
    objects: manifest.objects.length,
    sizeBytes: manifest.objects.reduce((sum, object) => sum + object.sizeBytes, 0),
    plainSizeBytes: manifest.type === 'postgresql' ? manifest.postgresql.dataSizeBytes : manifest.files.dataSizeBytes,
    swept,
    stopPoint: manifest.type === 'postgresql' ? manifest.postgresql.endLsn : null,
    tools: manifest.writer.tools,
  }
}
