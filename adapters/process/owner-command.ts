/** A command of the owner's, whose exit code is all that counts. */
import { runTool } from './run-tool.ts'

export interface OwnerCommandOptions {
  readonly signal: AbortSignal
  readonly label: string
  readonly timeoutSeconds: number
}

/** @throws MusterError CommandFailed with its last words, Timeout, Cancelled */
export async function runOwnerCommand(words: readonly string[], options: OwnerCommandOptions): Promise<void> {
  const [command = '', ...args] = words
  await runTool(command, args, { ...options, stdout: 'discard' })
}

/** The same with what it prints in a new file (0600). @throws MusterError as `runOwnerCommand` */
export async function recordOwnerCommand(words: readonly string[], file: string, options: OwnerCommandOptions): Promise<void> {
  const [command = '', ...args] = words
  await runTool(command, args, { ...options, stdout: { file } })
}
