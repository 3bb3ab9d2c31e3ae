/** Notices as JSON lines in a file: the channel that needs nobody else. */
import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MusterError } from '../../domain/failures.ts'
import type { Notice, Notifier } from './notifier.ts'

/**
 * Appends one JSON line per notice to `path`; it is on the disk when `notify` resolves. The file is made 0600,
 * missing directories 0711. A retried notice is written again.
 * @throws MusterError Unreachable from `notify` when the file cannot be written, Cancelled
 */
export function createLogNotifier(config: { readonly path: string }): Notifier {
  const { path } = config
  return {
    channel: 'log',
    async notify(notice: Notice, signal?: AbortSignal) {
      if (signal?.aborted) throw new MusterError('Cancelled', `the notice for ${path} was cancelled`)
      await append(path, `${JSON.stringify(notice)}\n`).catch((cause: NodeJS.ErrnoException) => {
        throw new MusterError('Unreachable', `the notice log ${path} cannot be written (${cause.code})`, {
          cause,
          hint: `make ${path} writable for the user of the agent, with space on its disk`,
        })
      })
    },
  }
}

/** One write in append mode: lines of several processes do not mix. */
async function append(path: string, line: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o711 })
  const file = await open(path, 'a', 0o600)
  try {
    const bytes = Buffer.from(line)
    const { bytesWritten } = await file.write(bytes)
    // A disk that is nearly full takes a part; writing the rest says so.
    if (bytesWritten < bytes.length) await file.writeFile(bytes.subarray(bytesWritten))
    await file.sync()
  } finally {
    await file.close()
  }
}
