import { setTimeout as sleep } from 'node:timers/promises'
import { MusterError } from '../../domain/failures.ts'

/** @throws MusterError Cancelled */
export function throwIfCancelled(signal?: AbortSignal): void {
  if (signal?.aborted) throw cancelled(signal)
}

/** @throws MusterError Cancelled */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, signal ? { signal } : {}).catch(() => throwIfCancelled(signal))
}

/** The result of `work`, or Cancelled as soon as the signal is given: what cannot be stopped is no longer waited for. */
export function orCancelled<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return work
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(cancelled(signal))
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function cancelled(signal: AbortSignal): MusterError {
  return new MusterError('Cancelled', 'work on a DNS record was cancelled', { cause: signal.reason as unknown })
}
