/** Gives up waiting for what may never answer. What was asked goes on by itself; its answer is not used. */
import { MusterError } from '../domain/failures.ts'

/** @throws MusterError Timeout after so many seconds; what `ask` throws */
export async function within<T>(seconds: number, ask: () => Promise<T>, what = 'it'): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new MusterError('Timeout', `${what} did not answer in ${seconds} s`)), seconds * 1000)
  })
  try {
    return await Promise.race([ask(), late])
  } finally {
    clearTimeout(timer)
  }
}
