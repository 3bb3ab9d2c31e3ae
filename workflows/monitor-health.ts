/**
 * Looks hourly whether a system is as well protected as its configuration asks, and tells people when that changes.
 *
 *  1. judge      freshness, copies and gaps from the stores themselves, the WAL shipper, missed and failed drills
 *  2. names      every authoritative name server leads to the site where the system is active: one that comes back may not
 *  3. readiness  the plan of a failover is made at the other site and thrown away, and its fence is tried: what stands in its way is known before
 *  4. alarm      what is new, what is over, once a day what is still so, and to the next contact what nobody has mended
 *
 * Additive: nothing to undo. What people were told of comes from the result of the schedule's last run, or from its failure.
 */
import { CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow'
import type { Health } from '../activities/site/judge-health.ts'
import type { ContactTurn } from '../domain/contacts.ts'
import { textOf, type ToldReason } from '../domain/health-alarms.ts'
import type { ProtectionWord, Reason } from '../domain/protection.ts'
import { defaultTimeLimits } from '../domain/time-limits.ts'
import { onSite } from './activity-options.ts'
import type { Look } from './alarm-notices.ts'
import { tellOfAlarms } from './alarms.ts'
import { isFailedLook, leftByLooks, tellOfFailedLook, tellThatItLooksAgain } from './failed-look.ts'
import { dnsHealth } from './dns-health.ts'
import { fenceHealth } from './fence-health.ts'
import { failureOf, isFailure } from './failure-of.ts'
import { type MonitorHealthInput, monitorHealthMessage } from './messages.ts'
import { makeMovePlan } from './move/plan.ts'
import { createNotices, type Notices } from './notices.ts'
import { procedure } from './procedure.ts'
import { createProgressBoard, type Outcome, type ProgressBoard } from './progress.ts'
import { siteOfQueue } from './queues.ts'

export interface MonitorHealthResult {
  readonly system: string
  readonly outcome: Outcome
  readonly word: ProtectionWord
  readonly lostNowSeconds: number | null
  readonly lastProvenAt: string | null
  readonly reasons: readonly Reason[]
  /** What people know of. */
  readonly told: readonly ToldReason[]
  /** Who is told after whom, for a next run that cannot find out; absent where nobody is. */
  readonly contacts?: readonly ContactTurn[]
}

/** Longer than a plan takes; a site that is slower than that is not ready. */
const readinessSeconds = 600

export const monitorHealth = procedure('monitorHealth', monitorHealthMessage, async (input: MonitorHealthInput): Promise<MonitorHealthResult> => {
  const board = createProgressBoard('monitorHealth', input.system)
  const site = siteOfQueue()
  const configHash = input.configHash ?? null
  const about = { configHash, system: input.system, procedure: 'monitorHealth' }
  const last = workflowInfo().lastResult as Partial<MonitorHealthResult> | undefined
  const left = leftByLooks(last)
  let notices = createNotices(site, defaultTimeLimits, { ...about, contacts: left.contacts })
  try {
    board.phase('judging')
    const health = await onSite(site).judgeHealth.executeWithOptions({ summary: `how well ${input.system} is protected` }, [
      { system: input.system, configHash },
    ])
    notices = createNotices(site, defaultTimeLimits, { ...about, contacts: health.contacts })
    board.phase('readiness')
    const reasons = [...health.reasons, ...(await dnsHealth(site, input.system, health)), ...(await readiness(input, health))]
    const word = reasons.some((one) => one.word === 'not protected') ? 'not protected' : reasons.length > 0 ? 'degraded' : 'protected'
    board.note([word, ...reasons.map((one) => `${textOf(one)} → ${one.next}`)])
    const before = (last?.told ?? []).filter((one) => !isFailedLook(one))
    const told = await tellPeople(input.system, word, { before, reasons }, notices)
    const stillBelieved = await tellThatItLooksAgain(notices, left, `${input.system} is looked after again`)
    const outcome: Outcome = word === 'protected' ? 'succeeded' : 'degraded'
    end(board, outcome)
    await notices.settled()
    const { lostNowSeconds, lastProvenAt, contacts } = health
    return { system: input.system, outcome, word, lostNowSeconds, lastProvenAt, reasons, told: [...told, ...stillBelieved], ...(contacts && { contacts }) }
  } catch (error) {
    if (!isFailure(error)) throw error
    end(board, isCancellation(error) ? 'cancelled' : 'failed')
    throw await CancellationScope.nonCancellable(async () => {
      const said = { title: `nobody looks after ${input.system}`, unknown: 'whether it is protected is not known', next: `muster status ${input.system}` }
      const failure = isCancellation(error) ? error : await tellOfFailedLook(notices, left, error, said)
      await notices.settled()
      return failure
    })
  }
})

function end(board: ProgressBoard, outcome: Outcome): void {
  board.phase(outcome)
  board.outcome(outcome)
}

/** What would stop a failover that was started now. */
async function readiness({ system }: MonitorHealthInput, health: Health): Promise<readonly Reason[]> {
  const { failoverTo, configHash } = health
  if (failoverTo === null) return []
  try {
    const ask = { system, configHash, requestedBy: 'monitor-health' }
    const plan = () => makeMovePlan(failoverTo, 'failover', ask, null, `whether ${system} could fail over to ${failoverTo}`)
    const { dnsWarnings, plan: ready } = await CancellationScope.withTimeout(readinessSeconds * 1000, plan)
    return [...dnsWarnings, ...(ready.notWarm ?? []), ...(await fenceHealth(system, health))].map((text) => notReady(system, failoverTo, text))
  } catch (error) {
    if (!isFailure(error) || (isCancellation(error) && CancellationScope.current().consideredCancelled)) throw error
    const late = `no plan in ${readinessSeconds / 60} min`
    return [notReady(system, failoverTo, isCancellation(error) ? late : failureOf(error).message)]
  }
}

function notReady(system: string, site: string, text: string): Reason {
  return { word: 'degraded', component: null, text: `a failover to ${site} is not ready: ${text}`, next: `muster failover ${system} --plan` }
}

function tellPeople(system: string, word: ProtectionWord, look: Pick<Look, 'before' | 'reasons'>, notices: Notices): Promise<readonly ToldReason[]> {
  const title = `${system} is ${word}`
  return tellOfAlarms(notices, { ...look, title, overTitle: `${title}${look.reasons.length > 0 ? '' : ' again'}` })
}
