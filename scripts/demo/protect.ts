/** The first backup, and how far the off-site copy of the WAL is behind. */
import { setTimeout as sleep } from 'node:timers/promises'
import { shipperRequest } from '../../adapters/component/postgresql/shipper-client.ts'
import { formatSize } from '../../domain/durations.ts'
import { shipperSocket } from '../../wiring/places.ts'
import type { BackupSystemResult } from '../../workflows/backup-system.ts'
import { acknowledged } from './markers.ts'
import type { DemoPlaces } from './places.ts'
import type { Checks, DemoReport } from './report.ts'
import type { Stage } from './set-up.ts'
import { seconds, type Teller } from './tell.ts'

export const storeNames = ['local', 'nas', 'offsite'] as const

const firstSeconds = 30
const watchedSeconds = 8

type Backup = DemoReport['backup']

export async function protect(stage: Stage, tell: Teller, checks: Checks): Promise<{ readonly backup: Backup; readonly lagSeconds: number | null }> {
  const done = await stage.muster.run<BackupSystemResult & { readonly seconds: number }>('backup', 'shop')
  const backup = {
    seconds: done.seconds,
    sizeBytes: sum(done.components.map(({ sizeBytes }) => sizeBytes)),
    plainSizeBytes: sum(done.components.map(({ plainSizeBytes }) => plainSizeBytes)),
  }
  tell.line('Protecting', `full backup ${formatSize(backup.plainSizeBytes)} → ${storeNames.join(', ')}`, done.seconds)
  checks.that(
    'the first backup is in every store',
    isEverywhere(done),
    done.components.map((one) => `${one.component}: ${one.copies.map(({ store }) => store).join(', ')}`).join('; '),
  )
  const lagSeconds = await offsiteLag(stage.places)
  tell.line(
    'Protecting',
    lagSeconds === null ? 'no WAL has reached the off-site store yet' : `WAL flowing; off-site copy is at most ${seconds(lagSeconds)} behind the last commit`,
  )
  checks.that('WAL reaches the off-site store', lagSeconds !== null, `behind by ${lagSeconds ?? 'unknown'} s`)
  return { backup, lagSeconds }
}

export function isEverywhere({ outcome, components }: BackupSystemResult): boolean {
  return (
    outcome === 'succeeded' &&
    components.length === 2 &&
    components.every(({ copies }) => storeNames.every((name) => copies.some(({ store }) => store === name)))
  )
}

/**
 * The largest time, while several shipments go by, between the last commit that the writer was promised and the last
 * one that is off-site; null while none is there.
 */
async function offsiteLag(places: DemoPlaces): Promise<number | null> {
  let largest: number | null = null
  let deadline = Date.now() + firstSeconds * 1000
  for (; Date.now() < deadline; await sleep(200)) {
    const status = await shipperRequest(shipperSocket(places.muster, 'localhost'), 'status', undefined).catch(() => null)
    const shipped = status?.instances[0]?.stores.find(({ store }) => store === 'offsite')?.lastCommitAt
    const promised = (await acknowledged(places.markers)).at(-1)?.ackedAt
    if (!shipped || promised === undefined) continue
    if (largest === null) deadline = Date.now() + watchedSeconds * 1000
    largest = Math.max(largest ?? 0, (promised - Date.parse(shipped)) / 1000)
  }
  return largest
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}
