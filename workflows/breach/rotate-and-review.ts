/**
 * Between the restore and the opening, where a breach is answered: what the restored data and the hosts knew is changed, step
 * by step, and a person looks through what is left. What fails stops the opening and nothing else: the old side stays isolated.
 */
import { isCancellation } from '@temporalio/workflow'
import { onSite, urgentOnHost } from '../activity-options.ts'
import { failureOf } from '../failure-of.ts'
import type { MoveInput } from '../messages.ts'
import { type MoveContext, moveOf } from '../move/context.ts'
import { fail } from '../procedure.ts'
import { askCorrection } from '../restore/ask-correction.ts'
import { databases, stepOf, timed } from '../restore/context.ts'

/** @throws ApplicationFailure of a rotation that a person gave up, ApprovalRejected where the review did, Timeout where nobody answered */
export async function rotateAndReview(context: MoveContext, breach: NonNullable<MoveInput['breach']>): Promise<void> {
  await timed(context, 'rotate', () => rotate(context, breach.run))
  await review(context, breach, await stillKnown(context))
}

async function rotate(context: MoveContext, run: string): Promise<void> {
  const { limits, decision } = context.plan
  const { roles, commands } = moveOf(context).breach?.rotate ?? { roles: [], commands: [] }
  for (const one of databases(context)) {
    for (const { role } of roles.filter(({ component }) => component === one.component)) {
      await untilMended(context, `rotate role ${role} of ${one.component}`, () =>
        urgentOnHost(one.host, 'control', limits).rotateRole.executeWithOptions({ summary: `new password of ${role}` }, [{ ...stepOf(context, one), role }]),
      )
    }
  }
  for (const name of commands) {
    await untilMended(context, `rotate ${name}`, () =>
      onSite(context.site, 'transfer', limits).rotateByCommand.executeWithOptions({ summary: `rotate ${name}` }, [
        { system: context.input.system, configHash: decision.configHash, run, name },
      ]),
    )
  }
}

/** A person mends it and says so, or gives up: then the move is taken back, and nothing is served anywhere. */
async function untilMended(context: MoveContext, what: string, step: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await step()
      return
    } catch (error) {
      if (isCancellation(error)) throw error
      const problem = failureOf(error)
      context.board.phase(`paused: ${what}`)
      const answer = await askCorrection(context, {
        subject: `${context.title} is paused at: ${what}`,
        problem: `${what}: ${problem.message}`,
        body: `${problem.message}
It is not opened before this is done. The old side stays isolated.`,
        allowed: ['retry', 'giveUp'],
      })
      if (answer.action === 'giveUp') throw fail(problem.type, `${answer.person} gave up: ${answer.reason}; ${what}: ${problem.message}`)
      context.board.phase('rotate')
    }
  }
}

async function stillKnown(context: MoveContext): Promise<readonly string[]> {
  const lines: string[] = []
  for (const one of databases(context)) {
    const { roles } = await urgentOnHost(one.host, 'control', context.plan.limits).findKnownPasswords.executeWithOptions(
      { summary: `roles of ${one.component} that kept their password` },
      [stepOf(context, one)],
    )
    if (roles.length > 0) lines.push(`${one.component}: these roles still have the password that the data knew: ${roles.join(', ')}`)
  }
  return lines
}

/** Always asked: that everything was looked through is a person's word, and it is in the evidence. */
async function review(context: MoveContext, { review: found }: NonNullable<MoveInput['breach']>, known: readonly string[]): Promise<void> {
  const list = [...found, ...known, ...(context.scope.breach?.review ?? [])]
  const text = [
    'look through this before it is opened:',
    ...(list.length === 0 ? ['nothing is listed; what may the intruder have left?'] : list.map((line, index) => `${index + 1}. ${line}`)),
  ].join('\n')
  context.board.phase('paused: review before opening')
  const answer = await askCorrection(context, { subject: `${context.title} waits for the review`, problem: text, allowed: ['retry', 'giveUp'] })
  if (answer.action === 'giveUp') throw fail('ApprovalRejected', `${answer.person} did not let it be opened: ${answer.reason}`)
}
