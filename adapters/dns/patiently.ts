import { MusterError } from '../../domain/failures.ts'
import { pause } from './cancelled.ts'

const firstWaitMilliseconds = 250
const longestWaitMilliseconds = 8_000

/**
 * Tries again, with longer and longer waits, while the provider is busy or does not answer.
 * @param forSeconds after which the last failure is thrown
 * @throws MusterError what `attempt` threw; Cancelled
 */
export async function patiently<T>(attempt: () => Promise<T>, forSeconds: number, signal?: AbortSignal): Promise<T> {
  const deadline = performance.now() + forSeconds * 1000
  for (let wait = firstWaitMilliseconds; ; wait = Math.min(2 * wait, longestWaitMilliseconds)) {
    try {
      return await attempt()
    } catch (error) {
      const mayPass = error instanceof MusterError && (error.type === 'Throttled' || error.type === 'Unreachable')
      // Not all at the same moment: whoever is throttled with us would be again.
      const chosen = wait * (0.5 + Math.random() / 2)
      if (!mayPass || performance.now() + chosen > deadline) throw error
      await pause(chosen, signal)
    }
  }
}
