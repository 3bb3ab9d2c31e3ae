/** The demo from its first process to its report. */
import { objectives } from './config-text.ts'
import { disasterOne } from './disaster-one.ts'
import { disasterTwo } from './disaster-two.ts'
import { readHistories, type RunHistory } from './histories.ts'
import type { DemoPlaces } from './places.ts'
import { protect } from './protect.ts'
import { Checks, type DemoReport, writeReport } from './report.ts'
import { setUp, type Stage } from './set-up.ts'
import type { Teller } from './tell.ts'
import { type StoreCopies, verifyCopies } from './verify-copies.ts'

/** What Temporal's own guide to healthy histories and our design allow. */
const mostEvents = 280
const mostPayloadBytes = 64 * 1024

export async function runDemo(places: DemoPlaces, tell: Teller): Promise<{ readonly stage: Stage; readonly report: DemoReport }> {
  const startedAt = Date.now()
  const checks = new Checks()
  const stage = await setUp(places, tell)
  const { backup, lagSeconds } = await protect(stage, tell, checks)
  const first = await disasterOne(stage, tell, checks)
  await stage.muster.peakMemoryMiB()
  const copiesBefore = await verifyCopies(places)
  checkCopies(copiesBefore, 'before disaster 2', checks)
  const second = await disasterTwo(stage, first.leftOut, tell, checks)
  const copies = await verifyCopies(places)
  checkCopies(copies, 'at the end', checks)
  const measured = await measureRuns(stage, checks)
  const report: DemoReport = {
    ok: checks.failed.length === 0,
    startedAt: new Date(startedAt).toISOString(),
    seconds: (Date.now() - startedAt) / 1000,
    disasters: [first.report, second.report],
    rpoSeconds: second.rpoSeconds,
    lostMarkers: second.lostMarkers,
    objectives,
    backup,
    offsiteLagSeconds: lagSeconds,
    copies,
    copiesBeforeDisaster2: copiesBefore,
    ...measured,
    temporalUi: stage.muster.uiUrl,
    checks: checks.all,
  }
  await writeReport(places.report, report)
  return { stage, report }
}

function checkCopies(copies: readonly StoreCopies[], when: string, checks: Checks): void {
  for (const { store, objects, verified, problem } of copies) {
    checks.that(
      `every object in ${store} reads back equal, ${when}`,
      problem === null && objects > 0 && verified === objects,
      problem ?? `${verified} of ${objects}`,
    )
  }
}

/** A configuration that is applied while an earlier one is still on its way ends that run. */
function isSuperseded({ type, status }: RunHistory, later: readonly RunHistory[]): boolean {
  return type === 'installConfig' && status === 'TERMINATED' && later.some((one) => one.type === type && one.status === 'COMPLETED')
}

async function measureRuns({ muster, postOffice }: Stage, checks: Checks) {
  const workflows = await readHistories(muster.client)
  const historyEvents = Math.max(0, ...workflows.map(({ events }) => events))
  const largestPayloadBytes = Math.max(0, ...workflows.map(({ largestPayloadBytes: bytes }) => bytes))
  const agentPeakMemoryMiB = await muster.peakMemoryMiB()
  const notifications = await postOffice.received()
  const bad = workflows.filter((run, index) => run.status !== 'COMPLETED' && !isSuperseded(run, workflows.slice(index + 1)))
  checks.that(
    'every run completed',
    workflows.length > 0 && bad.length === 0,
    bad.map(({ id, status }) => `${id}: ${status}`).join(', ') || `${workflows.length} runs`,
  )
  checks.that('histories stay short', historyEvents <= mostEvents, `${historyEvents} events, ${mostEvents} allowed`)
  checks.that('payloads stay small', largestPayloadBytes <= mostPayloadBytes, `${largestPayloadBytes} bytes`)
  checks.that(
    'people were told by mail and webhook',
    Math.min(notifications.email, notifications.slack) > 0 && notifications.email === notifications.slack,
    JSON.stringify(notifications),
  )
  checks.that("the agent's memory was measured", agentPeakMemoryMiB > 0, `${agentPeakMemoryMiB} MiB`)
  return { workflows, historyEvents, largestPayloadBytes, agentPeakMemoryMiB, notifications, notificationsReceived: notifications.email + notifications.slack }
}
