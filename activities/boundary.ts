/**
 * The one boundary between activities and Temporal: beats, cancellation, the watchdog for work
 * that makes no progress, ending what an older attempt left running, and the translation of errors.
 */
import { setMaxListeners } from 'node:events'
import { Context } from '@temporalio/activity'
import { ApplicationFailure, CancelledFailure } from '@temporalio/common'
import type { Progress } from '../adapters/component/component.ts'
import { type FailureType, failures, MusterError } from '../domain/failures.ts'
import { scrub } from '../observability/scrub.ts'

/** Several lanes of one activity, each with several programs, listen for its end. More would be a leak. */
const mostListeners = 100

/** What an activity gets besides its input. */
export interface Work {
  readonly signal: AbortSignal
  /** Put on every process this activity starts: the same for all its attempts, so that a later one finds what an earlier left. */
  readonly label: string
  readonly attempt: number
  /** Of a later step of the same run it is a higher number. */
  readonly activityId: string
  /** Temporal's run id of the procedure. */
  readonly runId: string
  readonly workflowId: string
  /** Says that something really moved. */
  progress(progress: Progress): void
  /**
   * To be called right before what cannot be taken back: asks Temporal whether this attempt still is the one that counts.
   * A worker that was frozen may come back in the middle of one that was given up, and may even begin it only then.
   * @throws MusterError EpochSuperseded when another attempt has begun or the run has ended; TemporalUnreachable
   */
  assertCurrent(): Promise<void>
}

/** A step that is about to be done. */
export interface StepAhead {
  readonly workflowId: string
  readonly runId: string
  /** The run's workflow type. */
  readonly procedure: string
  /** Null of one that concerns none. */
  readonly system: string | null
  readonly activity: string
  /** ISO-8601 UTC, as the run's history has it. */
  readonly scheduledAt: string
}

export interface BoundaryDeps {
  /** Told of each step before it is done; never throws. */
  readonly stepAhead?: (step: StepAhead) => Promise<void>
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

/** The id of an activity in its run, out of the label that its attempts share. */
export function activityIdOf({ label, runId }: Pick<Work, 'label' | 'runId'>): string {
  return label.slice(labelPrefixOf(runId).length)
}

/** Wraps one activity. `input` is checked by the workflow that sent it. */
export function atBoundary<I, O>(deps: BoundaryDeps, run: (input: I, work: Work) => Promise<O>): Activity<I, O> {
  return async (input) => {
    const context = Context.current()
    const { info } = context
    const label = labelOf(info.workflowExecution?.runId ?? info.activityId, info.activityId)
    const watchdog = createWatchdog(deps.noProgressSeconds)
    const signal = AbortSignal.any([context.cancellationSignal, watchdog.signal])
    setMaxListeners(mostListeners, signal)
    let last: Progress | null = null
    const beatEveryMs = Math.max(100, (info.heartbeatTimeoutMs ?? 30_000) / 4)
    const beat = setInterval(() => context.heartbeat(last), beatEveryMs)
    try {
      if (info.attempt > 1) await deps.endLabelled(label)
      await deps.stepAhead?.(aheadOf(info, input))
      return await run(input, {
        signal,
        label,
        attempt: info.attempt,
        activityId: info.activityId,
        runId: info.workflowExecution?.runId ?? info.activityId,
        workflowId: info.workflowExecution?.workflowId ?? info.activityId,
        progress(progress) {
          watchdog.fed()
          last = progress
        },
        assertCurrent: () => assertCurrent(context),
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

function aheadOf({ workflowExecution, workflowType, activityType, scheduledTimestampMs }: Context['info'], input: unknown): StepAhead {
  const system = typeof input === 'object' && input !== null && 'system' in input && typeof input.system === 'string' ? input.system : null
  return {
    workflowId: workflowExecution?.workflowId ?? '',
    runId: workflowExecution?.runId ?? '',
    procedure: workflowType ?? '',
    system,
    activity: activityType,
    scheduledAt: new Date(scheduledTimestampMs).toISOString(),
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

const askSeconds = 5
/** An answer that came later may be old: this process was frozen, or the machine slept. */
const freshMs = 10_000

async function assertCurrent({ client, info }: Context): Promise<void> {
  const { workflowExecution: execution, workflowNamespace: namespace, activityId, activityType, attempt } = info
  if (!execution || namespace === undefined) throw new MusterError('MusterBug', `${activityType} is no step of a run`)
  const asked = { steady: performance.now(), wall: Date.now() }
  const ask = () => client.workflowService.describeWorkflowExecution({ namespace, execution })
  const { pendingActivities } = await client.withDeadline(asked.wall + askSeconds * 1000, ask).catch((error: unknown) => {
    throw new MusterError('TemporalUnreachable', `Temporal does not say whether attempt ${attempt} of ${activityType} still counts`, { cause: error })
  })
  const pending = pendingActivities?.find((one) => one.activityId === activityId)
  const isFresh = performance.now() - asked.steady < freshMs && Math.abs(Date.now() - asked.wall) < freshMs
  if (!pending || pending.attempt !== attempt) {
    throw new MusterError('EpochSuperseded', `attempt ${attempt} of ${activityType} was given up while it stood still; it does nothing any more`)
  }
  if (!isFresh) throw new MusterError('TemporalUnreachable', `this process stood still while it asked Temporal about ${activityType}`)
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
