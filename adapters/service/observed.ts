/** Waits until a service is observed in a state: what a command answered proves nothing. */
import { setTimeout as sleep } from 'node:timers/promises'
import { MusterError } from '../../domain/failures.ts'
import type { ServiceState } from './service.ts'

const pollMs = 200

/** @throws MusterError Timeout naming service, wanted and seen state; Cancelled */
export async function awaitState(
  service: { readonly name: string; observe(signal?: AbortSignal): Promise<ServiceState> },
  wanted: ServiceState,
  timeoutSeconds: number,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + timeoutSeconds * 1000
  for (;;) {
    if (signal?.aborted) throw new MusterError('Cancelled', `waiting for service "${service.name}" was cancelled`)
    if ((await service.observe(signal)) === wanted) return
    if (Date.now() > deadline) throw new MusterError('Timeout', `service "${service.name}" is not ${wanted} after ${timeoutSeconds} s`, { hint: `look at the log of service "${service.name}"` })
    await sleep(pollMs)
  }
}
