/** Follows a run to its end: step, rate, ETA. `Ctrl-C` leaves it going. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkflowHandle } from '@temporalio/client'
import { formatDuration, formatSize } from '../../domain/durations.ts'
import { waysOn } from '../../domain/ways-on.ts'
import { lookAtRun, type RunProgress } from '../runs.ts'
import type { Output } from './output.ts'
import { type Followable, watchForWorkers } from './unserved.ts'

export interface Followed<T> {
  readonly result: T
  readonly seconds: number
}

/** @throws what the run failed with; MusterError HeldBack where nobody goes on with it */
export async function follow<T>(desk: Followable, handle: WorkflowHandle, onPhase?: (phase: string) => void): Promise<Followed<T>> {
  const { out } = desk
  const rates = createRates()
  let phase = ''
  let problem = ''
  return followLooking<T>(desk, handle, async (isDone) => {
    const progress = await lookAtRun(handle).catch(() => null)
    if (!progress || isDone()) return
    if (progress.phase !== phase) onPhase?.(progress.phase)
    phase = progress.phase
    out.progress(describeProgress(progress, rates))
    const told = progress.paused?.problem ?? ''
    if (progress.paused && told !== problem) tellPause(out, handle.workflowId, progress.paused)
    problem = told
  })
}

/**
 * Waits for the end of a run and looks at it meanwhile, again and again.
 * @param look shows what there is to see; nothing any more once the run is done
 * @throws what the run failed with; MusterError HeldBack where nobody goes on with it
 */
export async function followLooking<T>(desk: Followable, handle: WorkflowHandle, look: (isDone: () => boolean) => Promise<void>): Promise<Followed<T>> {
  const { out } = desk
  const startedAt = Date.now()
  let done = false
  const end = new AbortController()
  const leave = () => {
    out.progressDone()
    process.stderr.write(
      `\nthe run goes on: ${handle.workflowId}\n  watch it:  muster watch ${handle.workflowId}\n  cancel it: muster cancel ${handle.workflowId}\n`,
    )
    process.exit(130)
  }
  process.once('SIGINT', leave)
  const isLeft = watchForWorkers(desk, handle)
  let leaveWith: (why: Error) => void = () => undefined
  const left = new Promise<never>((_, reject) => (leaveWith = reject))
  left.catch(() => undefined)
  const looking = (async () => {
    while (!done) {
      await look(() => done)
      const why = done ? null : await isLeft()
      if (why !== null) return leaveWith(why)
      // Until the next look, or the end of the run.
      await sleep(out.isTerminal ? 500 : 1000, undefined, { signal: end.signal }).catch(() => undefined)
    }
  })()
  // Ended with us: one that still waits when its connection is closed is asked again on it, and throws where nobody can catch it.
  const result = handle.client.withAbortSignal(end.signal, () => handle.result()) as Promise<T>
  result.catch(() => undefined)
  try {
    await Promise.race([result, left])
    const took = await handle.describe().then(
      ({ startTime, closeTime }) => (closeTime ? closeTime.getTime() - startTime.getTime() : null),
      () => null,
    )
    return { result: await result, seconds: (took ?? Date.now() - startedAt) / 1000 }
  } finally {
    done = true
    end.abort()
    process.off('SIGINT', leave)
    await looking
    out.progressDone()
  }
}

/** Why it is paused, and what to type. */
export function tellPause(out: Output, run: string, paused: NonNullable<RunProgress['paused']>): void {
  out.progressDone()
  process.stderr.write(
    `  waits for a person: ${paused.problem}\n${waysOn(run, paused)
      .map((text) => `    ${text}\n`)
      .join('')}`,
  )
}

export function describeProgress(progress: RunProgress, rates: Rates): string {
  const parts = progress.activities.map((one) => {
    const rate = rates.of(one.what, one.doneBytes)
    const moved = one.doneBytes > 0 && one.totalBytes !== null ? ` ${formatSize(one.doneBytes)} of ${formatSize(one.totalBytes)}` : ''
    const eta =
      rate > 0 && one.totalBytes !== null ? `, ${formatSize(rate)}/s, about ${formatDuration(Math.ceil((one.totalBytes - one.doneBytes) / rate))} left` : ''
    const retry = one.attempt > 1 ? ` (attempt ${one.attempt}: ${one.problem ?? 'the worker was lost'})` : ''
    return `${one.phase || one.what}${moved}${eta}${retry}`
  })
  return [progress.phase, ...parts].join(' · ')
}

export interface Rates {
  /** Bytes a second over the last looks. */
  of(what: string, doneBytes: number): number
}

export function createRates(): Rates {
  const seen = new Map<string, { at: number; bytes: number; rate: number }>()
  return {
    of(what, doneBytes) {
      const now = Date.now()
      const before = seen.get(what)
      if (!before || doneBytes < before.bytes) {
        seen.set(what, { at: now, bytes: doneBytes, rate: 0 })
        return 0
      }
      const seconds = (now - before.at) / 1000
      if (seconds < 0.4) return before.rate
      const rate = 0.6 * before.rate + 0.4 * ((doneBytes - before.bytes) / seconds)
      seen.set(what, { at: now, bytes: doneBytes, rate })
      return rate
    },
  }
}
