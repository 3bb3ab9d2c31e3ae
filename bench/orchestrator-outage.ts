/**
 * Does protection depend on the orchestrator? Temporal is killed for a while under pgbench, and the off-site loss is
 * sampled every second before, during and after. Afterwards a run must work again.
 */
import { WorkflowFailedError } from '@temporalio/client'
import type { BenchSystem, OffsiteKind } from './bench-system.ts'
import { type BenchResult, percentile } from './figures.ts'
import { createLoadedSystem } from './loaded-system.ts'
import type { Build } from './muster-process.ts'
import { sampleLoss } from './offsite-view.ts'
import { say } from './say.ts'

export interface OutageFigures {
  readonly shipEverySeconds: number
  readonly outageSeconds: number
  /** 95 % of the samples of the off-site loss are at most so many seconds. */
  readonly before: number
  readonly during: number
  readonly after: number
  readonly worstDuring: number
  /** During ÷ before. */
  readonly ratio: number
  /** Committed by pgbench during the outage. */
  readonly transactions: number
  /** Temporal back, and `archiveWal` through; null where that did not happen within a minute. */
  readonly backSeconds: number | null
  readonly samples: { readonly before: readonly number[]; readonly during: readonly number[]; readonly after: readonly number[] }
}

export interface OutageSettings {
  readonly outageSeconds: number
  readonly shipEverySeconds: number
  /** Sampled before and after. */
  readonly steadySeconds: number
  readonly clients: number
  readonly rate: number
  readonly scale: number
  readonly offsite: OffsiteKind
  readonly build: Build
}

export async function measureOutage(settings: OutageSettings): Promise<OutageFigures> {
  const { shipEverySeconds, outageSeconds, steadySeconds } = settings
  const { system, load, markers, offsite, stop } = await createLoadedSystem(settings)
  const sample = (seconds: number) => sampleLoss(offsite, markers.markers, seconds)
  try {
    await sample(shipEverySeconds * 2)
    const before = await sample(steadySeconds)
    await system.temporal.kill()
    const committed = await load.transactions()
    const during = await sample(outageSeconds)
    const transactions = (await load.transactions()) - committed
    const backSeconds = await comeBack(system)
    const after = await sample(steadySeconds)
    const [p95Before, p95During, p95After] = [before, during, after].map((samples) => percentile(samples, 0.95)) as [number, number, number]
    return {
      shipEverySeconds,
      outageSeconds,
      before: p95Before,
      during: p95During,
      after: p95After,
      worstDuring: percentile(during, 1),
      ratio: p95During / p95Before,
      transactions,
      backSeconds,
      samples: { before, during, after },
    }
  } finally {
    await stop()
  }
}

async function comeBack({ temporal, client, keepWorker }: BenchSystem): Promise<number | null> {
  const startedMs = Date.now()
  await temporal.restart()
  await keepWorker()
  try {
    await client.workflow.execute('archiveWal', {
      taskQueue: 'muster',
      workflowId: 'bench/back',
      args: [{ system: 'shop' }],
      workflowRunTimeout: backWithinSeconds * 1000,
    })
    return (Date.now() - startedMs) / 1000
  } catch (error) {
    say(`archiveWal after the outage: ${String(error instanceof WorkflowFailedError ? error.cause : error)}`)
    return null
  }
}

export interface OutageOptions {
  readonly 'outage-seconds': number
  readonly 'ship-every-seconds': number
  readonly 'steady-seconds': number
  readonly clients: number
  readonly rate: number
  readonly scale: number
  readonly offsite: OffsiteKind
}

const allowedRatio = 1.2
const backWithinSeconds = 60

export async function reportOutage(options: OutageOptions): Promise<BenchResult> {
  say(`Temporal is killed for ${options['outage-seconds']} s, after ${options['steady-seconds']} s of steady load`)
  const figures = await measureOutage({
    outageSeconds: options['outage-seconds'],
    shipEverySeconds: options['ship-every-seconds'],
    steadySeconds: options['steady-seconds'],
    clients: options.clients,
    rate: options.rate,
    scale: options.scale,
    offsite: options.offsite,
    build: 'built',
  })
  const row = (name: string, p95: number, samples: readonly number[]) => ({
    name,
    cells: [percentile(samples, 0.5), p95, percentile(samples, 1)].map((value) => value.toFixed(2)),
  })
  const { before, during, after, samples, transactions, ratio, backSeconds } = figures
  return {
    tables: [
      {
        title: `off-site loss in seconds, shipEvery ${figures.shipEverySeconds} s`,
        columns: ['median', '95 %', 'worst'],
        rows: [
          row('before', before, samples.before),
          row(`Temporal dead, ${figures.outageSeconds} s`, during, samples.during),
          row('after', after, samples.after),
        ],
      },
    ],
    targets: [
      { name: 'loss during the outage against before it, 95 % of samples', value: ratio, unit: '×', limit: allowedRatio },
      { name: 'Temporal back and archiveWal through', value: backSeconds ?? Number.NaN, unit: 's', limit: backWithinSeconds },
    ],
    figures: { ...figures },
    notes: [`${(transactions / figures.outageSeconds).toFixed(0)} transactions a second during the outage`],
  }
}
