/**
 * What the old side had not shipped, where the plan found it and it could not be saved: its host died before the fence. People
 * approved a plan that loses nothing of it; so one of them says whether to go on without it.
 */
import { askCorrection } from '../restore/ask-correction.ts'
import { databases } from '../restore/context.ts'
import { fail } from '../procedure.ts'
import { type MoveContext, moveOf } from './context.ts'
import { stopSource } from './source.ts'

/** @throws ApplicationFailure OutOfBounds where a person gives up, Timeout where nobody answers */
export async function acceptLostTails(context: MoveContext): Promise<void> {
  if (moveOf(context).acceptLoss) return
  for (let lost = lostTails(context); lost.length > 0; lost = lostTails(context)) {
    const problem = `the plan found WAL at the old side that is not stored yet, and it could not be saved: ${lost.join('; ')}`
    context.board.phase('paused: lost tail')
    const body = `${problem}. Where the old host can be reached again, its tail can still be saved; what is lost otherwise is there for muster diverged.`
    const answer = await askCorrection(context, { subject: `${context.title} would lose the tail`, problem, body, allowed: ['retry', 'acceptLoss', 'giveUp'] })
    if (answer.action === 'acceptLoss') return
    if (answer.action === 'giveUp') throw fail('OutOfBounds', `${answer.person} gave up: ${answer.reason}; ${problem}`)
    await stopSource({ ...context, staysStopped: false, absent: [] })
  }
}

function lostTails(context: MoveContext): readonly string[] {
  const { recoveryPoint } = context.plan.forecast
  return databases(context).flatMap(({ component }) => {
    const promised = recoveryPoint.find((one) => one.component === component && one.tail)
    const tail = context.tails.get(component)
    if (!promised || tail?.stopped || tail?.sources.some(({ found }) => found)) return []
    return [`${component} comes back to ${promised.at ?? 'what was stored'} only`]
  })
}
