/**
 * How many seconds of commits are not off-site yet, under pgbench: sampled every second from the off-site store, and
 * proven once in the end. Then server, WAL shipper, data directory, spool and local store are lost, and the off-site store
 * alone is recovered elsewhere: the markers found there must be at least those that the samples would have claimed.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../test/support/postgres-cluster.ts'
import type { RestoreResult } from '../workflows/messages.ts'
import type { OffsiteKind } from './bench-system.ts'
import { type BenchResult, percentile, spreadOf } from './figures.ts'
import { createLoadedSystem, type LoadedSystem } from './loaded-system.ts'
import { newestWithin } from './markers.ts'
import { sampleLoss } from './offsite-view.ts'
import { queryRestored } from './restored-copy.ts'
import { say } from './say.ts'

export interface OffsiteLagOptions {
  readonly 'ship-every-seconds': number
  readonly seconds: number
  readonly clients: number
  readonly rate: number
  readonly scale: number
  readonly offsite: OffsiteKind
}

/** `shipEvery` times this is what may be lost. */
const allowedPeriods = 2

interface Proof {
  readonly claimedMarker: number
  readonly recoveredMarker: number
  readonly lastAcknowledgedMarker: number
  /** Acknowledged up to the claimed one, and not recovered; nothing else than 0 is right. */
  readonly missing: number
  readonly lostSeconds: number
  readonly recoverySeconds: number
}

export async function measureOffsiteLag(options: OffsiteLagOptions): Promise<BenchResult> {
  const shipEverySeconds = options['ship-every-seconds']
  say('setting up: pgbench tables, a first backup')
  const loaded = await createLoadedSystem({ ...options, build: 'built', shipEverySeconds })
  try {
    say(`load; samples for ${options.seconds} s`)
    await sampleLoss(loaded.offsite, loaded.markers.markers, shipEverySeconds * allowedPeriods)
    const before = await loaded.load.transactions()
    const startedMs = Date.now()
    const samples = await sampleLoss(loaded.offsite, loaded.markers.markers, options.seconds)
    const rate = ((await loaded.load.transactions()) - before) / ((Date.now() - startedMs) / 1000)
    const proof = await loseAndRecover(loaded)
    return resultOf(shipEverySeconds, samples, rate, proof)
  } finally {
    await loaded.stop()
  }
}

async function loseAndRecover({ system, load, markers, offsite }: LoadedSystem): Promise<Proof> {
  const { cluster, rig, shipper, client, folders } = system
  say('losing the host, recovering from the off-site store alone')
  await Promise.all([shipper.end('SIGKILL'), cluster.kill()])
  await Promise.allSettled([load.stop(), markers.stop()])
  for (const path of [cluster.directory, join(rig.places.home, 'hosts', 'localhost', 'wal'), folders.local]) await rm(path, { recursive: true, force: true })
  const claimed = newestWithin(markers.markers, await offsite.replayableUntil())
  const startedMs = Date.now()
  const port = await freePort()
  const input = { system: 'shop', components: ['database'], from: 'offsite', into: { directory: join(cluster.base, 'elsewhere'), port } }
  const result = (await client.workflow.execute('restoreSystem', {
    taskQueue: 'muster',
    workflowId: 'aside/shop/localhost/lag',
    args: [input],
  })) as RestoreResult
  const recoverySeconds = (Date.now() - startedMs) / 1000
  if (result.outcome !== 'succeeded') throw new Error(`the recovery ${result.outcome}`)
  const found = new Set((await queryRestored<{ n: number }>(port, 'postgres', 'select n from markers')).map(({ n }) => n))
  const last = markers.markers.at(-1)
  const recovered = markers.markers.findLast(({ number }) => found.has(number))
  if (!claimed || !last || !recovered) throw new Error('no marker was off-site')
  return {
    claimedMarker: claimed.number,
    recoveredMarker: recovered.number,
    lastAcknowledgedMarker: last.number,
    missing: markers.markers.filter(({ number }) => number <= claimed.number && !found.has(number)).length,
    lostSeconds: (last.acknowledgedMs - recovered.acknowledgedMs) / 1000,
    recoverySeconds,
  }
}

function resultOf(shipEverySeconds: number, samples: readonly number[], transactionsPerSecond: number, proof: Proof): BenchResult {
  const { median, min, max } = spreadOf(samples)
  const p95 = percentile(samples, 0.95)
  const limit = shipEverySeconds * allowedPeriods
  const cell = (value: number) => [value.toFixed(2)]
  return {
    tables: [
      {
        title: `shipEvery ${shipEverySeconds} s, ${transactionsPerSecond.toFixed(0)} transactions a second`,
        columns: ['seconds'],
        rows: [
          { name: `off-site loss, median of ${samples.length} samples`, cells: cell(median) },
          { name: '95 % of samples', cells: cell(p95) },
          { name: 'least', cells: cell(min) },
          { name: 'worst', cells: cell(max) },
          { name: 'lost in the recovery', cells: cell(proof.lostSeconds) },
          { name: 'recovery took', cells: cell(proof.recoverySeconds) },
        ],
      },
    ],
    targets: [
      { name: 'worst off-site loss', value: max, unit: 's', limit },
      { name: 'lost in the recovery', value: proof.lostSeconds, unit: 's', limit },
      { name: 'claimed markers that were not recovered', value: proof.missing, unit: 'markers', limit: 0 },
    ],
    figures: { shipEverySeconds, transactionsPerSecond, loss: { median, p95, min, max }, proof, samples },
    notes: [
      `recovered up to marker ${proof.recoveredMarker}; the store was read as having ${proof.claimedMarker}; the last one acknowledged was ${proof.lastAcknowledgedMarker}`,
    ],
  }
}
