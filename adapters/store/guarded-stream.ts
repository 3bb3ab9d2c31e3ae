/** What every store's `read` hands out. */
import { PassThrough, type Readable } from 'node:stream'
import { MusterError } from '../../domain/failures.ts'

/** A stream whose errors are explained, and that closes its source when its reader goes away or cancels. */
export function guardStream(
  source: Readable,
  explain: (error: unknown) => MusterError | Promise<MusterError>,
  doing: string,
  signal: AbortSignal | undefined,
): Readable {
  const out = new PassThrough({ highWaterMark: 1024 * 1024 })
  // Whoever asked for it may have failed before reading from it: nobody is left to hear of it then.
  out.on('error', () => {})
  const cancel = () => out.destroy(cancelled(doing, signal?.reason))
  source.on('error', (error) => {
    void Promise.resolve(explain(error)).then((failure) => out.destroy(failure))
  })
  out.on('close', () => {
    signal?.removeEventListener('abort', cancel)
    source.destroy()
  })
  signal?.addEventListener('abort', cancel, { once: true })
  if (signal?.aborted) cancel()
  return source.pipe(out)
}

export function cancelled(doing: string, cause: unknown): MusterError {
  return new MusterError('Cancelled', `${doing} was cancelled`, { cause })
}
