/**
 * Moves a system to its other site. `failover`: the site where it is active may be lost. `switchover` and `failback`: both
 * sites work, only the agents of the old side can fence it, and trees come from a backup that is made once it is stopped.
 *
 *   1. plan                  where from, where to; both sides observed as far as they answer; decision and forecast
 *   2. restore aside         at the other site, in quarantine, replayed as far as the stores go     undo: remove it
 *      check                 read-only
 *      beside it: approval   of the decision's hash; then the decision is computed again
 *      fence                 the old side is stopped, or proven to serve nobody                     undo: start what ran
 *      save the tail         of the old servers, where their agents answer
 *   3. gate                  approval, fence, tail and checks are all there
 *   4. replay the tail
 *   5. take over             fence and site record: the old lives end, this site is active          undo: give it back
 *   6. promote               in quarantine
 *   7. swap                  set aside what lies at the target from an earlier stay                 undo: swap back
 *   8. start closed, check   private sockets only                                                   undo: stop
 *   9. protect again         first bytes of the new life in the required stores
 *      rotate, review        of one that answers a breach: passwords and keys; a person looks
 *  10. dns                   each record replaced if it is as planned, seen at every server            undo: put it back
 *      POINT OF NO RETURN
 *  11. open                  by the configured manager; start services in order
 *  12. health, commit        what was there is recorded as a safety set
 *  13. schedules follow; a full backup at the new site
 *  14. evidence              signed, in every store; also of a run that did not succeed
 */
import { isCancellation, workflowInfo } from '@temporalio/workflow'
import type { AppliedRules, Held, RestorePlan, SavedTail, SwappedIn } from '../../activities/host/restore/types.ts'
import { type FenceProof, isPlanned, type MoveProcedure } from '../../domain/move.ts'
import { firstLimits } from '../../domain/time-limits.ts'
import type { KeptEvidence } from '../evidence.ts'
import { type MoveInput, targetId } from '../messages.ts'
import { createNotices } from '../notices.ts'
import { fail } from '../procedure.ts'
import { createProgressBoard, type Outcome } from '../progress.ts'
import { siteOfQueue } from '../queues.ts'
import { createSaga } from '../saga.ts'
import { type Approval, createApprovalDesk } from '../restore/approval.ts'
import { proveApproval, tellOfApproval } from '../restore/approval-told.ts'
import { checkAside, promoteAside, replayTail, restoreAside } from '../restore/aside.ts'
import { backUpAgain } from '../restore/back-up-again.ts'
import { withDifferences } from '../restore/compare-trees.ts'
import { commitRestore } from '../restore/commit.ts'
import { databases, type RestoreContext, ruledTrees, runName, type TimedStep, timed } from '../restore/context.ts'
import { type Dossier, openDossier, type RestoredState } from '../restore/evidence.ts'
import { createCorrectionDesk } from '../restore/correction.ts'
import { getApproval } from '../restore/get-approval.ts'
import { giveUp } from '../restore/give-up.ts'
import { openToUsers, proveHealthy } from '../restore/open.ts'
import { planAgain } from '../restore/plan-again.ts'
import { refuseLess, withoutTail } from '../restore/promise.ts'
import { planLines } from '../restore/summary.ts'
import { moveLines } from './summary.ts'
import { stopEverything } from '../restore/stop.ts'
import { protectAgain, startClosed, swapIn } from '../restore/swap.ts'
import { together } from '../together.ts'
import { createAttestDesk } from './attest.ts'
import { type MoveContext, moveOf } from './context.ts'
import { rotateAndReview } from '../breach/rotate-and-review.ts'
import { fenceSource } from './fence.ts'
import { acceptLostTails } from './lost-tail.ts'
import { moveFinalTrees, treesAtRest } from './final-trees.ts'
import { changeRecords } from './dns.ts'
import { moveSchedules } from './follow-up.ts'
import { makeMovePlan, type PlannedMove } from './plan.ts'
import { unlessStopped } from './stop.ts'
import { takeOver } from './take-over.ts'
import { ownTurn, pausing, type Turn, turnOfParent } from './turn.ts'

export interface MoveResult {
  readonly system: string
  readonly outcome: Outcome
  readonly plan: RestorePlan
  readonly approvals: readonly Approval[]
  readonly steps: readonly TimedStep[]
  readonly checks: RestoreContext['checks']
  readonly fence: FenceProof | null
  /** What was seen of each DNS record. */
  readonly dns: readonly string[]
  readonly tails: Readonly<Record<string, SavedTail>>
  readonly recovered: Readonly<Record<string, { readonly lastCommitAt: string | null; readonly incarnation: string | null }>>
  readonly safety: SwappedIn['safety']
  /** By tree with rules, what they did; absent where none has any. */
  readonly trees?: Readonly<Record<string, AppliedRules>>
  /** ISO-8601 UTC; null where the run did not get so far. */
  readonly times: MoveTimes
  /** Workflow id of the full backup that follows. */
  readonly backup: string | null
  readonly undelivered: readonly { readonly channel: string; readonly problem: string }[]
  /** Where the evidence is; null where no store took it, and of a plan alone. */
  readonly record: KeptEvidence
}

export interface MoveTimes {
  readonly declaredAt: string
  approvedAt: string | null
  fencedAt: string | null
  dataReadyAt: string | null
  dnsObservedAt: string | null
  verifiedAt: string | null
}

export async function runMove(procedure: MoveProcedure, input: MoveInput): Promise<MoveResult> {
  refuseOtherId(procedure, input)
  const told: Told = { context: null }
  // Only where a whole site fails over are there signals: histories of before have neither, and replay as they are.
  if (!input.inTurn) return move(procedure, input, ownTurn, told)
  return unlessStopped(
    () => told.context?.saga.sealed ?? false,
    () =>
      move(
        procedure,
        input,
        turnOfParent(input.system, () => told.context?.plan.limits ?? firstLimits),
        told,
      ),
  )
}

interface Told {
  context: MoveContext | null
}

async function move(procedure: MoveProcedure, input: MoveInput, turn: Turn, told: Told): Promise<MoveResult> {
  const times: MoveTimes = { declaredAt: new Date().toISOString(), approvedAt: null, fencedAt: null, dataReadyAt: null, dnsObservedAt: null, verifiedAt: null }
  const run = runName()
  const verify = (...[statement, configHash, signature]: Parameters<Parameters<typeof createApprovalDesk>[0]['verify']>) =>
    proveApproval(input.system, statement, configHash, signature)
  const desk = createApprovalDesk({ run, verify, counted: (given, needed) => tellOfApproval(input.system, told.context, given, needed) })
  const attests = createAttestDesk({ run, verify, rule: () => told.context?.plan.decision ?? null })
  const seen: Seen = { fence: null, dns: [] }
  const dossier = openDossier(procedure, input, {
    title: `${procedure} of ${input.system}`,
    times: () => ({ dataReadyAt: times.dataReadyAt, serviceVerifiedAt: times.verifiedAt, dnsObservedAt: times.dnsObservedAt }),
    move: () => told.context && { from: moveOf(told.context).from, to: moveOf(told.context).to, ...seen },
  })
  const mayWait = () => told.context && { board: told.context.board, mayWait: !told.context.saga.sealed }
  // Watched from outside: waiting for a place is no work either.
  const corrections = dossier.watching(input.inTurn ? pausing(createCorrectionDesk(), turn, mayWait) : createCorrectionDesk())
  const board = createProgressBoard(procedure, input.system)
  const site = siteOfQueue()
  board.phase('planning')
  const { plan, scope, dnsWarnings, absent } = await planOrEnd(site, procedure, input, board, dossier)
  board.note([...planLines(plan), ...moveLines(plan, dnsWarnings)])
  const context: MoveContext = {
    input,
    title: `${procedure} of ${input.system} to ${scope.to}`,
    plan,
    scope,
    absent,
    site,
    board,
    notices: createNotices(site, plan.limits, { configHash: plan.decision.configHash, system: input.system, procedure, contacts: plan.contacts }),
    saga: createSaga(),
    corrections,
    attests,
    turn,
    run,
    steps: [],
    checks: [],
    tails: new Map(),
    took: new Map(),
    restoredTrees: new Map(),
    ruled: new Map(),
  }
  told.context = context
  if (input.planOnly) return planned(context, times)
  try {
    return await carryOut(context, procedure, input, { desk, dossier, seen }, times)
  } catch (error) {
    if (!context.saga.sealed) turn.leave()
    throw await giveUp(context, error, dossier)
  }
}

/** A move that cannot be planned ends with the plan's own reason. */
async function planOrEnd(site: string, procedure: MoveProcedure, input: MoveInput, board: MoveContext['board'], dossier: Dossier): Promise<PlannedMove> {
  try {
    const planned = await makeMovePlan(site, procedure, input, null, `plan the ${procedure} of ${input.system}`)
    refuseUnaccepted(planned.plan, input)
    return { ...planned, plan: await withDifferences(planned.plan, input) }
  } catch (error) {
    const outcome = isCancellation(error) ? 'cancelled' : 'failed'
    board.phase(outcome)
    board.outcome(outcome)
    await dossier.keepUnplanned(site, board, error, outcome)
    throw error
  }
}

/** A plan alone shows it; nothing begins before somebody has said so. */
function refuseUnaccepted({ forecast: { beyond } }: RestorePlan, { system, planOnly }: MoveInput): void {
  if (beyond === undefined || planOnly) return
  throw fail('OutOfBounds', `${beyond}. Accept it: muster failover ${system} --accept-loss; or bring the old side back, whose tail can be saved then`)
}

/** What the evidence of a move shows besides, as far as the run came. */
interface Seen {
  fence: FenceProof | null
  dns: readonly string[]
}

interface Desks {
  readonly desk: ReturnType<typeof createApprovalDesk>
  readonly dossier: Dossier
  readonly seen: Seen
}

function refuseOtherId(procedure: MoveProcedure, input: MoveInput): void {
  const { workflowId, parent } = workflowInfo()
  const right = targetId(input.system)
  if (input.planOnly || workflowId === right || parent?.workflowId === right) return
  throw fail('InvalidInput', `this run has the id "${workflowId}"; a ${procedure} of ${input.system} runs under the id "${right}"`)
}

async function carryOut(
  context: MoveContext,
  procedure: MoveProcedure,
  input: MoveInput,
  { desk, dossier, seen }: Desks,
  times: MoveTimes,
): Promise<MoveResult> {
  const { notices, plan, board } = context
  // Whoever says that the old side is stopped names the plan, also where nobody had to approve it.
  const { accept, count } = plan.decision.approvals
  board.plan(plan.decisionHash, { accept, count, expiresAt: plan.decision.expiresAt })
  const { held, approvals, fence } = await prepareAndFence(context, procedure, input, { desk, dossier, seen }, times)
  board.phase('gate')
  if (isPlanned(procedure)) refuseLostTail(context)
  else await acceptLostTails(context)
  await replayTail(context, held)
  await stopStrays(context)
  await takeOver(context, fence, held)
  const promoted = await promoteAside(context)
  const swapped = await swapIn(context)
  await startClosed(context)
  const incarnations = await protectAgain(context, promoted)
  times.dataReadyAt = new Date().toISOString()
  if (input.breach) await rotateAndReview(context, input.breach)
  const dns = await changeRecords(context, procedure)
  seen.dns = dns
  if (dns.length > 0) times.dnsObservedAt = new Date().toISOString()
  const state: RestoredState = { promoted, incarnations, safety: swapped.flatMap(({ safety }) => safety) }
  dossier.reached(state)
  await openToUsers(context)
  await proveHealthy(context)
  times.verifiedAt = new Date().toISOString()
  await timed(context, 'commit', () => commitRestore(context, swapped))
  await moveSchedules(context)
  const backup = await backUpAgain(context)
  board.phase('done')
  board.outcome('succeeded')
  const taken = context.steps.map(({ name, seconds }) => `${name}: ${seconds.toFixed(1)} s`).join('\n')
  notices.send('succeeded', 'critical', `${context.title} succeeded`, taken)
  return {
    ...planned(context, times),
    approvals,
    fence,
    dns,
    tails: Object.fromEntries(context.tails),
    recovered: Object.fromEntries(
      [...promoted].map(([component, { lastCommitAt }]) => [component, { lastCommitAt, incarnation: incarnations.get(component) ?? null }]),
    ),
    safety: state.safety,
    ...ruledTrees(context),
    plan,
    backup,
    undelivered: await notices.settled(),
    record: await dossier.keepSucceeded(context, state),
  }
}

/** What was committed until the stop has to come along: without the tail of each database nothing proves that it does. */
function refuseLostTail(context: MoveContext): void {
  const without = databases(context).find(({ component }) => !context.tails.get(component)?.stopped)
  if (without) throw fail('PreconditionFailed', `the tail of the old ${without.component} was not saved: something could be lost`)
}

/** What runs at the target from an earlier stay there: stopped before it is set aside. */
async function stopStrays(context: MoveContext): Promise<void> {
  const runs = databases(context).some(({ running }) => running) || context.plan.decision.services.some(({ state }) => state === 'running')
  if (runs) await stopEverything(context)
}

interface Prepared {
  readonly held: Map<string, Held>
  readonly approvals: readonly Approval[]
  readonly fence: FenceProof
}

/** Preparing changes nothing in service and needs no approval; nothing of the old side is stopped before there is one. */
async function prepareAndFence(
  context: MoveContext,
  procedure: MoveProcedure,
  input: MoveInput,
  { desk, dossier, seen }: Desks,
  times: MoveTimes,
): Promise<Prepared> {
  const prepared: { held: Map<string, Held>; approvals: readonly Approval[]; fence: FenceProof | null } = {
    held: new Map(),
    approvals: [],
    fence: null,
  }
  // What waits for people is shown; what is prepared beside it goes on unseen, in the activities.
  const beside: MoveContext = { ...context, board: { ...context.board, phase: () => undefined } }
  let ready = false
  await together([
    async () => {
      // Awaited only where there is something to wait for: the order of steps in histories of before stays as it is.
      const place = context.turn.take()
      if (place) await place
      prepared.held = await restoreAside(beside, treesAtRest(context))
      // Before people are asked for anything: of these nothing more comes.
      refuseLess(context.plan, withoutTail(context.plan.forecast, prepared.held))
      await checkAside(beside)
      ready = true
      context.turn.rest()
    },
    async () => {
      prepared.approvals = await getApproval(context, desk)
      dossier.approved(prepared.approvals)
      times.approvedAt = new Date().toISOString()
      const again = context.turn.take(context.board)
      if (again) await again
      context.notices.send('started', 'critical', `${context.title} started`, [...planLines(context.plan), ...moveLines(context.plan, [])].join('\n'))
      await planAgain(context, async (summary) => (await makeMovePlan(context.site, procedure, input, context.plan, summary)).plan, null)
      prepared.fence = await fenceSource(context)
      seen.fence = prepared.fence
      times.fencedAt = new Date().toISOString()
      if (prepared.fence.by === 'people') await context.turn.take(context.board)
      await moveFinalTrees(context)
      if (!ready) context.board.phase('restore aside')
    },
  ])
  if (!prepared.fence) throw fail('PreconditionFailed', `site ${moveOf(context).from} is not fenced`)
  return { held: prepared.held, approvals: prepared.approvals, fence: prepared.fence }
}

function planned(context: MoveContext, times: MoveTimes): MoveResult {
  if (context.steps.length === 0) context.board.phase('planned')
  return {
    system: context.input.system,
    outcome: 'succeeded',
    plan: context.plan,
    approvals: [],
    steps: context.steps,
    checks: context.checks,
    fence: null,
    dns: [],
    tails: {},
    recovered: {},
    safety: [],
    times,
    backup: null,
    undelivered: [],
    record: null,
  }
}
