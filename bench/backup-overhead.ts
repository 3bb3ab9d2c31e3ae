/**
 * What orchestration costs: a small system (a database and a tree) is backed up into two stores, and in turn by the bare
 * tools. What the tools and the checkpoint take is theirs; everything else until both stores have published is ours.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { BackupSystemResult } from '../workflows/messages.ts'
import { readRunTimes, type RunTimes, secondsByActivity } from './activity-times.ts'
import { backUpBare, type BareBackup, toolSeconds } from './bare-commands.ts'
import { type BenchSystem, createBenchSystem, type OffsiteKind } from './bench-system.ts'
import { type BenchResult, type Spread, spreadCells, spreadOf, type Table, type Target } from './figures.ts'
import { inTurn } from './in-turn.ts'
import { say } from './say.ts'

export interface OverheadOptions {
  readonly runs: number
  readonly offsite: OffsiteKind | 'both'
  readonly megabytes: number
}

const totalLimitSeconds = 5
const oursLimitSeconds = 2

interface Round {
  readonly bare: BareBackup
  /** From the workflow's start to the last manifest, and to the end of the run. */
  readonly publishedSeconds: number
  readonly endedSeconds: number
  readonly activities: Readonly<Record<string, number>>
}

interface Variant {
  readonly offsite: OffsiteKind
  readonly plainSizeBytes: number
  readonly published: Spread
  readonly bareTools: Spread
  readonly bareTotal: Spread
  readonly ours: Spread
  readonly ratioToBare: Spread
  readonly rounds: readonly Round[]
}

export async function measureBackupOverhead(options: OverheadOptions): Promise<BenchResult> {
  const kinds = (['directory', 's3'] as const).filter((kind) => options.offsite === 'both' || options.offsite === kind)
  const variants: Variant[] = []
  for (const kind of kinds) variants.push(await measureVariant(kind, options))
  return {
    tables: variants.flatMap(tablesOf),
    targets: variants.flatMap(targetsOf),
    figures: { variants },
    notes: ['ours = published − the tools run bare in the same round; activities overlap, so their seconds add up to more than the run'],
  }
}

async function measureVariant(offsite: OffsiteKind, { runs, megabytes }: OverheadOptions): Promise<Variant> {
  say(`a directory and ${offsite === 's3' ? 'an S3 server' : 'another directory'}: setting up`)
  const system = await createBenchSystem({
    offsite,
    build: 'built',
    treeMegabytes: Math.max(1, Math.round(megabytes / 10)),
    fill: (cluster) => fill(cluster, megabytes),
  })
  try {
    let plainSizeBytes = 0
    const rounds: Round[] = []
    // The first of each loads programs and connections once; it is not counted.
    for (let run = 0; run <= runs; run++) {
      const { bare, muster } = await inTurn(
        run,
        // Something for the checkpoint to write, the same for both.
        () => system.cluster.sql('update products set n = n where n % 50 = 0'),
        () => bareAndGone(system),
        () => backUp(system, `bench/overhead/${run}`),
      )
      plainSizeBytes = muster.plainSizeBytes
      say(`  ${run === 0 ? 'not counted' : `${run} of ${runs}`}: bare ${bare.total.toFixed(2)} s, Muster ${muster.round.publishedSeconds.toFixed(2)} s`)
      if (run > 0) rounds.push({ bare, ...muster.round })
    }
    return { offsite, plainSizeBytes, ...spreadsOf(rounds), rounds }
  } finally {
    await system.stop()
  }
}

async function fill({ sql }: BenchSystem['cluster'], megabytes: number): Promise<void> {
  const rowsPerMegabyte = 1000
  await sql(`create table products as select n, repeat(md5(n::text), 30) as text from generate_series(1, ${megabytes * rowsPerMegabyte}) n`)
  await sql('checkpoint')
}

async function bareAndGone(system: BenchSystem): Promise<BareBackup> {
  const folder = join(system.cluster.base, 'bare')
  const second = join(system.folders.second.path, 'bare')
  const bare = await backUpBare(system, folder, [join(folder, 'local'), ...(system.s3 ? [] : [second])])
  for (const path of [folder, second]) await rm(path, { recursive: true, force: true })
  return bare
}

async function backUp({ client }: BenchSystem, workflowId: string): Promise<{ readonly round: Omit<Round, 'bare'>; readonly plainSizeBytes: number }> {
  const result = (await client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId, args: [{ system: 'shop' }] })) as BackupSystemResult
  const copies = result.components.map((one) => one.copies.length)
  if (result.outcome !== 'succeeded' || copies.some((count) => count !== 2)) throw new Error(`the backup is not in both stores: ${JSON.stringify(result)}`)
  const times = await readRunTimes(client, workflowId)
  const round = { publishedSeconds: untilLast(times, 'publishCopy'), endedSeconds: untilLast(times), activities: secondsByActivity(times) }
  return { round, plainSizeBytes: result.components.reduce((sum, one) => sum + one.plainSizeBytes, 0) }
}

function untilLast({ startedMs, activities }: RunTimes, activity?: string): number {
  const ends = activities.filter((one) => activity === undefined || one.activity === activity).map(({ doneMs }) => doneMs)
  return (Math.max(...ends) - startedMs) / 1000
}

function spreadsOf(rounds: readonly Round[]): Pick<Variant, 'published' | 'bareTools' | 'bareTotal' | 'ours' | 'ratioToBare'> {
  return {
    published: spreadOf(rounds.map(({ publishedSeconds }) => publishedSeconds)),
    bareTools: spreadOf(rounds.map(({ bare }) => toolSeconds(bare))),
    bareTotal: spreadOf(rounds.map(({ bare }) => bare.total)),
    ours: spreadOf(rounds.map(({ bare, publishedSeconds }) => publishedSeconds - toolSeconds(bare))),
    ratioToBare: spreadOf(rounds.map(({ bare, publishedSeconds }) => publishedSeconds / bare.total)),
  }
}

function tablesOf(variant: Variant): readonly Table[] {
  const megabytes = (variant.plainSizeBytes / 1e6).toFixed(0)
  const row = (name: string, spread: Spread) => ({ name, cells: spreadCells(spread) })
  const activities = [...new Set(variant.rounds.flatMap((round) => Object.keys(round.activities)))]
  const bareSteps = ['baseBackup', 'encrypt', 'tree', 'hash', 'copy'] as const
  const columns = ['median', 'min', 'max']
  return [
    {
      title: `${megabytes} MB, directory + ${variant.offsite}, ${variant.rounds.length} runs, seconds`,
      columns,
      rows: [
        row('Muster, start to published in both', variant.published),
        row('bare tools (checkpoint included)', variant.bareTools),
        row('ours', variant.ours),
        row('bare, with hashes and flushed copies', variant.bareTotal),
        row('ratio to that', variant.ratioToBare),
      ],
    },
    {
      title: 'where time goes: activities',
      columns,
      rows: activities.map((activity) => row(activity, spreadOf(variant.rounds.map((round) => round.activities[activity] ?? 0)))),
    },
    { title: 'where time goes: bare', columns, rows: bareSteps.map((step) => row(step, spreadOf(variant.rounds.map(({ bare }) => bare[step])))) },
  ]
}

function targetsOf({ offsite, published, ours }: Variant): readonly Target[] {
  return [
    { name: `start to published in two stores, median (${offsite})`, value: published.median, unit: 's', limit: totalLimitSeconds },
    { name: `of which ours, median (${offsite})`, value: ours.median, unit: 's', limit: oursLimitSeconds },
  ]
}
