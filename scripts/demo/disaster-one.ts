/** Disaster 1: a wrong DELETE and an overwritten upload, noticed while customers go on ordering. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { objectives } from './config-text.ts'
import { followUpBackup } from './follow-up.ts'
import { acknowledged, compareAt, inDatabase, lastBefore } from './markers.ts'
import { query } from './postgres.ts'
import type { Checks, DisasterReport } from './report.ts'
import { approver, type DoneRestore, planBack, restoreShop, stepStart } from './restore.ts'
import { fileIn, lookAtSafetySet, type SafetyLook } from './safety.ts'
import { watchShop } from './service.ts'
import type { Stage } from './set-up.ts'
import { clock, count, stepsText, type Teller } from './tell.ts'
import { differences, hashUploads, lateUpload, logo } from './uploads.ts'

export interface FirstDisaster {
  readonly report: DisasterReport
  /** Orders that the recovery left out on purpose. */
  readonly leftOut: ReadonlySet<number>
}

const noticedAfterMs = 2500
const mistake = 'overwritten by mistake'

export async function disasterOne(stage: Stage, tell: Teller, checks: Checks): Promise<FirstDisaster> {
  const { places, muster, service } = stage
  await writeFile(join(places.disk.uploads, lateUpload), `made after the last backup of the uploads, ${new Date().toISOString()}\n`)
  const uploads = await hashUploads(places.disk.uploads)
  await sleep(300)
  const { target, deletedAt, deleted } = await wrongDelete(stage)
  await writeFile(join(places.disk.uploads, logo), mistake)
  tell.line('Disaster 1', `DELETE FROM orders at ${clock(deletedAt)}, ${count(deleted)} gone; ${logo} overwritten`)
  await sleep(noticedAfterMs)

  const watch = watchShop(service)
  const done = await restoreShop(muster, 'recoverToPointInTime', { to: { time: target } }, (plan) =>
    tell.line('Recovery', `plan ${plan.slice(0, 8)}… to ${target.slice(11, 26)} · approved by ${approver}`),
  )
  const rtoSeconds = ((await watch.answeredSince(done.declaredAt)) - done.declaredAt) / 1000
  const { steps, checks: passed, approvals } = done.result
  tell.line('Recovery', `${stepsText(steps)} · checks ${passed.filter(({ ok }) => ok).length}/${passed.length}`, rtoSeconds)
  checks.that("disaster 1's RTO within its objective", rtoSeconds <= objectives.rtoSeconds, `${rtoSeconds} s`)
  checks.that(`${approver} approved disaster 1's recovery`, approvals[0]?.person === approver, approvals[0]?.person ?? 'nobody')

  const { markers, leftOut } = await compare(stage, done, target, checks)
  const wrong = differences(uploads, await hashUploads(places.disk.uploads))
  checks.that(
    'uploads are as they were at the target, the late one too',
    wrong.length === 0 && uploads.has(lateUpload),
    wrong.join(', ') || `${uploads.size} files equal`,
  )
  const counted = await service.count()
  checks.that('the shop itself counts the recovered orders', counted >= markers.expected, `${counted} orders`)
  const look = await lookAtSafetySet(places, done)
  await checkSafetySet(look, checks)
  tell.line(
    'Recovery',
    `markers ${count(markers.found)} of ${count(markers.expected)} before the target, ${markers.afterTargetFound} after · old data kept until ${look.keepUntil?.slice(0, 10) ?? '?'}`,
  )
  await showWayBack(stage, done, tell, checks)
  const backup = await followUpBackup(stage, done, checks)
  tell.line('Protected again', `full backup ${backup?.outcome ?? 'not started'}`)
  const { kept, path, seconds, reason } = look
  return {
    leftOut,
    report: {
      name: 'wrong DELETE and overwritten upload',
      target,
      rtoSeconds,
      markers,
      safetySet: { kept, path, seconds, reason },
      steps: steps.map((one) => ({ name: one.name, seconds: one.seconds })),
    },
  }
}

/** Someone forgot half of the WHERE clause. @returns the server's own time right before */
async function wrongDelete({ database: { shop } }: Stage): Promise<{ readonly target: string; readonly deletedAt: string; readonly deleted: number }> {
  const time = `to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
  const [before] = await query<{ target: string }>(shop, `select ${time} as target`)
  await sleep(50)
  const [gone] = await query<{ at: string; deleted: string }>(
    shop,
    `with gone as (delete from orders where placed_at < now() returning number) select ${time} as at, count(*) as deleted from gone`,
  )
  return { target: before?.target ?? '', deletedAt: gone?.at ?? '', deleted: Number(gone?.deleted) }
}

async function compare({ places, database }: Stage, done: DoneRestore, target: string, checks: Checks) {
  const all = await acknowledged(places.markers)
  const found = await inDatabase(database.shop)
  const targetMs = Date.parse(target)
  // When the tail is saved the old server is stopped, and nobody is let into the new one yet.
  const lastOld = lastBefore(all, stepStart(done, 'save the tail'))
  const markers = compareAt(all, found, targetMs, lastOld, new Set())
  // Also the one that was under way at the target, where it is not there: it does not come back later.
  const leftOut = new Set(all.filter((one) => one.ackedAt >= targetMs && one.number <= lastOld && !found.has(one.number)).map(({ number }) => number))
  checks.that(
    'every order acknowledged before the target is back',
    markers.expected > 0 && markers.found === markers.expected,
    `${markers.found} of ${markers.expected}`,
  )
  checks.that('no order from after the target is there', leftOut.size > 0 && markers.afterTargetFound === 0, `${markers.afterTargetFound} of ${leftOut.size}`)
  return { markers, leftOut }
}

async function checkSafetySet(look: SafetyLook, checks: Checks): Promise<void> {
  checks.that('the old database is kept', look.kept, look.path ?? look.reason)
  const old = await fileIn(look.uploads, logo)
  checks.that('the old uploads are kept, with the mistake in them', old === mistake, look.uploads ?? 'none')
  checks.that('how long they are kept is on record', look.keepUntil !== null, look.keepUntil ?? 'no control record')
}

/** How it could be undone: planned and shown, not done. */
async function showWayBack({ muster }: Stage, done: DoneRestore, tell: Teller, checks: Checks): Promise<void> {
  const { decision, decisionHash, forecast } = await planBack(muster, done)
  checks.that('the way back can be planned', decision.mode === 'back', decision.mode)
  tell.line('Way back', `plan ${decisionHash.slice(0, 8)}…, not executed: ${decision.steps.join(' · ')}`)
  for (const loss of forecast.loss.now.split('; ')) tell.line('Way back', loss)
  tell.line('Way back', `muster restore shop --back ${done.workflowId}:${done.runId}`)
}
