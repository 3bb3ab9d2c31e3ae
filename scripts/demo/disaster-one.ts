/** Disaster 1: a wrong DELETE and an overwritten upload, noticed while customers go on ordering. */
import { access, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BackupSystemResult } from '../../workflows/backup-system.ts'
import { acknowledged, compareAt, inDatabase } from './markers.ts'
import { query } from './postgres.ts'
import { isEverywhere, storeNames } from './protect.ts'
import type { Checks, DisasterReport } from './report.ts'
import { approver, type DoneRestore, planBack, restoreShop } from './restore.ts'
import { watchShop } from './service.ts'
import type { Stage } from './set-up.ts'
import { clock, count, type Teller } from './tell.ts'
import { differences, hashUploads, lateUpload, logo } from './uploads.ts'

const noticedAfterMs = 2500

export interface FirstDisaster {
  readonly report: DisasterReport
  readonly done: DoneRestore
  /** Orders that the recovery left out on purpose. */
  readonly leftOut: ReadonlySet<number>
}

export async function disasterOne(stage: Stage, tell: Teller, checks: Checks): Promise<FirstDisaster> {
  const { places, database, service, muster } = stage
  await writeFile(join(places.disk.uploads, lateUpload), `made after the last backup of the uploads, ${new Date().toISOString()}\n`)
  const before = await hashUploads(places.disk.uploads)
  await sleep(300)
  const { target, deletedAt, deleted } = await wrongDelete(stage)
  await writeFile(join(places.disk.uploads, logo), 'overwritten by mistake')
  tell.line('Disaster 1', `DELETE FROM orders at ${clock(deletedAt)}, ${count(deleted)} gone; ${logo} overwritten`)
  await sleep(noticedAfterMs)

  const watch = watchShop(service)
  const done = await restoreShop(muster, 'recoverToPointInTime', { to: { time: target } }, (plan) =>
    tell.line('Recovery', `plan ${plan.slice(0, 8)}… to ${target.slice(11, 26)} · approved by ${approver}`),
  )
  const openedAt = await firstAnswer(watch)
  const rtoSeconds = (openedAt - done.declaredAt) / 1000
  const { result } = done
  tell.line('Recovery', `${stepsText(result.steps)} · checks ${result.checks.filter(({ ok }) => ok).length}/${result.checks.length}`, rtoSeconds)

  const found = await inDatabase(database.shop)
  const all = await acknowledged(places.markers)
  const targetMs = Math.floor(Date.parse(target))
  const lastOld = all.filter(({ ackedAt }) => ackedAt < openedAt && !found.has(1e9)).filter(({ ackedAt }) => ackedAt <= stoppedAt(done)).at(-1)?.number ?? 0
  const markers = compareAt(all, found, targetMs, lastOld, new Set())
  const leftOut = new Set(all.filter((one) => one.sentAt > targetMs + 1 && one.number <= lastOld).map(({ number }) => number))
  checks.that('every order acknowledged before the target is back', markers.expected > 0 && markers.found === markers.expected, `${markers.found} of ${markers.expected}`)
  checks.that('no order from after the target is there', leftOut.size > 0 && markers.afterTargetFound === 0, `${markers.afterTargetFound} of ${leftOut.size}`)

  const uploads = differences(before, await hashUploads(places.disk.uploads))
  checks.that('uploads are as they were, the late one too', uploads.length === 0 && before.has(lateUpload), uploads.join(', ') || 'all equal')
  checks.that('the shop counts the recovered orders', (await service.count()) >= markers.expected, 'GET /orders/count')
  checks.that(`${approver} approved`, result.approval?.person === approver, JSON.stringify(result.approval))
  const safetySet = await lookAtSafetySet(stage, done, checks)
  const { keepUntil, text } = await plannedBack(stage, done, checks)
  tell.line('Recovery', `markers ${count(markers.found)} of ${count(markers.expected)} before the target, ${markers.afterTargetFound} after · old data kept until ${keepUntil}`)
  tell.line('Way back', text)

  await followUpBackup(stage, done, tell, checks)
  const steps = result.steps.map(({ name, seconds }) => ({ name, seconds }))
  return { report: { name: 'wrong DELETE and overwritten upload', target, rtoSeconds, markers, safetySet, steps }, done, leftOut }
}
