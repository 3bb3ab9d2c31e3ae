import { MusterError } from '../../../domain/failures.ts'
import { runTool } from '../../process/run-tool.ts'
import type { WorkOptions } from '../component.ts'
import { only } from './create-archive.ts'

export interface AfterOptions extends Pick<WorkOptions, 'signal' | 'label'> {
  /** Per command; default one hour. */
  readonly timeoutSeconds?: number
}

/**
 * Runs the configured `restore.after` commands in the restored directory, in their order, each as an
 * argument array; the first that fails ends the list. They may run again after a crash.
 * @throws MusterError InvalidInput for an empty command; CommandFailed | Timeout | Cancelled
 */
export async function runAfterCommands(commands: readonly (readonly string[])[], directory: string, options: AfterOptions = {}): Promise<void> {
  for (const [position, command] of commands.entries()) {
    const [program, ...args] = command
    if (!program) throw new MusterError('InvalidInput', `restore.after[${position}] is an empty command`)
    await runTool(program, args, {
      cwd: directory,
      stdout: 'discard',
      timeoutSeconds: options.timeoutSeconds ?? 3600,
      ...only(options, ['signal', 'label']),
    })
  }
}
