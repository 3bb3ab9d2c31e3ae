/**
 * Compensations: registered before the step they undo, run newest first where a
 * cancellation cannot reach them, each tried whatever became of the others.
 */
import { CancellationScope } from '@temporalio/workflow'
import { failureOf, type PlainFailure } from './failure-of.ts'

export interface CompensationFailure extends PlainFailure {
  readonly compensation: string
}

export interface Saga {
  /** Call before the step: it may have happened even though its answer was lost. */
  before(compensation: string, undo: () => Promise<unknown>): void
  /** The same, for what waits until everything else is undone. */
  beforeAndUndoneLast(compensation: string, undo: () => Promise<unknown>): void
  /** From here on nothing is undone any more. */
  seal(): void
  readonly sealed: boolean
  /** How many compensations are registered. */
  readonly pending: number
  /** Runs what was registered, newest first and what waits for the others last; what fails is returned, not thrown. */
  compensate(): Promise<{ readonly done: readonly string[]; readonly failed: readonly CompensationFailure[] }>
}

export function createSaga(): Saga {
  let sealed = false
  const steps: { name: string; undo: () => Promise<unknown> }[] = []
  return {
    before(name, undo) {
      steps.unshift({ name, undo })
    },
    beforeAndUndoneLast(name, undo) {
      steps.push({ name, undo })
    },
    seal() {
      sealed = true
      steps.length = 0
    },
    get sealed() {
      return sealed
    },
    get pending() {
      return steps.length
    },
    async compensate() {
      const done: string[] = []
      const failed: CompensationFailure[] = []
      await CancellationScope.nonCancellable(async () => {
        for (const { name, undo } of steps.splice(0)) {
          try {
            await undo()
            done.push(name)
          } catch (error) {
            failed.push({ compensation: name, ...failureOf(error) })
          }
        }
      })
      return { done, failed }
    },
  }
}
