/** How a restore ends that does not succeed: rolled back as far as that is possible, and told so. */
import { CancellationScope, isCancellation, patched, sleep } from '@temporalio/workflow'
import type { RestorePlan } from '../../activities/host/restore/types.ts'
import { failures } from '../../domain/failures.ts'
import { whileUnanswered } from '../escalation.ts'
import { failureOf, type PlainFailure } from '../failure-of.ts'
import { fail } from '../procedure.ts'
import type { Outcome } from '../progress.ts'
import type { RestoreContext } from './context.ts'
import type { Dossier } from './evidence.ts'

/** Rolls back what can be rolled back, says what state the system is in, and gives the error to end with. */
export async function giveUp(context: RestoreContext, error: unknown, dossier: Dossier): Promise<unknown> {
  const { board, notices, saga } = context
  const problem = failureOf(error)
  const opened = saga.sealed
  const at = board.current
  const { done, failed } = await undo(context, problem)
  const state = stateAfter(context.plan.decision, opened, done, failed)
  const outcome = outcomeOf(error, problem, { opened, undone: done.length, broken: failed.length })
  await CancellationScope.nonCancellable(async () => {
    board.phase(outcome)
    board.outcome(outcome)
    const severity = failed.length > 0 || opened ? 'critical' : 'warning'
    notices.send(outcome === 'rolled-back' ? 'rolled-back' : 'failed', severity, `${context.title} ${outcome} at: ${at}`, `${problem.message}\n${state}`)
    await notices.settled()
    await dossier.keepFailed(context, problem, outcome, [`stopped at: ${at}`, state])
  })
  if (isCancellation(error) && failed.length === 0) return error
  return fail(problem.type, `stopped at "${at}": ${problem.message}; ${state}; ${failures[problem.type].hint}`, undefined, outcome)
}

/** Where what has to be undone waits for an agent, people are told, and one contact after the other. */
function undo(context: RestoreContext, problem: PlainFailure): ReturnType<RestoreContext['saga']['compensate']> {
  const { notices, saga, title } = context
  if (problem.type === 'AgentAbsent' && !saga.sealed) {
    const subject = `${title} needs an agent to roll back`
    const body = `${problem.message}\nWhat was stopped stays stopped until the agent returns: muster worker, on its host.`
    return whileUnanswered(notices, { event: 'alarm', severity: 'critical', subject, body }, () => saga.compensate())
  }
  return saga.pending > 0 && patched('told-of-a-slow-roll-back') ? undoTelling(context) : saga.compensate()
}

/** A compensation waits for an agent as long as it takes; whoever was there to see the run fail may not see that. */
function undoTelling({ notices, saga, title, plan, run }: RestoreContext): ReturnType<RestoreContext['saga']['compensate']> {
  return CancellationScope.nonCancellable(async () => {
    const late = new CancellationScope()
    const telling = late.run(async () => {
      await sleep(2 * plan.limits.agentSeconds * 1000, { summary: 'until people are told that the roll back takes long' })
      const body = `What was stopped stays stopped until it is done, and it may wait for an agent: muster worker, on its host.\nWhat it waits for: muster watch ${run.split(':')[0]}`
      notices.send('alarm', 'critical', `${title} is not rolled back yet`, body)
    })
    telling.catch((error: unknown) => {
      if (!isCancellation(error)) throw error
    })
    try {
      return await saga.compensate()
    } finally {
      late.cancel()
    }
  })
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
