/** What `large-database` measured, as tables and targets. */
import type { RunHistory } from '../scripts/demo/histories.ts'
import { type BenchResult, type Spread, spreadOf, type Table, type Target } from './figures.ts'
import type { Round, Step } from './large-database.ts'

const memoryLimitMebibytes = 512
const eventsBelow = 300
const payloadLimitBytes = 64 * 1024

export function reportLargeDatabase(rounds: readonly Round[], histories: readonly RunHistory[], note: string): BenchResult {
  const megabytes = (rounds[0] as Round).backup.plainSizeBytes / 1e6
  const workerPeak = Math.max(...rounds.flatMap(({ backup, elsewhere, inPlace }) => [backup, elsewhere, inPlace].map(({ memory }) => memory.worker)))
  const events = Math.max(...histories.map((one) => one.events))
  const backupEvents = Math.max(...histories.filter(({ type }) => type === 'backupSystem').map((one) => one.events))
  const largestPayloadBytes = Math.max(...histories.map((one) => one.largestPayloadBytes))
  const stagingLeft = rounds.flatMap(({ backup }) => backup.stagingLeft).length
  const targets: readonly Target[] = [
    { name: 'agent resident at most, over backup and both restores', value: workerPeak, unit: 'MiB', limit: memoryLimitMebibytes },
    { name: 'events of the longest history', value: events, unit: 'events', limit: eventsBelow - 1 },
    { name: 'largest payload', value: largestPayloadBytes, unit: 'bytes', limit: payloadLimitBytes },
    { name: 'folders left in staging', value: stagingLeft, unit: 'folders', limit: 0 },
  ]
  const share = ((rounds[0] as Round).backup.sizeBytes / (rounds[0] as Round).backup.plainSizeBytes) * 100
  return {
    tables: tablesOf(rounds, megabytes),
    targets,
    figures: { megabytes, workerPeak, events, backupEvents, largestPayloadBytes, stagingLeft, rounds, histories },
    notes: [`compressed and encrypted: ${share.toFixed(0)} % of ${megabytes.toFixed(0)} MB; a backup has ${backupEvents} events`, note],
  }
}

function tablesOf(rounds: readonly Round[], megabytes: number): readonly Table[] {
  const spread = (value: (round: Round) => number): Spread => spreadOf(rounds.map(value))
  const row = (name: string, { median, min, max }: Spread, rate = true) => ({
    name,
    cells: [median, min, max].map((one) => one.toFixed(2)).concat(rate ? [(megabytes / median).toFixed(0)] : ['']),
  })
  const peaks = (name: string, step: (round: Round) => Step) => {
    const memories = rounds.map((round) => step(round).memory)
    return { name, cells: [Math.max(...memories.map(({ worker }) => worker)), Math.max(...memories.map(({ shipper }) => shipper))].map(String) }
  }
  const columns = ['median', 'min', 'max', 'MB/s']
  return [
    {
      title: `${megabytes.toFixed(0)} MB, ${rounds.length} rounds, seconds`,
      columns,
      rows: [
        row(
          'backup: bare',
          spread(({ bareBackup }) => bareBackup.total),
        ),
        row(
          'backup: Muster, published in both',
          spread(({ backup }) => backup.publishedSeconds),
        ),
        row(
          '  ratio',
          spread(({ bareBackup, backup }) => backup.publishedSeconds / bareBackup.total),
          false,
        ),
        row(
          'restore: bare',
          spread(({ bareRestore }) => bareRestore.total),
        ),
        row(
          'restore elsewhere: Muster',
          spread(({ elsewhere }) => elsewhere.seconds),
        ),
        row(
          '  ratio',
          spread(({ bareRestore, elsewhere }) => elsewhere.seconds / bareRestore.total),
          false,
        ),
        row(
          'restore in place: Muster',
          spread(({ inPlace }) => inPlace.seconds),
        ),
        row(
          '  ratio',
          spread(({ bareRestore, inPlace }) => inPlace.seconds / bareRestore.total),
          false,
        ),
      ],
    },
    { title: 'where time goes: bare', columns, rows: bareRows(rounds, row) },
    { title: 'where time goes: activities of the backup', columns, rows: activityRows(rounds, ({ backup }) => backup, row) },
    { title: 'where time goes: activities elsewhere', columns, rows: activityRows(rounds, ({ elsewhere }) => elsewhere, row) },
    { title: 'where time goes: steps in place', columns, rows: stepRows(rounds, row) },
    {
      title: 'resident at most, MiB',
      columns: ['worker', 'shipper'],
      rows: [
        peaks('backup', ({ backup }) => backup),
        peaks('restore elsewhere', ({ elsewhere }) => elsewhere),
        peaks('restore in place', ({ inPlace }) => inPlace),
      ],
    },
  ]
}

type Row = (name: string, spread: Spread, rate?: boolean) => Table['rows'][number]

function bareRows(rounds: readonly Round[], row: Row): Table['rows'] {
  const backup = (['baseBackup', 'encrypt', 'hash', 'copy'] as const).map((step) =>
    row(`backup: ${step}`, spreadOf(rounds.map(({ bareBackup }) => bareBackup[step])), false),
  )
  const restore = (['extract', 'verify', 'flush', 'start'] as const).map((step) =>
    row(`restore: ${step}`, spreadOf(rounds.map(({ bareRestore }) => bareRestore[step])), false),
  )
  return [...backup, ...restore]
}

function activityRows(rounds: readonly Round[], step: (round: Round) => Step, row: Row): Table['rows'] {
  const seconds = (round: Round, name: string) =>
    step(round)
      .activities.filter(({ activity }) => activity === name)
      .reduce((sum, { scheduledMs, doneMs }) => sum + (doneMs - scheduledMs) / 1000, 0)
  const names = [...new Set(rounds.flatMap((round) => step(round).activities.map(({ activity }) => activity)))]
  return names.map((name) => row(name, spreadOf(rounds.map((round) => seconds(round, name))), false))
}

function stepRows(rounds: readonly Round[], row: Row): Table['rows'] {
  const names = [...new Set(rounds.flatMap(({ inPlace }) => inPlace.steps.map(({ name }) => name)))]
  const seconds = ({ inPlace }: Round, name: string) => inPlace.steps.filter((one) => one.name === name).reduce((sum, one) => sum + one.seconds, 0)
  return names.map((name) => row(name, spreadOf(rounds.map((round) => seconds(round, name))), false))
}
