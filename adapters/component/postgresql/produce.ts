import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import type { PostgresqlManifest } from '../../../domain/repository-format.ts'
import { runTool } from '../../process/run-tool.ts'
import type { ObjectSink, WorkOptions } from '../component.ts'
import { BaseBackupMessages } from './base-backup-messages.ts'
import { readCollationLibraries } from './collation.ts'
import { connectionArguments } from './connection.ts'
import { countedFile } from './counted-stream.ts'
import { type ServerFacts, inspectServer } from './inspect.ts'
import { type PostgresqlInstance, assertReachable, nameOf, osUserOf } from './instance.ts'
import { readWalRange } from './manifest-wal-range.ts'
import { chownTo } from './owned-files.ts'
import { type Program, findClientProgram, majorOf } from './programs.ts'

export interface BaseBackup {
  /** All of the manifest's part but what the caller knows: incarnation and checks. */
  readonly postgresql: Omit<PostgresqlManifest['postgresql'], 'incarnation' | 'checks'>
  /** Program name → version line. */
  readonly tools: Readonly<Record<string, string>>
}

/**
 * Takes a full base backup that needs no other WAL than its own: the server compresses and verifies page checksums,
 * the archives are staged and then handed to the sink one by one as `base`, `tablespace:<oid>` and
 * `postgresql-manifest`. `stagingDirectory` needs the compressed size and is left as it was found, also on failure.
 * @throws MusterError WrongTarget, DatabaseDown, NotReadyYet, CredentialsRejected, PreconditionFailed, ToolTooOld,
 * NotSupported, PageChecksum, SourceChanged, DiskFull, CommandFailed, Cancelled; what the sink throws
 */
export async function produceBaseBackup(
  instance: PostgresqlInstance,
  order: { readonly label: string; readonly stagingDirectory: string },
  sink: ObjectSink,
  options: WorkOptions = {},
): Promise<BaseBackup> {
  const before = await inspectServer(instance)
  const program = await findClientProgram(instance, 'pg_basebackup', before.serverVersion)
  await mkdir(order.stagingDirectory, { recursive: true })
  const work = await mkdtemp(join(order.stagingDirectory, 'base-backup-'))
  try {
    await chownTo(work, await osUserOf(instance))
    await assertReachable(instance, work)
    const totalBytes = await runBaseBackup(instance, program, order.label, work, options)
    const facts = await inspectServer(instance)
    const archives = await archivesIn(work, before, facts)
    const wal = await readWalRange(join(work, 'backup_manifest'))
    for (const archive of archives) await handOver(work, archive, sink, options)
    const dataSizeBytes = totalBytes ?? facts.dataSizeBytes
    const libraries = await readCollationLibraries(instance, majorOf(facts.serverVersion))
    return {
      postgresql: { ...manifestFacts(facts), ...libraries, ...wal, dataSizeBytes },
      tools: { pg_basebackup: program.versionText },
    }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function runBaseBackup(instance: PostgresqlInstance, program: Program, label: string, directory: string, options: WorkOptions): Promise<number | null> {
  const { config } = instance
  const connection = await connectionArguments(instance)
  const runAs = await osUserOf(instance)
  const messages = new BaseBackupMessages(options.onProgress)
  const args = [
    ...connection.args,
    '--pgdata',
    directory,
    '--format=tar',
    `--compress=server-zstd:level=3,workers=${Math.min(4, availableParallelism())}`,
    '--wal-method=fetch',
    `--checkpoint=${config.checkpoint}`,
    '--manifest-checksums=SHA256',
    `--label=${label}`,
    '--progress',
    ...(config.maxRateKbPerSecond === undefined ? [] : [`--max-rate=${config.maxRateKbPerSecond}k`]),
  ]
  try {
    await runTool(program.path, args, {
      env: connection.env,
      stdout: 'discard',
      onStderrLine: (line) => messages.take(line),
      kind: config.checkpoint === 'spread' ? 'kind' : 'normal',
      ...(runAs === undefined ? {} : { runAs }),
      ...(options.label === undefined ? {} : { label: options.label }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
  } catch (error) {
    throw messages.failure(error, nameOf(instance)) ?? error
  }
  return messages.totalBytes
}

interface Archive {
  readonly file: string
  readonly role: string
}

/** The files that must be there, no more and no fewer. */
async function archivesIn(directory: string, before: ServerFacts, after: ServerFacts): Promise<readonly Archive[]> {
  const oids = after.tablespaces.map(({ oid }) => oid)
  const expected = [
    { file: 'base.tar.zst', role: 'base' },
    ...oids.map((oid) => ({ file: `${oid}.tar.zst`, role: `tablespace:${oid}` })),
    { file: 'backup_manifest', role: 'postgresql-manifest' },
  ]
  const found = (await readdir(directory)).sort()
  const same = JSON.stringify(found) === JSON.stringify(expected.map(({ file }) => file).sort())
  const places = (facts: ServerFacts): string => JSON.stringify(facts.tablespaces)
  if (same && places(before) === places(after)) return expected
  throw new MusterError('SourceChanged', `tablespaces changed while the base backup was taken: got ${found.join(', ')}`)
}

async function handOver(directory: string, archive: Archive, sink: ObjectSink, options: WorkOptions): Promise<void> {
  if (options.signal?.aborted) throw new MusterError('Cancelled', `handing over ${archive.file} was cancelled`)
  const path = join(directory, archive.file)
  const plain = await countedFile(path, { ...options, phase: `encrypt ${archive.file}` })
  try {
    await sink.add({ role: archive.role, name: archive.file }, plain)
  } finally {
    plain.destroy()
  }
  await rm(path)
}

function manifestFacts(facts: ServerFacts): Omit<BaseBackup['postgresql'], 'startLsn' | 'endLsn'> {
  return {
    systemIdentifier: facts.systemIdentifier,
    timelineId: facts.timelineId,
    serverVersion: facts.serverVersion,
    serverVersionText: facts.serverVersionText,
    dataDirectory: facts.dataDirectory,
    tablespaces: facts.tablespaces,
    ...(facts.walDirectory === undefined ? {} : { walDirectory: facts.walDirectory }),
    segmentSizeBytes: facts.segmentSizeBytes,
    pageChecksums: facts.pageChecksums,
    glibc: facts.glibc,
    ...(facts.icu === undefined ? {} : { icu: facts.icu }),
    dataSizeBytes: facts.dataSizeBytes,
  }
}
