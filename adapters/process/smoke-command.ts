/** The smoke command of a drill, or a scanner of a candidate: its exit code is the answer. */
import { inOneLine } from '../../domain/doubtful-text.ts'
import { MusterError } from '../../domain/failures.ts'
import { runTool } from './run-tool.ts'

const mostSeconds = 600

export interface SmokeCommandOptions {
  readonly signal?: AbortSignal
  readonly label?: string
  readonly env: Readonly<Record<string, string>>
  /** How messages call it; the smoke command otherwise. */
  readonly what?: string
  readonly timeoutSeconds?: number
}

/** Runs it without a network where the host allows that. @throws MusterError CheckFailed with its last words, Cancelled, Timeout */
export async function runSmokeCommand(
  words: readonly string[],
  { signal, label, env, what = 'the smoke command', timeoutSeconds = mostSeconds }: SmokeCommandOptions,
): Promise<void> {
  const [command = '', ...args] = words
  await runTool(command, args, {
    env,
    timeoutSeconds,
    noNetwork: true,
    stdout: 'discard',
    ...(signal && { signal }),
    ...(label !== undefined && { label }),
    explainFailure: ({ exitCode, stderrTail }) =>
      new MusterError('CheckFailed', `${what} ${command} ended with ${exitCode ?? 'a signal'}: ${inOneLine(stderrTail.trim().split('\n').at(-1) ?? '', 300)}`, {
        hint: 'run it by hand against a restore elsewhere: muster restore SYSTEM --component NAME --into DIR',
      }),
  })
}
