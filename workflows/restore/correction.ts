/**
 * Where a run pauses instead of giving up: it says what is wrong and waits for an Update
 * that names a person and a reason.
 */
import { condition, defineQuery, defineUpdate, setHandler } from '@temporalio/workflow'
import { type CorrectInput, correctMessage, type Paused, pausedQueryName, updateNames } from '../messages.ts'
import { fail, handleUpdate } from '../procedure.ts'

export const correctUpdate = defineUpdate<{ readonly accepted: boolean }, [CorrectInput]>(updateNames.correct)

const pausedQuery = defineQuery<Paused | null>(pausedQueryName)

export interface CorrectionDesk {
  /** @throws ApplicationFailure Timeout when nobody answers in time */
  await(problem: string, allowed: readonly CorrectInput['action'][], withinSeconds: number): Promise<CorrectInput>
}

export function createCorrectionDesk(): CorrectionDesk {
  let waiting: Paused | null = null
  let answer: CorrectInput | null = null
  setHandler(pausedQuery, () => waiting)
  handleUpdate(
    correctUpdate,
    correctMessage,
    'correct a paused run: {"action": "retry" | "openWith" | "acceptLoss" | "giveUp", "person": "<name>", "reason": "<why>"}',
    (input) => {
      if (!waiting) throw fail('PreconditionFailed', 'this run is not paused')
      if (answer) throw fail('PreconditionFailed', `${answer.person} has already corrected this pause`)
      if (!waiting.allowed.includes(input.action)) throw fail('InvalidInput', `"${input.action}" is not possible now; possible: ${waiting.allowed.join(', ')}`)
      if (input.action === 'openWith' && !input.stores?.length) throw fail('InvalidInput', 'openWith names the stores that may be missing')
    },
    (input) => {
      answer = input
      return { accepted: true }
    },
  )
  return {
    async await(problem, allowed, withinSeconds) {
      waiting = { problem, allowed }
      answer = null
      const answered = await condition(() => answer !== null, `${withinSeconds}s`)
      waiting = null
      if (!answered) throw fail('Timeout', `nobody corrected the paused run within ${withinSeconds} s: ${problem}`)
      return answer as unknown as CorrectInput
    },
  }
}
