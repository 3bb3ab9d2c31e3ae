/** Disaster 2: the host's disks are gone, under the running server, while customers order. Only the other site is left. */
import { readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostDirectory } from '../../wiring/places.ts'
import { objectives } from './config-text.ts'
import { followUpBackup } from './follow-up.ts'
import { acknowledged, compareAt, inDatabase, lastBefore } from './markers.ts'
import type { DemoPlaces } from './places.ts'
import { endServers } from './processes.ts'
import type { Checks, DisasterReport } from './report.ts'
import { approver, type DoneRestore, restoreShop } from './restore.ts'
import { lookAtSafetySet } from './safety.ts'
import { watchShop } from './service.ts'
import type { Stage } from './set-up.ts'
import { count, seconds, stepsText, type Teller } from './tell.ts'
import { differences, hashUploads } from './uploads.ts'
import type { Marker } from './writer.ts'

export interface SecondDisaster {
  readonly report: DisasterReport
  readonly rpoSeconds: number
  readonly lostMarkers: number
}

/** Long enough for several shipments, and not a multiple of them. */
const ordinaryLifeMs = 7300

export async function disasterTwo(stage: Stage, leftOut: ReadonlySet<number>, tell: Teller, checks: Checks): Promise<SecondDisaster> {
  const { places, muster, service, database } = stage
  await sleep(ordinaryLifeMs)
  const uploads = await hashUploads(places.disk.uploads)
  const watch = watchShop(service)
  await loseDisks(stage)
  const lostAt = Date.now()
  tell.line('Disaster 2', "the host's disks: database, uploads, WAL spool, both directory stores, under the running server")

  const done = await restoreShop(muster, 'restoreSystem', {}, (plan) =>
    tell.line('Recovery', `plan ${plan.slice(0, 8)}… to the newest moment · approved by ${approver}`),
  )
  const rtoSeconds = ((await watch.answeredSince(lostAt)) - done.declaredAt) / 1000
  const { steps, plan } = done.result
  const stores = [...new Set(plan.decision.components.map(({ fromStore }) => fromStore))]
  tell.line('Recovery', `from ${stores.join(', ')} alone · ${stepsText(steps)}`, rtoSeconds)
  const sources = plan.forecast.tailSources
  tell.line('Recovery', `tail looked for: ${sources.map(({ source, found }) => `${source} ${found ? 'found' : 'not found'}`).join(', ')}`)
  checks.that('disaster 2 was recovered from the off-site store alone', stores.length === 1 && stores[0] === 'offsite', stores.join(', '))
  checks.that(
    'each source of a tail was looked for and not found',
    sources.length >= 4 && sources.every(({ found }) => !found),
    sources.map(({ source, found }) => `${source}: ${found}`).join(', '),
  )

  const all = await acknowledged(places.markers)
  const found = await inDatabase(database.shop)
  const measured = measure(all, found, lostAt, leftOut, checks)
  const wrong = differences(uploads, await hashUploads(places.disk.uploads))
  checks.that('uploads are as they were before the disks were lost', wrong.length === 0, wrong.join(', ') || `${uploads.size} files equal`)
  const counted = await service.count()
  checks.that('the shop itself counts the orders again', counted >= measured.markers.expected, `${counted} orders`)
  checks.that("disaster 2's RPO within its objective", measured.rpoSeconds <= objectives.rpoSeconds, `${measured.rpoSeconds} s`)
  checks.that("disaster 2's RTO within its objective", rtoSeconds <= objectives.rtoSeconds, `${rtoSeconds} s`)
  tell.line('Recovery', `markers ${count(measured.markers.found)} of ${count(measured.markers.expected)} up to the newest recovered one`)
  tell.line(
    'Recovery',
    `lost ${seconds(measured.rpoSeconds)} (RPO ${objectives.rpoSeconds} s ${mark(measured.rpoSeconds <= objectives.rpoSeconds)}) · back in ${seconds(rtoSeconds)} (RTO ${objectives.rtoSeconds} s ${mark(rtoSeconds <= objectives.rtoSeconds)})`,
  )
  await newDisks(stage, done, tell, checks)
  const { kept, path, seconds: taken, reason } = await lookAtSafetySet(places, done)
  checks.that('no safety set is claimed where nothing was left', !kept && path === null, reason)
  return {
    ...measured,
    report: {
      name: "loss of the host's disks",
      target: 'latest',
      rtoSeconds,
      markers: measured.markers,
      safetySet: { kept, path, seconds: taken, reason },
      steps: steps.map((one) => ({ name: one.name, seconds: one.seconds })),
    },
  }
}

function mark(ok: boolean): string {
  return ok ? '✓' : '✗ missed'
}

/** Everything on the host's disks; what runs from them ends right after, as it would. */
async function loseDisks({ places }: Stage): Promise<void> {
  const paths = lostPaths(places)
  for (const path of paths.directories) await removeWhileWritten(path)
  for (const path of paths.emptied) await emptyWhileWritten(path)
  // The shop's own process needs no disk: it goes on in memory, and says 503 until there is a database again.
  await endServers(places.base)
}

function lostPaths(places: DemoPlaces) {
  const host = hostDirectory(places.muster, 'localhost')
  return {
    // Mount points stay, as they do when a disk is exchanged; epochs and safety sets beside the data go with it.
    emptied: [places.disk.database, dirname(places.disk.uploads)],
    directories: [places.stores.local, places.stores.nas, ...['wal', 'staging', 'catalog'].map((name) => join(host, name))],
  }
}

/** The host's agent still writes: it may make a file in a directory between the last look into it and its removal. */
async function removeWhileWritten(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 })
}

/** A running server makes new files while its directory is removed. */
async function emptyWhileWritten(directory: string): Promise<void> {
  for (let tries = 0; tries < 20; tries++) {
    for (const name of await readdir(directory)) await removeWhileWritten(join(directory, name)).catch(() => undefined)
    if ((await readdir(directory)).length === 0) return
  }
  throw new Error(`${directory} cannot be emptied`)
}

function measure(all: readonly Marker[], found: ReadonlySet<number>, lostAt: number, leftOut: ReadonlySet<number>, checks: Checks) {
  const lastNumber = lastBefore(all, lostAt)
  const before = all.filter(({ number }) => number <= lastNumber)
  const recovered = before.filter(({ number }) => found.has(number)).at(-1)
  const rpoSeconds = recovered ? ((before.at(-1)?.ackedAt ?? 0) - recovered.ackedAt) / 1000 : Number.POSITIVE_INFINITY
  const markers = compareAt(before, found, (recovered?.ackedAt ?? 0) + 1, lastNumber, leftOut)
  checks.that('no hole in what was recovered', markers.expected > 0 && markers.found === markers.expected, `${markers.found} of ${markers.expected}`)
  checks.that('what an earlier recovery left out did not come back', markers.afterTargetFound === 0, `${markers.afterTargetFound} of ${leftOut.size}`)
  return { rpoSeconds, lostMarkers: before.filter(({ number }) => number > (recovered?.number ?? 0)).length, markers }
}

/** The stores on the exchanged disks are made anew, and the follow-up backup fills them. */
async function newDisks(stage: Stage, done: DoneRestore, tell: Teller, checks: Checks): Promise<void> {
  await stage.muster.run('apply')
  const backup = await followUpBackup(stage, done, checks)
  tell.line('Protected again', `muster apply makes the lost stores anew; full backup ${backup?.outcome ?? 'not started'}`)
}
