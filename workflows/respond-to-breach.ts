/**
 * Answers a breach: hosts of a system may have been ruled by somebody else since a moment.
 *
 *   1. plan                     what is isolated, copied, tried and changed; nobody suspected is where it goes
 *   2. approval                 of that decision
 *   3. isolate                  the suspicion is written down: what these hosts signed since is no recovery point, and guards
 *                               refuse to start the system there; off the network; services and databases stopped
 *   4. forensic copy            of each component on a suspected host, as it is found, each file with its hash
 *   5. choose a recovery point  candidates before the moment, newest first, each a drill in quarantine: checks, scanners,
 *                               and what is different in the newest moment
 *   6. recover                  a failover to that point, on hosts that are not suspected, with its own plan, approval, fence
 *                               and roll back; before it opens, passwords and keys are changed, and a person reviews
 *   7. evidence                 signed, in every store; however it ended
 *
 * Nothing of 3 and 4 is undone by a failure or a cancellation: a system that is isolated stays so until it has moved, or a person
 * lifts the suspicion. The point of no return is the opening of 6.
 */
import { CancellationScope, executeChild, isCancellation, ParentClosePolicy, workflowInfo } from '@temporalio/workflow'
import type { BreachPlan } from '../activities/site/breach/scope-breach.ts'
import { firstLimits } from '../domain/time-limits.ts'
import { onSite, promptOnSite } from './activity-options.ts'
import { breachEvidence, type BreachEnd } from './breach/evidence.ts'
import type { BreachContext } from './breach/context.ts'
import { chooseCandidate } from './breach/candidates.ts'
import { isolate, keepForensicCopies } from './breach/isolate.ts'
import { whileUnanswered } from './escalation.ts'
import { type KeptEvidence, keepEvidence } from './evidence.ts'
import { failover } from './failover.ts'
import { failureOf, isFailure } from './failure-of.ts'
import { type MoveResult, type RespondToBreachInput, respondToBreachMessage, targetId } from './messages.ts'
import { unlessNobodyWorks } from './nobody-works.ts'
import { createNotices } from './notices.ts'
import { fail, procedure } from './procedure.ts'
import { createProgressBoard, type Outcome } from './progress.ts'
import { siteOfQueue } from './queues.ts'
import { type Approval, createApprovalDesk } from './restore/approval.ts'
import { proveApproval, tellOfApproval } from './restore/approval-told.ts'
import { runName } from './restore/context.ts'
import { createSaga } from './saga.ts'

export interface RespondToBreachResult {
  readonly system: string
  readonly outcome: Outcome
  readonly plan: BreachPlan
  readonly approvals: readonly Approval[]
  readonly checks: BreachContext['checks']
  readonly copies: BreachContext['copies']
  readonly review: readonly string[]
  /** ISO-8601 UTC; null of a plan alone. */
  readonly point: string | null
  readonly moved: MoveResult | null
  readonly undelivered: readonly { readonly channel: string; readonly problem: string }[]
  readonly record: KeptEvidence
}

export const respondToBreach = procedure('respondToBreach', respondToBreachMessage, async (input: RespondToBreachInput): Promise<RespondToBreachResult> => {
  refuseOtherId(input)
  const declaredAt = workflowInfo().startTime.toISOString()
  const run = runName()
  const told: { context: BreachContext | null } = { context: null }
  const desk = createApprovalDesk({
    run,
    verify: (statement, configHash, signature) => proveApproval(input.system, statement, configHash, signature),
    counted: (given, needed) => tellOfApproval(input.system, told.context, given, needed),
  })
  const site = siteOfQueue()
  const board = createProgressBoard('respondToBreach', input.system)
  board.phase('planning')
  const look = promptOnSite(site, firstLimits).scopeBreach.executeWithOptions({ summary: `plan the answer to a breach of ${input.system}` }, [
    {
      system: input.system,
      since: input.since,
      hosts: input.hosts,
      requester: input.requestedBy ?? 'unknown',
      expiresAt: input.expiresAt ?? null,
      configHash: input.configHash ?? null,
    },
  ])
  const plan = await unlessNobodyWorks(site, look)
  board.note(planLines(plan))
  const { configHash } = plan.decision
  const context: BreachContext = {
    input,
    title: `answer to the breach of ${input.system}`,
    plan,
    site,
    board,
    notices: createNotices(site, plan.scope.limits, { configHash, system: input.system, procedure: 'respondToBreach', contacts: plan.contacts }),
    saga: createSaga(),
    run,
    steps: [],
    checks: [],
    tails: new Map(),
    review: [],
    copies: [],
  }
  told.context = context
  if (input.planOnly) return planned(context)
  const end: { -readonly [K in keyof BreachEnd]: BreachEnd[K] } = {
    outcome: 'succeeded',
    declaredAt,
    approvedAt: null,
    approvals: [],
    moved: null,
    point: null,
    problem: null,
  }
  try {
    end.approvals = await approvedBy(context, desk)
    end.approvedAt = new Date().toISOString()
    await carryOut(context, end)
  } catch (error) {
    if (!isFailure(error)) throw error
    throw await giveUp(context, end, error)
  }
  // Asked to stop while it opened, it has opened all the same: that is told and kept.
  return CancellationScope.nonCancellable(() => succeed(context, end))
})

function refuseOtherId({ planOnly, system }: RespondToBreachInput): void {
  const { workflowId } = workflowInfo()
  if (planOnly || workflowId === targetId(system)) return
  throw fail('InvalidInput', `this run has the id "${workflowId}"; the answer to a breach of ${system} runs under the id "${targetId(system)}"`)
}

async function carryOut(context: BreachContext, end: { point: string | null; moved: MoveResult | null }): Promise<void> {
  const { notices, plan, title } = context
  notices.send('started', 'critical', `${title} started`, planLines(plan).join('\n'))
  await isolate(context)
  notices.send(
    'alarm',
    'critical',
    `${context.input.system} is isolated`,
    [...context.review, 'Users are out until it is restored at the other site.'].join('\n'),
  )
  await keepForensicCopies(context)
  const { time } = await chooseCandidate(context)
  end.point = time
  end.moved = await recover(context, time)
}

/** A failover in all but its moment, and whom it believes. */
async function recover(context: BreachContext, time: string): Promise<MoveResult> {
  const { input, plan, run, site, review } = context
  const { since, suspects, configHash } = plan.decision
  context.board.phase(`recover to ${time}`)
  return (await executeChild(failover, {
    workflowId: `${targetId(input.system)}/recover`,
    args: [
      {
        system: input.system,
        to: { time },
        breach: { run, since, suspects: [...suspects], review: review.slice(0, 200).map((line) => line.slice(0, 500)) },
        configHash,
        requestedBy: input.requestedBy ?? 'unknown',
      },
    ],
    // Past its opening it must go on, before it it rolls back by itself: it is asked, never cut off.
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    memo: { site },
    staticSummary: `failover · ${input.system} · to ${time}`,
  })) as MoveResult
}

async function approvedBy({ plan, board, notices, title }: BreachContext, desk: ReturnType<typeof createApprovalDesk>): Promise<readonly Approval[]> {
  const { approvals, expiresAt } = plan.decision
  if (approvals.count === 0) return []
  board.plan(plan.decisionHash, { accept: approvals.accept, count: approvals.count, expiresAt })
  board.phase('waiting for approval')
  const body = [...planLines(plan), '', `muster approve ${plan.decisionHash.slice(0, 12)}`].join('\n')
  const seconds = Math.max(1, Math.round((Date.parse(expiresAt) - Date.now()) / 1000))
  return whileUnanswered(notices, { event: 'approval-needed', severity: 'critical', subject: `${title} waits for approval`, body }, () =>
    desk.await(plan.decision, plan.decisionHash, seconds),
  )
}

export function planLines({ decision, warnings }: BreachPlan): readonly string[] {
  const { suspects, since, from, to, source, copied, isolate: commands, candidates, scanners, rotate } = decision
  const stopped = [...source.services.map(({ service }) => service), ...source.databases.map(({ component }) => component)]
  return [
    `under suspicion since ${since}: ${suspects.join(', ')}; what they signed after it is no recovery point`,
    `isolate: ${[...commands, `stop ${stopped.join(', ')}`].join('; ')}`,
    `forensic copy: ${copied.map(({ component, host }) => `${component} of ${host}`).join(', ') || 'nothing of the system is on these hosts'}`,
    `then up to ${candidates} recovery points before it, newest first, in quarantine at ${to}${scanners.length === 0 ? '' : `, each looked at by ${scanners.join(', ')}`}`,
    `then a failover from ${from} to ${to} to that point, with a plan and an approval of its own`,
    `before it opens: ${[...rotate.roles.map(({ role, component }) => `new password of ${role} in ${component}`), ...rotate.commands, 'a review by a person'].join(', ')}`,
    ...warnings.map((warning) => `warning: ${warning}`),
  ]
}

async function succeed(context: BreachContext, end: BreachEnd): Promise<RespondToBreachResult> {
  const { board, notices, title } = context
  board.phase('done')
  board.outcome('succeeded')
  notices.send(
    'succeeded',
    'critical',
    `${title} succeeded`,
    [`it serves again from ${context.plan.decision.to}, as it was at ${end.point}`, ...context.review].join('\n'),
  )
  return { ...(await concluded(context, end)), outcome: 'succeeded' }
}

/** What is isolated stays isolated; what the failover began it has taken back itself. */
async function giveUp(context: BreachContext, end: BreachEnd, error: unknown): Promise<unknown> {
  const { board, notices, title, input } = context
  const problem = failureOf(error)
  const began = context.steps.length > 0
  const refused = problem.type === 'ApprovalRejected' || problem.type === 'ApprovalExpired'
  const outcome: Outcome = isCancellation(error) ? 'cancelled' : !began && refused ? 'refused' : 'failed'
  const { to } = context.plan.decision
  const moved = await CancellationScope.nonCancellable(() => hasMoved(context, end))
  const state = moved
    ? `${input.system} is active at site ${to} now; the old side stays isolated${end.moved === null ? `; ${halfOpened(input.system)}` : ''}`
    : began
      ? `${input.system} stays isolated: nothing is served`
      : 'nothing was isolated'
  await CancellationScope.nonCancellable(async () => {
    board.phase(outcome)
    board.outcome(outcome)
    notices.send('failed', 'critical', `${title} ${outcome}`, `${problem.message}\n${state}`)
    await concluded(context, { ...end, outcome, problem })
  })
  if (isCancellation(error)) return error
  const on =
    began && !moved
      ? `; go on: muster scenario security-breach ${input.system}, with the same moment and hosts; nothing came of it after all: add --lift ${context.run}`
      : ''
  return fail(problem.type, `${problem.message}; ${state}${on}`)
}

/** What a failover does behind its opening, as a person does it: nothing of it is in the way of what was done already. */
function halfOpened(system: string): string {
  return `its failover was cut off while it opened: see what runs there (muster status ${system}), start database and services that do not as their own manager does, then: muster apply (schedules), muster backup ${system} (a base backup of the new life)`
}

/** A failover that fails past its opening is not taken back: whether the system is at the other site, the records say. */
async function hasMoved({ input, plan, site }: BreachContext, { point }: BreachEnd): Promise<boolean> {
  if (point === null) return false
  const { configHash } = plan.decision
  try {
    await onSite(site, 'control', plan.scope.limits).scopeMove.executeWithOptions({ summary: `where ${input.system} is now` }, [
      { system: input.system, procedure: 'failover', configHash },
    ])
    return false
  } catch (error) {
    return failureOf(error).type === 'WrongTarget'
  }
}

async function concluded(context: BreachContext, end: BreachEnd): Promise<RespondToBreachResult> {
  const { notices, site, board, title, plan } = context
  const undelivered = await notices.settled()
  const evidence = { ...breachEvidence(context, end), delivered: notices.delivered(), undelivered }
  const record = await keepEvidence({ site, limits: plan.scope.limits, board, title }, evidence, plan.decision)
  return { ...planned(context), outcome: 'failed', approvals: end.approvals, point: end.point, moved: end.moved, undelivered, record }
}

function planned({ input, plan, checks, copies, review, board, steps }: BreachContext): RespondToBreachResult {
  if (steps.length === 0 && input.planOnly) board.phase('planned')
  return {
    system: input.system,
    outcome: 'succeeded',
    plan,
    approvals: [],
    checks,
    copies,
    review,
    point: null,
    moved: null,
    undelivered: [],
    record: null,
  }
}
