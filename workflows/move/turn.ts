/**
 * The place that the failover of a system needs while it works, where a whole site fails over: given by the run that started
 * it, and given back while this one only waits for a person. Alone, a failover has its place from beginning to end.
 */
import { CancellationScope, condition, defineSignal, getExternalWorkflowHandle, patched, workflowInfo } from '@temporalio/workflow'
import type { TimeLimits } from '../../domain/time-limits.ts'
import { isFailure } from '../failure-of.ts'
import { GoOnInput, signalNames, type TurnInput } from '../messages.ts'
import { fail, handleSignal } from '../procedure.ts'
import type { ProgressBoard } from '../progress.ts'
import type { CorrectionDesk } from '../restore/correction.ts'

export interface Turn {
  /**
   * A branch of the run wants to work, and waits for the place where the run has none.
   * @param board where it is shown that it waits
   * @returns null where nothing is to be waited for
   */
  take(board?: ProgressBoard): Promise<void> | null
  /** The same, where nothing may wait any more: users are half served. */
  takeNow(): void
  /** A branch that worked waits for a person, or has ended. */
  rest(): void
  /** The run is taken back, which is light and may wait for days for an agent that is gone. */
  leave(): void
}

export const waitsForTurn = 'waiting for its turn'

export const turnSignal = defineSignal<[TurnInput]>(signalNames.turn)
export const goOnSignal = defineSignal<[GoOnInput]>(signalNames.goOn)

/** How long one waits for the other's message before it takes it for gone. */
export function patienceSeconds({ agentSeconds }: TimeLimits): number {
  return 2 * agentSeconds
}

/** Where nobody counts places. */
export const ownTurn: Turn = { take: () => null, takeNow: () => undefined, rest: () => undefined, leave: () => undefined }

const mostPatienceSeconds = 1800

/**
 * Asks again and again, so that a run whose parent was terminated meanwhile finds that out, and goes on alone.
 * @throws ApplicationFailure InvalidInput without a parent; Timeout from `take` after as long as a paused run waits for a person
 */
export function turnOfParent(system: string, limits: () => TimeLimits): Turn {
  const { parent } = workflowInfo()
  if (!parent) throw fail('InvalidInput', '"inTurn" is for failovers that a failoverSite starts: leave it out')
  const up = getExternalWorkflowHandle(parent.workflowId, parent.runId)
  let working = 0
  let asked = 0
  let held = false
  let told: Promise<void> = Promise.resolve()
  const tell = (message: Omit<TurnInput, 'system'>) => {
    // One after the other; also what a cancelled run says.
    told = told.then(() =>
      CancellationScope.nonCancellable(() => up.signal(turnSignal, { system, ...message })).catch((error: unknown) => {
        if (!isFailure(error)) throw error
        // Nobody counts any more.
        held = true
      }),
    )
  }
  handleSignal(goOnSignal, { schema: GoOnInput }, ({ number }) => {
    if (number === asked && working > 0) held = true
  })
  const untilHeld = async (board?: ProgressBoard) => {
    board?.phase(waitsForTurn)
    const since = Date.now()
    const { correctionSeconds } = limits()
    let patience = patienceSeconds(limits())
    while (!(await condition(() => held, `${patience}s`))) {
      if (Date.now() - since > correctionSeconds * 1000) throw fail('Timeout', `no place was given to ${system} within ${correctionSeconds} s`)
      tell({ number: asked, wants: 'place' })
      // A run takes so many signals and no more.
      patience = Math.min(patience * 2, Math.max(patience, mostPatienceSeconds))
    }
  }
  return {
    take(board) {
      working += 1
      if (held) return null
      if (working === 1) tell({ number: (asked += 1), wants: 'place' })
      return untilHeld(board)
    },
    takeNow() {
      working += 1
      if (!held) tell({ number: (asked += 1), wants: 'now' })
      held = true
    },
    rest() {
      working -= 1
      if (working > 0) return
      held = false
      tell({ number: (asked += 1), wants: 'nothing' })
    },
    leave() {
      if (working === 0 || !patched('place-given-back-before-a-roll-back')) return
      working = 0
      held = true
      tell({ number: (asked += 1), wants: 'nothing' })
    },
  }
}

/** Pauses give the place back. @param mayWait whether the run can still be taken back */
export function pausing(desk: CorrectionDesk, turn: Turn, about: () => { readonly board: ProgressBoard; readonly mayWait: boolean } | null): CorrectionDesk {
  // Several records of DNS may pause beside each other.
  let given = false
  return {
    async await(...asked) {
      if (!given) turn.rest()
      given = true
      const answer = await desk.await(...asked)
      if (!given) return answer
      given = false
      const run = about()
      if (run?.mayWait === false) turn.takeNow()
      // Putting things back is light, and nothing follows it.
      else if (answer.action !== 'giveUp') await turn.take(run?.board)
      return answer
    },
  }
}
