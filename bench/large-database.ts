/**
 * A database of gigabytes through Muster and through bare commands with equal duties, in turn: backed up into two
 * directories, restored elsewhere, and restored in place. What the agent holds in memory meanwhile, how large the
 * history grows, and that staging is empty afterwards.
 */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../adapters/process/run-tool.ts'
import { readHistories } from '../scripts/demo/histories.ts'
import { freePort } from '../test/support/postgres-cluster.ts'
import type { BackupSystemResult, RestoreResult } from '../workflows/messages.ts'
import { type ActivityTime, readRunTimes } from './activity-times.ts'
import { backUpBare, type BareBackup, type BareRestore, restoreBare } from './bare-commands.ts'
import { type BenchSystem, createBenchSystem } from './bench-system.ts'
import type { BenchResult } from './figures.ts'
import { inTurn } from './in-turn.ts'
import { reportLargeDatabase } from './large-database-report.ts'
import { fillForPgbench, pgbenchFingerprint } from './pgbench-load.ts'
import { queryRestored } from './restored-copy.ts'
import { say } from './say.ts'
import { timed } from './timed.ts'

export interface LargeDatabaseOptions {
  readonly megabytes: number
  readonly rounds: number
  /** Of the megabytes, the share that no compression makes smaller. */
  readonly 'random-percent': number
}

const megabytesPerScale = 15

/** Peaks of one procedure, in MiB. */
export interface Memory {
  readonly worker: number
  readonly shipper: number
}

export interface Step {
  readonly seconds: number
  readonly memory: Memory
  readonly activities: readonly ActivityTime[]
}

export interface Round {
  readonly bareBackup: BareBackup
  readonly bareRestore: BareRestore
  readonly backup: Step & {
    readonly publishedSeconds: number
    readonly plainSizeBytes: number
    readonly sizeBytes: number
    readonly stagingLeft: readonly string[]
  }
  readonly elsewhere: Step
  readonly inPlace: Step & { readonly steps: RestoreResult['steps'] }
}

export async function measureLargeDatabase(options: LargeDatabaseOptions): Promise<BenchResult> {
  say(`making a database of ${options.megabytes} MB`)
  const system = await createBenchSystem({ offsite: 'directory', build: 'built', fill: (cluster) => fill(cluster, options) })
  try {
    const rounds: Round[] = []
    for (let n = 1; n <= options.rounds; n++) {
      say(`round ${n} of ${options.rounds}`)
      rounds.push(await oneRound(system, n))
    }
    const histories = await readHistories(system.client)
    return reportLargeDatabase(rounds, histories, system.folders.second.note)
  } finally {
    await system.stop()
  }
}

async function fill(cluster: BenchSystem['cluster'], options: LargeDatabaseOptions): Promise<void> {
  const randomMegabytes = (options.megabytes * options['random-percent']) / 100
  await fillForPgbench(cluster, Math.max(1, Math.round((options.megabytes - randomMegabytes) / megabytesPerScale)))
  const rows = Math.round(randomMegabytes * 1000)
  // 62 digests of 16 bytes: rows of about one kilobyte in which nothing repeats.
  const bytes = "(select string_agg(decode(md5(n || '.' || i), 'hex'), '') from generate_series(1, 62) i)"
  if (rows > 0) await cluster.sql(`create table incompressible as select n, ${bytes} as bytes from generate_series(1, ${rows}) n`, pgbenchFingerprint.database)
  await cluster.sql('checkpoint')
}

async function oneRound(system: BenchSystem, number: number): Promise<Round> {
  const { cluster, rig, client, folders } = system
  const [found] = await cluster.sql<{ found: string }>(pgbenchFingerprint.sql, pgbenchFingerprint.database)
  const expected = found?.found ?? ''
  const checkpoint = () => cluster.sql('checkpoint')
  const bareFolders = [join(cluster.base, 'bare'), join(folders.second.path, 'bare')] as const
  const backups = await inTurn(
    number,
    checkpoint,
    () => backUpBare(system, bareFolders[0], [join(bareFolders[0], 'local'), bareFolders[1]]),
    () => backUp(system, `bench/large/${number}`),
  )
  say(`  backup: bare ${backups.bare.total.toFixed(1)} s, Muster ${backups.muster.publishedSeconds.toFixed(1)} s with ${backups.muster.memory.worker} MiB`)
  const restores = await inTurn(
    number,
    checkpoint,
    () => bareAndGone(system, backups.bare),
    () => elsewhereAndGone(system, number, expected),
  )
  say(`  restore elsewhere: bare ${restores.bare.total.toFixed(1)} s, Muster ${restores.muster.seconds.toFixed(1)} s with ${restores.muster.memory.worker} MiB`)
  for (const path of bareFolders) await rm(path, { recursive: true, force: true })
  await runTool('sync', [])
  const inPlace = await restore(system, 'target/shop', {})
  await assertSame(cluster.port, expected, 'in place')
  say(`  restore in place: Muster ${inPlace.seconds.toFixed(1)} s with ${inPlace.memory.worker} MiB`)
  // The full backup that follows a restore would disturb the next round.
  if (inPlace.backup) await client.workflow.getHandle(inPlace.backup).result()
  for (const { safetyPath } of inPlace.safety) await rm(safetyPath, { recursive: true, force: true })
  const backup = { ...backups.muster, stagingLeft: await stagingOf(rig.places.home) }
  return { bareBackup: backups.bare, bareRestore: restores.bare, backup, elsewhere: restores.muster, inPlace }
}

async function bareAndGone(system: BenchSystem, backup: BareBackup): Promise<BareRestore> {
  const folder = join(system.cluster.base, 'bare-restore')
  const restored = await restoreBare(system, backup, folder, await freePort())
  await rm(folder, { recursive: true, force: true })
  return restored
}

async function elsewhereAndGone(system: BenchSystem, round: number, expected: string): Promise<Step> {
  const directory = join(system.cluster.base, 'elsewhere')
  const port = await freePort()
  const elsewhere = await restore(system, `aside/shop/localhost/large-${round}`, { components: ['database'], into: { directory, port } })
  await assertSame(port, expected, 'elsewhere')
  await system.cluster.kill(directory)
  await rm(directory, { recursive: true, force: true })
  return elsewhere
}

async function backUp(system: BenchSystem, workflowId: string): Promise<Omit<Round['backup'], 'stagingLeft'>> {
  const { step, result, startedMs } = await measured<BackupSystemResult>(system, 'backupSystem', workflowId, {})
  const [database] = result.components
  if (!database || database.copies.length !== 2) throw new Error(`the backup is not in both stores: ${JSON.stringify(result)}`)
  const published = step.activities.filter(({ activity }) => activity === 'publishCopy').map(({ doneMs }) => doneMs)
  return { ...step, publishedSeconds: (Math.max(...published) - startedMs) / 1000, plainSizeBytes: database.plainSizeBytes, sizeBytes: database.sizeBytes }
}

async function restore(system: BenchSystem, workflowId: string, more: object): Promise<Step & Pick<RestoreResult, 'steps' | 'safety' | 'backup'>> {
  const { step, result } = await measured<RestoreResult>(system, 'restoreSystem', workflowId, { from: 'local', requestedBy: 'bench', ...more })
  return { ...step, steps: result.steps, safety: result.safety, backup: result.backup }
}

async function measured<R extends { readonly outcome: string }>(
  system: BenchSystem,
  type: string,
  workflowId: string,
  input: object,
): Promise<{ readonly step: Step; readonly result: R; readonly startedMs: number }> {
  const { client, worker, shipper } = system
  await Promise.all([worker.forgetPeak(), shipper.forgetPeak()])
  const handle = await client.workflow.start(type, { taskQueue: 'muster', workflowId, args: [{ system: 'shop', ...input }] })
  const { seconds, value: result } = await timed(async () => (await handle.result()) as R)
  if (result.outcome !== 'succeeded') throw new Error(`${type} ${result.outcome}: ${JSON.stringify(result)}`)
  const memory = { worker: await worker.peakMemoryMebibytes(), shipper: await shipper.peakMemoryMebibytes() }
  const { startedMs, activities } = await readRunTimes(client, workflowId, handle.firstExecutionRunId)
  return { step: { seconds, memory, activities }, result, startedMs }
}

async function assertSame(port: number, expected: string, where: string): Promise<void> {
  const [row] = await queryRestored<{ found: string }>(port, pgbenchFingerprint.database, pgbenchFingerprint.sql)
  if (row?.found !== expected) throw new Error(`restored ${where}: ${row?.found}; before: ${expected}`)
}

function stagingOf(home: string): Promise<readonly string[]> {
  return readdir(join(home, 'hosts', 'localhost', 'staging')).catch(() => [])
}
