/** One procedure of a sequence, carried out: its own plan is shown, its own approval waited for, and its end. */
import { otherSite } from '../../domain/placement.ts'
import { siteOfSystem } from '../../domain/copies.ts'
import type { ScenarioStep } from '../../domain/scenario/scenario.ts'
import type { ArchiveWalResult, DrillResult, MoveResult, RestoreResult } from '../../workflows/messages.ts'
import { tellWhatToApprove } from './approve-here.ts'
import type { Asking } from './ask.ts'
import type { Desk } from './desk.ts'
import { startFor } from './start.ts'
import { carryOutBreach } from './scenario-breach.ts'
import { awaitBackup, insistOnYes, type StepDone } from './scenario-done.ts'
import { showDrill } from './drill-view.ts'
import { follow } from './follow.ts'
import { showMoved } from './move-view.ts'
import { showPlan, showRestored } from './restore-view.ts'

/** @throws what the run failed with; MusterError Cancelled where the person says no */
export async function carryOut(desk: Desk, asking: Asking, step: ScenarioStep, system: string): Promise<StepDone> {
  if (step.procedure === 'respondToBreach') return carryOutBreach(desk, asking, step, { system, site: await siteOf(desk, step, system) })
  return step.idFrom === 'target' ? carryOutPlan(desk, asking, step, system) : carryOutAtOnce(desk, asking, step, system)
}

async function carryOutAtOnce(desk: Desk, asking: Asking, step: ScenarioStep, system: string): Promise<StepDone> {
  await insistOnYes(asking, `start it: ${step.command}?`, step)
  const { procedure: type, input, idFrom: id } = step
  const handle = await startFor(desk, { type, system, site: await siteOf(desk, step, system), input, id })
  const { result, seconds } = await follow<DrillResult | ArchiveWalResult>(desk, handle)
  if (type === 'drill') showDrill(desk.out, result as DrillResult)
  else desk.out.line(`  ${result.outcome} in ${seconds.toFixed(1)} s`)
  return { id: step.id, workflowId: handle.workflowId, outcome: result.outcome, seconds }
}

async function carryOutPlan(desk: Desk, asking: Asking, step: ScenarioStep, system: string): Promise<StepDone> {
  const { out } = desk
  const site = await siteOf(desk, step, system)
  const { procedure: type, input } = step
  const planRun = await startFor(desk, { type, system, site, input: { ...input, planOnly: true }, id: 'plan' })
  const { plan } = (await follow<RestoreResult | MoveResult>(desk, planRun)).result
  showPlan(out, plan, { type, input, site, uiUrl: desk.uiUrl, final: false })
  await insistOnYes(asking, 'ask for this plan to be approved, and carry it out?', step)
  // With the expiry of what was shown, the run's own plan is the same text and has the same hash.
  const handle = await startFor(desk, { type, system, site, input: { ...input, expiresAt: plan.decision.expiresAt }, id: 'target' })
  const { result, seconds } = await follow<RestoreResult | MoveResult>(desk, handle, (phase) => {
    if (phase === 'waiting for approval') void tellWhatToApprove(desk, handle, plan.decisionHash)
    if (phase === 'fence: waiting for people')
      out.line(`  waits for people who say that the old side is stopped:  muster fence ${handle.workflowId} --statement TEXT`)
  })
  if ('fence' in result) showMoved(out, result, seconds)
  else showRestored(out, result, seconds)
  await awaitBackup(desk, system, result.backup)
  return { id: step.id, workflowId: handle.workflowId, outcome: result.outcome, seconds }
}

async function siteOf(desk: Desk, { worksAt }: ScenarioStep, system: string): Promise<string> {
  const { config, whole } = await desk.applied(null)
  const active = siteOfSystem(config, system)
  return worksAt === 'other' ? otherSite(whole, system, active) : active
}
