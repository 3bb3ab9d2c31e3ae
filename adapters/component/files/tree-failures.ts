import { MusterError } from '../../../domain/failures.ts'

/** The code of a failed system call, also where it is the cause of an error of ours; '' for others. */
export function codeOf(error: unknown): string {
  const system = (error instanceof MusterError ? error.cause : error) as NodeJS.ErrnoException | undefined
  return system?.code ?? ''
}

/** @throws MusterError Cancelled */
export function throwIfCancelled(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new MusterError('Cancelled', `${what} was cancelled`, { cause: signal.reason })
}

/** A full disk under the name that a person can act on; anything else as it is. */
export function asDiskFull(error: unknown, place: string): unknown {
  if (error instanceof MusterError && error.type !== 'CommandFailed') return error
  const text = error instanceof Error ? error.message : ''
  const full = ['ENOSPC', 'EDQUOT'].includes(codeOf(error)) || saysDiskFull(text)
  return full ? new MusterError('DiskFull', `no space left on the disk of ${place}`, { cause: error }) : error
}

export function saysDiskFull(text: string): boolean {
  return /No space left on device|Disk quota exceeded|Wrote only \d+ of \d+ bytes|ENOSPC|EDQUOT/.test(text)
}
