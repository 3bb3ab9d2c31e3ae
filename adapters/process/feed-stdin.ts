import { pipeline, type Writable } from 'node:stream'
import type { ToolOptions } from './process.ts'

/**
 * Gives a tool its input. A tool that stops reading is no error here (its exit code says whether it was
 * one) and closes the source; a source that breaks is reported, so that a cut-off input is never taken
 * for a whole one.
 */
export function feedStdin(stdin: Writable, input: ToolOptions['stdin'], hasExited: () => boolean, onSourceError: (error: Error) => void): void {
  // Without a listener EPIPE would end the agent; the exit code of the tool tells what happened.
  stdin.on('error', () => {})
  if (input === undefined) return
  if (typeof input === 'string' || input instanceof Uint8Array) {
    stdin.end(input)
    return
  }
  pipeline(input, stdin, (error) => {
    if (error && !readerIsGone(error, hasExited())) onSourceError(error)
  })
}

/**
 * A write that fails, or a pipe closed because the tool has ended. A source's own broken connection has the
 * same codes, but says `read`.
 */
function readerIsGone(error: NodeJS.ErrnoException, exited: boolean): boolean {
  if (error.syscall === 'write') return error.code === 'EPIPE' || error.code === 'ECONNRESET'
  return exited && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
}
