/** The old primary comes back: as a machine that boots, or as one that was never gone. Neither may serve, nor take DNS. */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { processesUsing } from '../../adapters/process/find-processes.ts'
import type { DivergedReport } from '../../clients/cli/diverged.ts'
import { query } from '../demo/postgres.ts'
import { archivedSince } from './archived.ts'
import { startCommand } from './database.ts'
import { startNameServer } from './name-servers.ts'
import { healLink } from './network.ts'
import type { Loss } from './options.ts'
import type { Stage } from './set-up.ts'
import { ask, guarded, startAgent, startShipper } from './site.ts'
import { acknowledgedAt } from './writers.ts'

export interface Return {
  /** ISO-8601 UTC. */
  readonly healedAt: string
  /** Until nothing of the old database ran any more; 0 where it was never started, 30 where it was not stopped. */
  readonly stoppedSeconds: number
  /** Of a client at the site itself, between the healed link and the stop. */
  readonly commitsUntilStopped: number
  /** Answers that a client outside got from the old database, before it was stopped and after. */
  readonly outsideAnswersUntilStopped: number
  readonly outsideAnswersAfterwards: number
  /** Commits that were acknowledged there after the stop. */
  readonly commitsAfterwards: number
  /** `muster guard` was asked to start the database. */
  readonly guard: { readonly exitCode: number; readonly said: string }
  /** What it had committed and is not in service; null where nothing could be committed. */
  readonly diverged: { readonly before: number; readonly after: number; readonly incomplete: string | null } | null
  /** Objects of WAL that its own store got after the fence. */
  readonly archivedBeyondFence: number
}

/** The return guard looks every five seconds, and reads the records of every store. */
const stopSeconds = 30
/** How long the old side is watched after it was stopped. */
const watchedSeconds = 12

export async function comeBack(stage: Stage, loss: Loss, fencedAt: number): Promise<Return> {
  const { places, database } = stage
  await healLink('primary')
  const healedAt = Date.now()
  const watch = watchFromOutside(stage)
  if (loss === 'killed') {
    await emptyRunDirectory(stage)
    await startNameServer(places, 'primary')
    await startShipper(places, 'primary')
  }
  const stoppedAt = await untilStopped(stage, healedAt)
  const commits = await acknowledgedAt(places, 'primary')
  const guard = await guarded(places, 'primary', startCommand(places, database.binDirectory, 'primary'))
  await sleep(watchedSeconds * 1000)
  if (loss === 'killed') await startAgent(places, 'primary')
  const answers = watch.stop()
  const diverged = loss === 'killed' ? null : await divergedAt(stage)
  return {
    healedAt: new Date(healedAt).toISOString(),
    stoppedSeconds: loss === 'killed' ? 0 : (stoppedAt - healedAt) / 1000,
    commitsUntilStopped: commits.filter(({ ackedAt }) => ackedAt > healedAt).length,
    outsideAnswersUntilStopped: answers.filter((at) => at <= stoppedAt).length,
    outsideAnswersAfterwards: answers.filter((at) => at > stoppedAt).length,
    commitsAfterwards: (await acknowledgedAt(places, 'primary')).length - commits.length,
    guard,
    diverged,
    archivedBeyondFence: await archivedSince(places, fencedAt),
  }
}

/** Sockets and their locks are gone after a boot: they lie in memory on a real machine. */
async function emptyRunDirectory({ places }: Stage): Promise<void> {
  const { database } = places.sites.primary
  for (const name of await readdir(database)) if (name.startsWith('.s.PGSQL.')) await rm(join(database, name))
}

/** @returns when it was stopped; the last moment that was looked at where it was not, which is too late for every target */
async function untilStopped({ places }: Stage, healedAt: number): Promise<number> {
  const { dataDirectory } = places.sites.primary
  const deadline = healedAt + stopSeconds * 1000
  while (Date.now() < deadline && (await processesUsing(dataDirectory)).length > 0) await sleep(100)
  return Date.now()
}

/** Somebody who still has the old address. */
function watchFromOutside({ database }: Stage): { stop(): readonly number[] } {
  const answered: number[] = []
  let stopped = false
  void (async () => {
    for (; !stopped; await sleep(250)) {
      const rows = await query(database.shop.primary, 'select 1').catch(() => [])
      if (rows.length > 0) answered.push(Date.now())
    }
  })()
  return {
    stop() {
      stopped = true
      return answered
    },
  }
}

async function divergedAt({ places }: Stage): Promise<Return['diverged']> {
  const { exitCode, result } = await ask<DivergedReport>(places, 'primary', ['diverged', 'shop', '--host', places.sites.primary.host])
  const [database] = result.databases ?? []
  if (exitCode !== 0 || !database) throw new Error(`muster diverged ended with ${exitCode}: ${result.error?.message ?? 'it names no database'}`)
  return { before: database.before, after: database.after, incomplete: database.incomplete }
}
