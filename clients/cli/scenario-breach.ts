/** The answer to a breach, carried out: its plan, two approvals, a fence, a review. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkflowHandle } from '@temporalio/client'
import type { ScenarioStep } from '../../domain/scenario/scenario.ts'
import type { RespondToBreachResult } from '../../workflows/messages.ts'
import { tellWhatToApprove } from './approve-here.ts'
import type { Asking } from './ask.ts'
import type { Desk } from './desk.ts'
import { startFor } from './start.ts'
import { evidenceLine } from './evidence-line.ts'
import { follow } from './follow.ts'
import { showMoved } from './move-view.ts'
import { awaitBackup, insistOnYes, type StepDone } from './scenario-done.ts'

export async function carryOutBreach(
  desk: Desk,
  asking: Asking,
  step: ScenarioStep,
  { system, site }: { readonly system: string; readonly site: string },
): Promise<StepDone> {
  const { out } = desk
  const { procedure: type, input } = step
  const planRun = await startFor(desk, { type, system, site, input: { ...input, planOnly: true }, id: 'plan' })
  const { plan } = (await follow<RespondToBreachResult>(desk, planRun)).result
  showBreachPlan(desk, plan)
  await insistOnYes(asking, 'ask for this to be approved, and carry it out?', step)
  const handle = await startFor(desk, { type, system, site, input: { ...input, expiresAt: plan.decision.expiresAt }, id: 'target' })
  const recovery: Promise<unknown>[] = []
  const { result, seconds } = await follow<RespondToBreachResult>(desk, handle, (phase) => {
    if (phase === 'waiting for approval') void tellWhatToApprove(desk, handle, plan.decisionHash)
    if (phase.startsWith('recover to')) recovery.push(followRecovery(desk, `${handle.workflowId}/recover`))
  })
  await Promise.all(recovery)
  for (const { name, ok, detail } of result.checks) out.line(`    ${ok ? '✓' : '✗'} ${name}: ${detail}`)
  for (const { component, store, backup } of result.copies) out.line(`    forensic copy of ${component}: ${store}: ${backup}`)
  for (const line of result.review) out.line(`    ${line}`)
  if (result.moved) showMoved(out, result.moved, seconds)
  const evidence = evidenceLine(result.record)
  if (evidence) out.line(`  ${evidence}`)
  await awaitBackup(desk, system, result.moved?.backup ?? null)
  return { id: step.id, workflowId: handle.workflowId, outcome: result.outcome, seconds }
}

/** What the failover waits for is said by it; how it ends, by its parent. */
async function followRecovery(desk: Desk, workflowId: string): Promise<void> {
  const handle = (await desk.temporal()).workflow.getHandle(workflowId)
  await untilStarted(handle)
  await follow(desk, handle, (phase) => {
    if (phase === 'waiting for approval') void tellWaiting(desk, handle)
    if (phase === 'fence: waiting for people')
      desk.out.line(`  waits for people who say that the old side is cut off:  muster fence ${workflowId} --statement TEXT`)
  }).catch(() => undefined)
}

/** Its parent says that it begins right before it does. */
async function untilStarted(handle: WorkflowHandle): Promise<void> {
  for (let look = 0; look < 60; look += 1) {
    if (await handle.describe().catch(() => null)) return
    await sleep(500)
  }
}

async function tellWaiting(desk: Desk, handle: Parameters<typeof tellWhatToApprove>[1]): Promise<void> {
  const hash = (await handle.describe().catch(() => null))?.memo?.['plan']
  if (typeof hash === 'string') await tellWhatToApprove(desk, handle, hash)
}

function showBreachPlan({ out }: Desk, { decision, decisionHash, warnings }: RespondToBreachResult['plan']): void {
  const { suspects, since, from, to, source, copied, isolate, scanners, candidates, rotate } = decision
  const stopped = [...source.services.map(({ service }) => service), ...source.databases.map(({ component }) => component)]
  out.line(`  under suspicion since ${since}: ${suspects.join(', ')}`)
  out.line(`    1  isolate        ${[...isolate, `stop ${stopped.join(', ')}`].join('; ')}; users are out from here`)
  out.line(`    2  forensic copy  ${copied.map(({ component }) => component).join(', ') || 'nothing of the system is on these hosts'}`)
  out.line(
    `    3  choose         up to ${candidates} recovery points, newest first, in quarantine at ${to}${scanners.length === 0 ? '' : `; scanners: ${scanners.join(', ')}`}`,
  )
  out.line(`    4  recover        failover from ${from} to ${to}, to that point, with an approval of its own`)
  out.line(
    `    5  rotate         ${[...rotate.roles.map(({ role, component }) => `${role} of ${component}`), ...rotate.commands].join(', ') || 'nothing is configured'}`,
  )
  out.line('    6  review, open   ── no automatic way back after this line ──')
  for (const warning of warnings) out.warn(warning)
  out.line(`  plan ${decisionHash.slice(0, 12)}, until ${decision.expiresAt}`)
}
