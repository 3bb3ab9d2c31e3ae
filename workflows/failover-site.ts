/**
 * Fails over every system that is active at a site which may be lost, by priority.
 *
 *  1. scope      which systems are there, where each goes, and in which order; why others of the site are left out
 *  2. plan       with `planOnly`: the plan of each, and the end
 *  3. move       the `failover` of each, under its own id `target/<system>`: all plan and ask for approval at once; only so many
 *                work on a host at a time (domain/turns.ts), and who waits for a person is passed over. Each has its own plan,
 *                approval, fence, way back and evidence
 *  4. outcome    that of the worst; what was left out although the site is lost counts
 *  5. evidence   signed: how each system ended, and the record of each
 *
 * Nothing to undo of its own: each system undoes its own, and none undoes another.
 */
import { CancellationScope, CancelledFailure, isCancellation, patched, upsertMemo, workflowInfo } from '@temporalio/workflow'
import type { SiteScope } from '../activities/site/scope-site.ts'
import { installationChain } from '../domain/object-keys.ts'
import { isMissed, type LeftOut, worstOutcome } from '../domain/site-failover.ts'
import { firstLimits } from '../domain/time-limits.ts'
import { promptOnSite } from './activity-options.ts'
import { keepEvidence } from './evidence.ts'
import { isFailure } from './failure-of.ts'
import { type FailoverSiteInput, failoverSiteMessage } from './messages.ts'
import { unlessNobodyWorks } from './nobody-works.ts'
import { createNotices } from './notices.ts'
import { fail, procedure } from './procedure.ts'
import { createProgressBoard, type Outcome, type ProgressBoard } from './progress.ts'
import { siteOfQueue } from './queues.ts'
import { siteEvidence } from './site/evidence.ts'
import { moveSystems } from './site/move-systems.ts'
import { planSystems } from './site/plan.ts'
import type { FailoverSiteResult, SystemMoved } from './site/result.ts'
import { leftOutLine, movedLine, movingLine, plannedLine } from './site/summary.ts'

export const failoverSite = procedure('failoverSite', failoverSiteMessage, async (input: FailoverSiteInput): Promise<FailoverSiteResult> => {
  const declaredAt = workflowInfo().startTime.toISOString()
  const board = createProgressBoard('failoverSite', null)
  const scope = await scopeOrEnd(input, board)
  const leftOut = scope.leftOut.map(leftOutLine)
  const nothing = { site: input.site, perHost: scope.perHost, planned: [], systems: [], leftOut: scope.leftOut, declaredAt, undelivered: [], record: null }
  if (input.planOnly) {
    const planned = await planSystems(input, scope).catch((error: unknown) => endWith(error, board))
    board.note([...planned.map(plannedLine), ...leftOut])
    board.phase('planned')
    const outcome = worstOutcome([...planned.map(({ problem }) => (problem ? 'failed' : 'succeeded')), ...scope.leftOut.map(outcomeOfLeftOut)])
    return { ...nothing, planned, outcome, endedAt: new Date().toISOString() }
  }
  board.phase('moving')
  // For whoever follows it: which runs belong to it.
  upsertMemo({ systems: scope.systems.map(({ system, priority, to }) => ({ system, priority, to })) })
  const systems = await moveSystems(input, scope, declaredAt, (moving) => board.note([...moving.map(movingLine), ...leftOut]))
  return end(input, scope, board, { ...nothing, systems })
})

/** @throws ApplicationFailure NothingToDo with why each was left out */
async function scopeOrEnd(input: FailoverSiteInput, board: ProgressBoard): Promise<SiteScope> {
  board.phase('planning')
  const site = siteOfQueue()
  try {
    if (site === input.site) {
      const how = `from the command line: muster failover --site ${site}; or give the site that it works at: {"site": "${site}", "at": "…"}`
      throw fail('InvalidInput', `this run works at site ${site}, which is the one that is lost: start it ${how}`)
    }
    const look = promptOnSite(site, firstLimits).scopeSite.executeWithOptions({ summary: `which systems of site ${input.site} go where` }, [
      { site: input.site, systems: input.systems ?? null, to: input.to ?? null, configHash: input.configHash ?? null },
    ])
    const scope = await unlessNobodyWorks(site, look)
    if (scope.systems.length > 0) return scope
    const why = scope.leftOut.map(({ system, why, detail }) => `${system}: ${why}, ${detail}`).join('; ')
    const isUnknown = scope.leftOut.some((one) => one.why === 'unknown')
    throw fail(isUnknown ? 'Unreachable' : 'NothingToDo', `no system fails over from site ${input.site}${why && `: ${why}`}`)
  } catch (error) {
    return endWith(error, board)
  }
}

function endWith(error: unknown, board: ProgressBoard): never {
  if (!isFailure(error)) throw error
  const outcome = isCancellation(error) ? 'cancelled' : 'failed'
  board.phase(outcome)
  board.outcome(outcome)
  throw error
}

/** A system that is elsewhere already is as it should be; one without a plan is down, as people have chosen. */
function outcomeOfLeftOut({ why }: LeftOut): Outcome {
  if (why === 'unknown') return 'failed'
  return why === 'no failover plan' ? 'degraded' : 'succeeded'
}

async function end(
  input: FailoverSiteInput,
  scope: SiteScope,
  board: ProgressBoard,
  result: Omit<FailoverSiteResult, 'outcome' | 'endedAt'>,
): Promise<FailoverSiteResult> {
  const { systems, leftOut, declaredAt } = result
  const { configHash, limits } = scope
  const outcome = worstOutcome([...systems.map((one) => one.outcome), ...leftOut.map(outcomeOfLeftOut)])
  const back = systems.filter((one) => one.outcome === 'succeeded').length
  const title = `failover of site ${input.site}: ${back} of ${systems.length + leftOut.filter(isMissed).length} systems are back`
  const lines = [...systems.map(movedLine), ...leftOut.map(leftOutLine)]
  const notices = createNotices(siteOfQueue(), limits, { configHash, system: installationChain, procedure: 'failoverSite' })
  board.note(lines)
  board.phase(outcome)
  board.outcome(outcome)
  // Where clients find it, however the run ends.
  upsertMemo({ systems: systems.map((one) => ({ ...one })), leftOut: leftOut.map((one) => ({ ...one })) })
  notices.send(outcome === 'succeeded' ? 'succeeded' : 'failed', 'critical', title, lines.join('\n'))
  const undelivered = await CancellationScope.nonCancellable(() => notices.settled())
  const about = { site: siteOfQueue(), limits, board, title: `failover of site ${input.site}` }
  const evidence = { configHash, systems, leftOut, declaredAt, outcome, undelivered, delivered: notices.delivered() }
  const record = patched('site-evidence') ? await keepEvidence(about, siteEvidence(input, evidence)) : null
  if (outcome === 'succeeded' || outcome === 'degraded') return { ...result, outcome, undelivered, record, endedAt: new Date().toISOString() }
  if (outcome === 'cancelled' && CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled')
  throw failureOfWorst(outcome, systems, leftOut, title)
}

/** With its own type, so that the exit code is that of what went wrong. */
function failureOfWorst(outcome: Outcome, systems: readonly SystemMoved[], leftOut: readonly LeftOut[], title: string): Error {
  const worst = systems.find((one) => one.outcome === outcome && one.problem)
  if (worst?.problem) return fail(worst.problem.type, `${title}; ${worst.system}: ${worst.problem.message}`, undefined, outcome)
  const unknown = leftOut.find(({ why }) => why === 'unknown')
  return fail('Unreachable', `${title}; ${unknown?.system}: ${unknown?.detail}`, undefined, outcome)
}
