/**
 * What the off-site store alone would give back, read from the store and not from whoever ships to it: the keys of its
 * WAL indexes say which bytes are there, and what can be replayed ends at the first byte that is not.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { PostgresqlManifest } from '../domain/repository-format.ts'
import { type Lsn, parseLsn } from '../domain/wal.ts'
import { replayableUntil } from '../domain/wal-shipments.ts'
import { readCatalog } from '../repository/catalog.ts'
import { listShipments } from '../repository/wal-publish.ts'
import type { BenchSystem } from './bench-system.ts'
import { type Marker, newestWithin } from './markers.ts'

export interface OffsiteView {
  /** How far the newest base backup in the store can be replayed. */
  replayableUntil(): Promise<Lsn>
}

export async function openOffsite({ rig, store }: BenchSystem): Promise<OffsiteView> {
  const offsite = store('offsite')
  const verifier = await rig.agent.verifier(rig.config)
  const { manifests } = await readCatalog({ verifier, cache: rig.agent.cache }, offsite, 'shop')
  const base = manifests.findLast((one): one is PostgresqlManifest => one.type === 'postgresql')
  if (!base) throw new Error('the off-site store has no base backup')
  const { incarnation, endLsn } = base.postgresql
  return {
    replayableUntil: async () => replayableUntil(await listShipments(offsite, 'shop', 'database', incarnation), parseLsn(endLsn)),
  }
}

/** Seconds of acknowledged commits that the loss of everything but the off-site store would cost, once a second. */
export async function sampleLoss(view: OffsiteView, markers: readonly Marker[], seconds: number): Promise<readonly number[]> {
  const samples: number[] = []
  const startedMs = Date.now()
  for (let n = 1; n <= seconds; n++) {
    await sleep(Math.max(0, startedMs + n * 1000 - Date.now()))
    samples.push(await lossNow(view, markers))
    // Where reading the store takes longer than a second there are fewer samples, not a longer bench.
    n = Math.max(n, Math.floor((Date.now() - startedMs) / 1000))
  }
  return samples
}

/** Judged by the last commit acknowledged before the store was looked at. */
export async function lossNow(view: OffsiteView, markers: readonly Marker[]): Promise<number> {
  const last = markers.at(-1)
  const safe = newestWithin(markers, await view.replayableUntil())
  if (!last) throw new Error('no marker was committed yet')
  return Math.max(0, last.acknowledgedMs - (safe?.acknowledgedMs ?? (markers[0] as Marker).acknowledgedMs)) / 1000
}
