/** Waits until a service is observed in a state: what a command answered proves nothing. */
import { setTimeout as sleep } from 'node:timers/promises'
import { MusterError } from '../../domain/failures.ts'
import type { ServiceState } from './service.ts'

const pollMs = 200

/**
 * Looks every 200 ms, and once more after the deadline.
 * @throws MusterError ServiceUnhealthy (it does not come up) | Timeout (it does not stop), each naming the
 * service and the wanted state; Cancelled
 */
export async function awaitState(
  service: { readonly name: string; observe(signal?: AbortSignal): Promise<ServiceState> },
  wanted: ServiceState,
  timeoutSeconds: number,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + timeoutSeconds * 1000
  for (;;) {
    throwIfCancelled(service.name, signal)
    const isLastLook = performance.now() >= deadline
    if ((await service.observe(signal)) === wanted) return
    if (isLastLook) throw notObserved(service.name, wanted, timeoutSeconds)
    await pause(service.name, signal)
  }
}

/** @throws MusterError Cancelled */
export async function pause(name: string, signal?: AbortSignal): Promise<void> {
  await sleep(pollMs, undefined, signal ? { signal } : {}).catch(() => throwIfCancelled(name, signal))
}

/** @throws MusterError Cancelled */
export function throwIfCancelled(name: string, signal?: AbortSignal): void {
  if (!signal?.aborted) return
  throw new MusterError('Cancelled', `work on service "${name}" was cancelled`, { cause: signal.reason as unknown })
}

function notObserved(name: string, wanted: ServiceState, seconds: number): MusterError {
  const type = wanted === 'running' ? 'ServiceUnhealthy' : 'Timeout'
  return new MusterError(type, `service "${name}" is not ${wanted} after ${seconds} s`, {
    hint: `look at the log of service "${name}"`,
  })
}
