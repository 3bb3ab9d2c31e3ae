/**
 * The one boundary between activities and Temporal: beats, cancellation, the watchdog for work
 * that makes no progress, ending what an older attempt left running, and the translation of errors.
 */
import { Context } from '@temporalio/activity'
import { ApplicationFailure, CancelledFailure } from '@temporalio/common'
import type { Progress } from '../adapters/component/component.ts'
import { type FailureType, failures, MusterError } from '../domain/failures.ts'
import { scrub } from '../observability/scrub.ts'

/** What an activity gets besides its input. */
export interface Work {
  readonly signal: AbortSignal
  /** Put on every process this activity starts: the same for all its attempts, so that a later one finds what an earlier left. */
  readonly label: string
  readonly attempt: number
  /** Temporal's run id of the procedure. */
  readonly runId: string
  readonly workflowId: string
  /** Says that something really moved. */
  progress(progress: Progress): void
}

export interface BoundaryDeps {
  readonly endLabelled: (label: string) => Promise<unknown>
  readonly log: { error(fields: object, message: string): void }
  /** Work without any progress for so long is ended. */
  readonly noProgressSeconds: number
}

export type Activity<I, O> = (input: I) => Promise<O>

export function labelOf(runId: string, activityId: string): string {
  return `${labelPrefixOf(runId)}${activityId}`
}

export function labelPrefixOf(runId: string): string {
  return `muster:${runId}:`
}

/** Wraps one activity. `input` is checked by the workflow that sent it. */
export function atBoundary<I, O>(deps: BoundaryDeps, run: (input: I, work: Work) => Promise<O>): Activity<I, O> {
  return async (input) => {
    const context = Context.current()
    const { info } = context
    const label = labelOf(info.workflowExecution?.runId ?? info.activityId, info.activityId)
    const watchdog = createWatchdog(deps.noProgressSeconds)
    const signal = AbortSignal.any([context.cancellationSignal, watchdog.signal])
    let last: Progress | null = null
    const beatEveryMs = Math.max(100, (info.heartbeatTimeoutMs ?? 30_000) / 4)
    const beat = setInterval(() => context.heartbeat(last), beatEveryMs)
    try {
      if (info.attempt > 1) await deps.endLabelled(label)
      return await run(input, {
        signal,
        label,
        attempt: info.attempt,
        runId: info.workflowExecution?.runId ?? info.activityId,
        workflowId: info.workflowExecution?.workflowId ?? info.activityId,
        progress(progress) {
          watchdog.fed()
          last = progress
        },
      })
    } catch (error) {
      if (context.cancellationSignal.aborted) throw new CancelledFailure(`${info.activityType} was cancelled`)
      if (watchdog.signal.aborted) {
        throw toFailure(new MusterError('Timeout', `${info.activityType} made no progress for ${deps.noProgressSeconds} s`, { cause: error }))
      }
      const failure = toFailure(error)
      if (failure.type === 'MusterBug')
        deps.log.error({ activity: info.activityType, stack: error instanceof Error ? error.stack : undefined }, 'activity failed')
      throw failure
    } finally {
      clearInterval(beat)
      watchdog.stop()
    }
  }
}

/** @returns what Temporal records: type of the table, scrubbed message, hint; no stack and no cause */
export function toFailure(error: unknown): ApplicationFailure {
  const known = error instanceof MusterError ? error : recognise(error)
  const rule = failures[known.type]
  return ApplicationFailure.create({
    type: known.type,
    message: scrub(known.message),
    nonRetryable: !rule.retry,
    details: [{ hint: known.hint, exitCode: rule.exitCode }],
  })
}

const failureOfErrno: Partial<Record<string, FailureType>> = {
  ENOSPC: 'DiskFull',
  EDQUOT: 'DiskFull',
  EACCES: 'SourceUnreadable',
  EPERM: 'SourceUnreadable',
  EROFS: 'StoreReadOnly',
  ECONNREFUSED: 'Unreachable',
  ECONNRESET: 'Unreachable',
  ETIMEDOUT: 'Unreachable',
  EHOSTUNREACH: 'Unreachable',
  ENOTFOUND: 'Unreachable',
}

function recognise(error: unknown): MusterError {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  const message = error instanceof Error ? error.message : String(error)
  return new MusterError(failureOfErrno[code] ?? 'MusterBug', message, { cause: error })
}

function createWatchdog(seconds: number) {
  const controller = new AbortController()
  let timer = setTimeout(() => controller.abort(new Error('no progress')), seconds * 1000)
  return {
    signal: controller.signal,
    fed() {
      clearTimeout(timer)
      timer = setTimeout(() => controller.abort(new Error('no progress')), seconds * 1000)
    },
    stop: () => clearTimeout(timer),
  }
}
