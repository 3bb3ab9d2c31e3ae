/**
 * Restores a system, in place or beside; `restoreSystem` and `recoverToPointInTime` are this with
 * different targets.
 *
 *   1. plan                 observe the target, choose the backups, compute decision and forecast
 *   2. approval             of the decision's hash
 *   3. restore aside        in quarantine, replayed to the target, held        undo: remove it
 *   4. check                read-only
 *   5. plan again           the decision must be the approved one
 *   6. stop                 services, then databases, proven                    undo: start what ran
 *   7. save the tail        and, for `latest`, replay it
 *   8. promote              in quarantine
 *   9. swap                 set aside what is there, put the restored in        undo: swap back
 *  10. start closed, check  private sockets only                                undo: stop
 *  11. protect again        first bytes of the new incarnation in the required stores   undo: protect the old again
 *      POINT OF NO RETURN
 *  12. open                 by the configured manager; start services
 *  13. health, commit       the safety set is recorded and kept
 *  14. a full backup
 *
 * With `stopFirst` steps 6 and 7 come before 3. Elsewhere: 1–4, 8, then the copy is left in its directory.
 */
import { CancellationScope, isCancellation, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow'
import type { PlanRestoreInput, Promoted, RestorePlan, SavedTail, SwappedIn } from '../../activities/host/restore/types.ts'
import { failures } from '../../domain/failures.ts'
import { backupSystem } from '../backup-system.ts'
import { failureOf, type PlainFailure } from '../failure-of.ts'
import { type RecoverToPointInTimeInput, type RestoreSystemInput, targetId } from '../messages.ts'
import { createNotices } from '../notices.ts'
import { fail } from '../procedure.ts'
import { createProgressBoard, type Outcome } from '../progress.ts'
import { siteOfQueue } from '../queues.ts'
import { createSaga } from '../saga.ts'
import { type Approval, createApprovalDesk } from './approval.ts'
import { checkAside, promoteAside, replayTail, restoreAside } from './aside.ts'
import { commitRestore, placeElsewhere } from './commit.ts'
import { type RestoreContext, type RestoreInput, runName, type TimedStep, timed } from './context.ts'
import { createCorrectionDesk } from './correction.ts'
import { openToUsers, proveHealthy } from './open.ts'
import { makePlan, type PlanRequest } from './plan.ts'
import { saveTails, stopEverything } from './stop.ts'
import { protectAgain, startClosed, swapIn } from './swap.ts'
import { planLines } from './summary.ts'

export interface RestoreResult {
  readonly system: string
  readonly outcome: Outcome
  readonly plan: RestorePlan
  readonly approval: Approval | null
  readonly steps: readonly TimedStep[]
  readonly checks: RestoreContext['checks']
  readonly tails: Readonly<Record<string, SavedTail>>
  readonly recovered: Readonly<Record<string, { readonly lastCommitAt: string | null; readonly incarnation: string | null }>>
  readonly safety: SwappedIn['safety']
  /** Workflow id of the full backup that follows. */
  readonly backup: string | null
  readonly undelivered: readonly { readonly channel: string; readonly problem: string }[]
}

export async function runRestore(
  procedure: PlanRestoreInput['procedure'],
  input: RestoreInput,
  request: Pick<PlanRequest, 'target' | 'incarnation' | 'back'>,
): Promise<RestoreResult> {
  refuseOtherId(input)
  const desk = createApprovalDesk()
  const corrections = createCorrectionDesk()
  const board = createProgressBoard(procedure, input.system)
  const site = siteOfQueue()
  board.phase('planning')
  const planRequest: PlanRequest = { procedure, ...requestOf(input), ...request }
  const plan = await planOrEnd(site, planRequest, board)
  board.note(planLines(plan))
  const notices = createNotices(site, plan.limits, { configHash: plan.decision.configHash, system: input.system, procedure })
  const context: RestoreContext = { input, plan, site, board, notices, saga: createSaga(), corrections, run: runName(), steps: [], checks: [] }
  if (input.planOnly) return planned(context)
  try {
    const approval = await approved(context, desk)
    notices.send('started', 'warning', `restore of ${input.system} started`, planLines(plan).join('\n'))
    return await carryOut(context, planRequest, approval)
  } catch (error) {
    throw await giveUp(context, error)
  }
}

/** A restore that cannot be planned ends with the plan's own reason. */
async function planOrEnd(site: string, request: PlanRequest, board: ReturnType<typeof createProgressBoard>): Promise<RestorePlan> {
  try {
    return await makePlan(site, request, null, `plan the restore of ${request.system}`)
  } catch (error) {
    const outcome = isCancellation(error) ? 'cancelled' : 'failed'
    board.phase(outcome)
    board.outcome(outcome)
    throw error
  }
}

/** A system is changed in place by one run at a time: the one whose id is the system's. */
function refuseOtherId(input: RestoreInput): void {
  if (input.planOnly) return
  const { workflowId } = workflowInfo()
  const right = input.into ? `aside/${input.system}/…` : targetId(input.system)
  const isRight = input.into ? workflowId.startsWith(`aside/${input.system}/`) : workflowId === right
  if (!isRight) {
    throw fail(
      'InvalidInput',
      `this run has the id "${workflowId}"; a restore of ${input.system} ${input.into ? 'elsewhere' : 'in place'} runs under the id "${right}"`,
    )
  }
}

function requestOf(input: RestoreInput): Omit<PlanRequest, 'procedure' | 'target' | 'incarnation' | 'back'> {
  return {
    system: input.system,
    components: input.components ?? null,
    from: input.from ?? null,
    into: input.into ? { directory: input.into.directory, port: input.into.port ?? null } : null,
    path: input.path ?? null,
    openWith: input.openWith ?? [],
    newerFiles: input.newerFiles ?? null,
    stopFirst: input.stopFirst ?? null,
    expiresAt: input.expiresAt ?? null,
    requester: input.requestedBy ?? 'unknown',
    configHash: input.configHash ?? null,
  }
}

async function approved(context: RestoreContext, desk: ReturnType<typeof createApprovalDesk>): Promise<Approval | null> {
  const { input, plan, board, notices } = context
  if (input.approve !== undefined) return desk.byRequester(plan.decision, plan.decisionHash, input.approve)
  if (plan.decision.approvals.count === 0) return null
  board.plan(plan.decisionHash)
  board.phase('waiting for approval')
  const how = `muster approve ${plan.decisionHash.slice(0, 12)}, or in the Temporal UI: Send an Update, approve, {"plan": "${plan.decisionHash}", "person": "<name>"}`
  notices.send('approval-needed', 'warning', `restore of ${input.system} waits for approval`, [...planLines(plan), '', how].join('\n'))
  const seconds = Math.max(1, Math.round((Date.parse(plan.decision.expiresAt) - Date.now()) / 1000))
  return desk.await(plan.decision, plan.decisionHash, seconds)
}

async function carryOut(context: RestoreContext, request: PlanRequest, approval: Approval | null): Promise<RestoreResult> {
  const { plan } = context
  const back = plan.decision.mode === 'back'
  let tails: ReadonlyMap<string, SavedTail> = new Map()
  const stopAndSave = async () => {
    await planAgain(context, request)
    await stopEverything(context)
    tails = await saveTails(context)
  }
  if (plan.decision.stopFirst && plan.decision.mode === 'in-place') await stopAndSave()
  if (!back) {
    await restoreAside(context)
    await checkAside(context)
  }
  if (plan.decision.mode === 'elsewhere') return elsewhere(context, approval)
  if (!plan.decision.stopFirst || back) await stopAndSave()
  if (!back) await replayTail(context, tails)
  const promoted: ReadonlyMap<string, Promoted> = await promoteAside(context)
  const swapped = await swapIn(context)
  await startClosed(context)
  const incarnations = await protectAgain(context, promoted)
  await openToUsers(context)
  await proveHealthy(context)
  await timed(context, 'commit', () => commitRestore(context, swapped))
  const backup = await backUpAgain(context)
  const safety = swapped.flatMap((one) => one.safety)
  return done(context, approval, { tails, promoted, incarnations, safety, backup })
}

/** The world may have changed since the approval: computed again, the decision must be the same text. */
async function planAgain(context: RestoreContext, request: PlanRequest): Promise<void> {
  await timed(context, 'plan again', async () => {
    const again = await makePlan(context.site, request, context.plan.decision, `look again before ${context.input.system} is stopped`)
    if (again.decisionHash !== context.plan.decisionHash) {
      throw fail(
        'PlanChanged',
        `what was approved as ${context.plan.decisionHash.slice(0, 12)} would now be ${again.decisionHash.slice(0, 12)}: ${difference(context.plan, again)}`,
      )
    }
  })
}

function difference(before: RestorePlan, after: RestorePlan): string {
  const keys = Object.keys(before.decision) as (keyof RestorePlan['decision'])[]
  return keys.filter((key) => JSON.stringify(before.decision[key]) !== JSON.stringify(after.decision[key])).join(', ') || 'order of members'
}

async function elsewhere(context: RestoreContext, approval: Approval | null): Promise<RestoreResult> {
  const promoted = await promoteAside(context)
  await timed(context, 'place', () => placeElsewhere(context))
  context.saga.seal()
  return done(context, approval, { tails: new Map(), promoted, incarnations: new Map(), safety: [], backup: null })
}

/** The new incarnation gets a base of its own at once; the backup is a run of its own and does not delay this one. */
async function backUpAgain(context: RestoreContext): Promise<string | null> {
  const workflowId = `backup/${context.input.system}/after-${workflowInfo().runId}`
  try {
    await startChild(backupSystem, {
      workflowId,
      args: [{ system: context.input.system, configHash: context.plan.decision.configHash, requestedBy: context.run.slice(0, 128) }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      memo: { site: context.site },
      staticSummary: `full backup after the restore of ${context.input.system}`,
    })
    return workflowId
  } catch (error) {
    context.notices.send(
      'alarm',
      'critical',
      `no full backup after the restore of ${context.input.system}`,
      `${failureOf(error).message}\nStart one: muster backup ${context.input.system}`,
    )
    return null
  }
}

interface Ending {
  readonly tails: ReadonlyMap<string, SavedTail>
  readonly promoted: ReadonlyMap<string, Promoted>
  readonly incarnations: ReadonlyMap<string, string>
  readonly safety: SwappedIn['safety']
  readonly backup: string | null
}

async function done(context: RestoreContext, approval: Approval | null, ending: Ending): Promise<RestoreResult> {
  const { board, notices, plan, input } = context
  board.phase('done')
  board.outcome('succeeded')
  notices.send(
    'succeeded',
    'warning',
    `restore of ${input.system} succeeded`,
    context.steps.map(({ name, seconds }) => `${name}: ${seconds.toFixed(1)} s`).join('\n'),
  )
  const recovered = Object.fromEntries(
    [...ending.promoted].map(([component, { lastCommitAt }]) => [component, { lastCommitAt, incarnation: ending.incarnations.get(component) ?? null }]),
  )
  return {
    system: input.system,
    outcome: 'succeeded',
    plan,
    approval,
    steps: context.steps,
    checks: context.checks,
    tails: Object.fromEntries(ending.tails),
    recovered,
    safety: ending.safety,
    backup: ending.backup,
    undelivered: await notices.settled(),
  }
}

function planned(context: RestoreContext): RestoreResult {
  context.board.phase('planned')
  const nothing = { approval: null, steps: [], checks: [], tails: {}, recovered: {}, safety: [], backup: null, undelivered: [] }
  return { system: context.input.system, outcome: 'succeeded', plan: context.plan, ...nothing }
}

/** Rolls back what can be rolled back, says what state the system is in, and gives the error to end with. */
async function giveUp(context: RestoreContext, error: unknown): Promise<unknown> {
  const { board, notices, saga, input } = context
  const problem = failureOf(error)
  const opened = saga.sealed
  const at = board.current
  if (problem.type === 'AgentAbsent' && !opened) {
    notices.send(
      'alarm',
      'critical',
      `restore of ${input.system} needs an agent to roll back`,
      `${problem.message}\nWhat was stopped stays stopped until the agent returns: muster worker, on its host.`,
    )
  }
  const { done, failed } = await saga.compensate()
  const state = stateAfter(context.plan.decision, opened, done, failed)
  const outcome = outcomeOf(error, problem, { opened, undone: done.length, broken: failed.length })
  await CancellationScope.nonCancellable(async () => {
    board.phase(outcome)
    board.outcome(outcome)
    const severity = failed.length > 0 || opened ? 'critical' : 'warning'
    notices.send(
      outcome === 'rolled-back' ? 'rolled-back' : 'failed',
      severity,
      `restore of ${input.system} ${outcome} at: ${at}`,
      `${problem.message}\n${state}`,
    )
    await notices.settled()
  })
  if (isCancellation(error) && failed.length === 0) return error
  return fail(problem.type, `stopped at "${at}": ${problem.message}; ${state}; ${failures[problem.type].hint}`)
}

function outcomeOf(error: unknown, problem: PlainFailure, end: { readonly opened: boolean; readonly undone: number; readonly broken: number }): Outcome {
  if (end.broken > 0 || end.opened) return 'failed'
  if (isCancellation(error)) return 'cancelled'
  if (problem.type === 'ApprovalRejected' || problem.type === 'ApprovalExpired') return 'refused'
  return end.undone > 0 ? 'rolled-back' : 'failed'
}

function stateAfter(
  decision: RestorePlan['decision'],
  opened: boolean,
  done: readonly string[],
  failed: readonly (PlainFailure & { compensation: string })[],
): string {
  if (opened) return 'the restored system is open to users; the old data is kept as the safety set'
  if (failed.length > 0) {
    return `ROLLED BACK ONLY IN PART: ${failed.map((one) => `"${one.compensation}" failed: ${one.message}`).join('; ')}; the journal beside the data directory lists each rename`
  }
  if (!done.some((name) => name.startsWith('start'))) return 'the old service was not touched'
  const ran = decision.services.some(({ state }) => state === 'running') || decision.components.some((one) => one.type === 'postgresql' && one.running)
  return ran ? 'rolled back: what ran before is running again on its own data' : 'rolled back: everything is as it was found'
}

export type { RecoverToPointInTimeInput, RestoreSystemInput }
