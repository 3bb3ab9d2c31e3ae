import { MusterError } from '../../domain/failures.ts'
import { prepareLaunch } from './launch.ts'
import type { RunningTool, ToolExit, ToolOptions, ToolResult } from './process.ts'
import { spawnTool } from './spawn.ts'
import { Tool } from './tool.ts'
import { cancelled } from './tool-failures.ts'

/**
 * Starts a tool in a process group of its own. It dies with the agent; on `signal` or time-out the whole
 * group is ended. When `done` has settled no process of the group runs (unless `leavesServices`).
 * Descendants that made a session of their own (daemons) are not the tool's. Call it from the main thread:
 * the death signal comes when the starting thread ends.
 * @throws MusterError CommandFailed (not found, not startable), PreconditionFailed (user, directory, output
 * file), Cancelled (the signal had been given before), what `mayStart` throws
 */
export function startTool(command: string, args: readonly string[], options: ToolOptions = {}): RunningTool {
  if (options.signal?.aborted) throw cancelled(command, options.signal)
  const launch = prepareLaunch(command, args, { ...options, diesWithAgent: true })
  options.mayStart?.()
  return new Tool(launch.program, spawnTool(launch, options.stdout ?? 'capture'), options)
}

/**
 * Runs a tool to its end; without `stdin` it reads nothing. See startTool.
 * @throws MusterError as startTool and RunningTool.done
 */
export async function runTool(command: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolResult> {
  return startTool(command, args, { ...options, stdin: options.stdin ?? '' }).done
}

/**
 * Waits until every tool of a pipeline has ended, then throws the failure that came first of itself rather
 * than one that only followed from another's (a reader or a source that was gone).
 */
export async function allDone(tools: readonly RunningTool[]): Promise<ToolResult[]> {
  const settled = await Promise.allSettled(tools.map((tool) => tool.done))
  const errors = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
  if (errors.length > 0) throw errors.find((error) => !isConsequence(error)) ?? errors[0]
  return settled.map((one) => (one as PromiseFulfilledResult<ToolResult>).value)
}

function isConsequence(error: unknown): boolean {
  const exit = toolExitOf(error)
  return exit !== undefined && (exit.readerGone || exit.signal === 'SIGPIPE')
}

/** How the tool ended that an error tells of; undefined when the error is of another kind. */
export function toolExitOf(error: unknown): ToolExit | undefined {
  const cause = error instanceof MusterError ? error.cause : undefined
  return cause && typeof cause === 'object' && 'stderrTail' in cause ? (cause as ToolExit) : undefined
}
