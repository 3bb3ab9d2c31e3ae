import { basename } from 'node:path'
import { MusterError } from '../../domain/failures.ts'
import type { ToolExit } from './process.ts'

const longestTail = 1000

export function cancelled(program: string, signal: AbortSignal): MusterError {
  return new MusterError('Cancelled', `${basename(program)} was cancelled`, { cause: signal.reason as unknown })
}

export function timedOut(program: string, seconds: number): MusterError {
  return new MusterError('Timeout', `${program} did not end within ${seconds} s`)
}

/** A source that failed with an error of ours keeps it: it is the reason, the tool is not. */
export function inputFailed(program: string, cause: Error): MusterError {
  if (cause instanceof MusterError) return cause
  return new MusterError('CommandFailed', `the input of ${program} broke off: ${cause.message}`, { cause })
}

/** The failure of a tool by itself: program, exit code or signal, and the end of what it said. */
export function failed(program: string, exit: ToolExit): MusterError {
  const how = exit.readerGone
    ? 'stopped because its output was no longer read'
    : exit.signal
      ? `was ended by ${exit.signal}`
      : `failed with exit code ${exit.exitCode}`
  const said = exit.stderrTail
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter(Boolean)
    .join('; ')
  return new MusterError('CommandFailed', `${program} ${how}${said ? `: ${said.slice(-longestTail)}` : ''}`, {
    cause: exit,
  })
}
