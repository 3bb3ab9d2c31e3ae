/** Reads what really went wrong out of the failures that Temporal wraps around each other. */
import { TemporalFailure, TimeoutType } from '@temporalio/common'
import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow'
import { type FailureType, isFailureType, MusterError } from '../domain/failures.ts'

export interface PlainFailure {
  readonly type: FailureType
  readonly message: string
}

/** Temporal says which step failed, and not on which host or site: the reader at night has to know where to look. */
const places = new WeakMap<object, string>()

/** @param place such as `host db1`, `site dr` */
export function failedAt(error: unknown, place: string): void {
  if (error instanceof ActivityFailure) places.set(error, place)
}

/** @returns the innermost failure's type and message, as one pair for results, notices and evidence */
export function failureOf(error: unknown): PlainFailure {
  if (isCancellation(error)) return { type: 'Cancelled', message: 'cancelled' }
  if (error instanceof ActivityFailure) {
    const cause = error.cause
    if (cause instanceof TimeoutFailure) {
      const type = cause.timeoutType === TimeoutType.SCHEDULE_TO_START ? 'AgentAbsent' : 'Timeout'
      // The SDK reads a time-out without its cause, which the server does send: what the last attempt failed with.
      const earlier = cause.failure?.cause?.message
      const last = earlier ? `; before that: ${earlier}` : ''
      const place = places.get(error)
      const what =
        type === 'AgentAbsent' ? `no agent${place ? ` of ${place}` : ''} took the step` : `the step did not end in time${place ? ` on ${place}` : ''}`
      return { type, message: `${what}: ${error.activityType}${last}` }
    }
    return cause ? failureOf(cause) : { type: 'MusterBug', message: error.message }
  }
  if (error instanceof ChildWorkflowFailure && error.cause) return failureOf(error.cause)
  if (error instanceof ApplicationFailure) {
    const type = error.type && isFailureType(error.type) ? error.type : 'MusterBug'
    return { type, message: error.message }
  }
  if (error instanceof MusterError) return { type: error.type, message: error.message }
  return { type: 'MusterBug', message: error instanceof Error ? error.message : String(error) }
}

/** Whether a run may end with it. Anything else is a defect of the code, which fails the workflow task and can be mended. */
export function isFailure(error: unknown): boolean {
  return error instanceof TemporalFailure || error instanceof MusterError
}
