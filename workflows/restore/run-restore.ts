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
 *  15. evidence             signed, in every store; also of a run that did not succeed
 *
 * With `stopFirst` steps 6 and 7 come before 3. Elsewhere: 1–4, 8, then the copy is left in its directory.
 */
import { isCancellation, workflowInfo } from '@temporalio/workflow'
import type { AppliedRules, Held, PlanRestoreInput, Promoted, RestorePlan, SavedTail, SwappedIn } from '../../activities/host/restore/types.ts'
import type { KeptEvidence } from '../evidence.ts'
import { type RecoverToPointInTimeInput, type RestoreSystemInput, targetId } from '../messages.ts'
import { createNotices } from '../notices.ts'
import { fail } from '../procedure.ts'
import { createProgressBoard, type Outcome } from '../progress.ts'
import { siteOfQueue } from '../queues.ts'
import { createSaga } from '../saga.ts'
import { type Approval, createApprovalDesk } from './approval.ts'
import { proveApproval, tellOfApproval } from './approval-told.ts'
import { checkAside, leaveNothingAside, promoteAside, replayTail, restoreAside } from './aside.ts'
import { withDifferences } from './compare-trees.ts'
import { commitRestore, placeElsewhere } from './commit.ts'
import { type RestoreContext, type RestoreInput, ruledTrees, runName, type TimedStep, timed } from './context.ts'
import { type Dossier, openDossier, type RestoredState } from './evidence.ts'
import { createCorrectionDesk } from './correction.ts'
import { getApproval } from './get-approval.ts'
import { giveUp } from './give-up.ts'
import { openToUsers, proveHealthy } from './open.ts'
import { backUpAgain } from './back-up-again.ts'
import { makePlan, type PlanRequest } from './plan.ts'
import { planAgain } from './plan-again.ts'
import { refuseLess } from './promise.ts'
import { saveTails, stopEverything } from './stop.ts'
import { protectAgain, startClosed, swapIn } from './swap.ts'
import { planLines } from './summary.ts'

export interface RestoreResult {
  readonly system: string
  readonly outcome: Outcome
  readonly plan: RestorePlan
  /** Who approved; empty where nobody had to. */
  readonly approvals: readonly Approval[]
  readonly steps: readonly TimedStep[]
  readonly checks: RestoreContext['checks']
  readonly tails: Readonly<Record<string, SavedTail>>
  readonly recovered: Readonly<Record<string, { readonly lastCommitAt: string | null; readonly incarnation: string | null }>>
  readonly safety: SwappedIn['safety']
  /** By tree with rules, what they did; absent where none has any. */
  readonly trees?: Readonly<Record<string, AppliedRules>>
  /** Workflow id of the full backup that follows. */
  readonly backup: string | null
  readonly undelivered: readonly { readonly channel: string; readonly problem: string }[]
  /** Where the evidence is; null where no store took it, and of a plan alone. */
  readonly record: KeptEvidence
}

export async function runRestore(
  procedure: PlanRestoreInput['procedure'],
  input: RestoreInput,
  request: Pick<PlanRequest, 'target' | 'incarnation' | 'back'>,
): Promise<RestoreResult> {
  refuseOtherId(input)
  let told: Pick<RestoreContext, 'board' | 'notices'> | null = null
  const desk = createApprovalDesk({
    run: runName(),
    verify: (statement, configHash, signature) => proveApproval(input.system, statement, configHash, signature),
    counted: (given, needed) => tellOfApproval(input.system, told, given, needed),
  })
  const dossier = openDossier(procedure, input)
  const corrections = dossier.watching(createCorrectionDesk())
  const board = createProgressBoard(procedure, input.system)
  const site = siteOfQueue()
  board.phase('planning')
  const planRequest: PlanRequest = { procedure, ...requestOf(input), ...request }
  const plan = await planOrEnd(site, planRequest, input, board, dossier)
  board.note(planLines(plan))
  const notices = createNotices(site, plan.limits, { configHash: plan.decision.configHash, system: input.system, procedure, contacts: plan.contacts })
  const context: RestoreContext = {
    input,
    title: `restore of ${input.system}`,
    plan,
    site,
    board,
    notices,
    saga: createSaga(),
    corrections,
    run: runName(),
    steps: [],
    checks: [],
    tails: new Map(),
    took: new Map(),
    restoredTrees: new Map(),
    ruled: new Map(),
  }
  told = context
  if (input.planOnly) return planned(context)
  try {
    const approvals = await getApproval(context, desk)
    dossier.approved(approvals)
    notices.send('started', 'warning', `${context.title} started`, planLines(plan).join('\n'))
    return await carryOut(context, planRequest, approvals, dossier)
  } catch (error) {
    throw await giveUp(context, error, dossier)
  }
}

/** A restore that cannot be planned ends with the plan's own reason. */
async function planOrEnd(
  site: string,
  request: PlanRequest,
  input: RestoreInput,
  board: ReturnType<typeof createProgressBoard>,
  dossier: Dossier,
): Promise<RestorePlan> {
  try {
    return await withDifferences(await makePlan(site, request, null, `plan the restore of ${request.system}`), input)
  } catch (error) {
    const outcome = isCancellation(error) ? 'cancelled' : 'failed'
    board.phase(outcome)
    board.outcome(outcome)
    await dossier.keepUnplanned(site, board, error, outcome)
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
    ...(input.identityFile !== undefined && { identityFile: input.identityFile }),
  }
}

async function carryOut(context: RestoreContext, request: PlanRequest, approvals: readonly Approval[], dossier: Dossier): Promise<RestoreResult> {
  const { plan } = context
  const back = plan.decision.mode === 'back'
  let held = new Map<string, Held>()
  const stopAndSave = async () => {
    await planAgain(context, (summary) => makePlan(context.site, request, context.plan, summary), held)
    await stopEverything(context)
    await saveTails(context)
  }
  if (plan.decision.stopFirst && plan.decision.mode === 'in-place') await stopAndSave()
  if (back) leaveNothingAside(context)
  else {
    held = await restoreAside(context)
    await checkAside(context)
  }
  if (plan.decision.mode === 'elsewhere') {
    refuseLess(plan, held)
    return elsewhere(context, approvals, dossier)
  }
  if (!plan.decision.stopFirst || back) await stopAndSave()
  if (!back) await replayTail(context, held)
  const promoted: ReadonlyMap<string, Promoted> = await promoteAside(context)
  const swapped = await swapIn(context)
  await startClosed(context)
  const incarnations = await protectAgain(context, promoted)
  const state: RestoredState = { promoted, incarnations, safety: swapped.flatMap((one) => one.safety) }
  dossier.reached(state)
  await openToUsers(context)
  await proveHealthy(context)
  await timed(context, 'commit', () => commitRestore(context, swapped))
  const backup = await backUpAgain(context)
  return done(context, approvals, dossier, { ...state, backup })
}

async function elsewhere(context: RestoreContext, approvals: readonly Approval[], dossier: Dossier): Promise<RestoreResult> {
  const promoted = await promoteAside(context)
  await timed(context, 'place', () => placeElsewhere(context))
  context.saga.seal()
  return done(context, approvals, dossier, { promoted, incarnations: new Map(), safety: [], backup: null })
}

interface Ending extends RestoredState {
  readonly backup: string | null
}

async function done(context: RestoreContext, approvals: readonly Approval[], dossier: Dossier, ending: Ending): Promise<RestoreResult> {
  const { board, notices, plan, input } = context
  board.phase('done')
  board.outcome('succeeded')
  notices.send('succeeded', 'warning', `${context.title} succeeded`, context.steps.map(({ name, seconds }) => `${name}: ${seconds.toFixed(1)} s`).join('\n'))
  const recovered = Object.fromEntries(
    [...ending.promoted].map(([component, { lastCommitAt }]) => [component, { lastCommitAt, incarnation: ending.incarnations.get(component) ?? null }]),
  )
  return {
    system: input.system,
    outcome: 'succeeded',
    plan,
    approvals,
    steps: context.steps,
    checks: context.checks,
    tails: Object.fromEntries(context.tails),
    recovered,
    safety: ending.safety,
    ...ruledTrees(context),
    backup: ending.backup,
    undelivered: await notices.settled(),
    record: await dossier.keepSucceeded(context, ending),
  }
}

function planned(context: RestoreContext): RestoreResult {
  context.board.phase('planned')
  const nothing = { approvals: [], steps: [], checks: [], tails: {}, recovered: {}, safety: [], backup: null, undelivered: [], record: null }
  return { system: context.input.system, outcome: 'succeeded', plan: context.plan, ...nothing }
}

export type { RecoverToPointInTimeInput, RestoreSystemInput }
