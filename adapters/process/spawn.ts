import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process'
import { closeSync, openSync, rmSync } from 'node:fs'
import { MusterError } from '../../domain/failures.ts'
import type { Launch } from './launch.ts'
import type { ToolOptions } from './process.ts'

/**
 * Starts a tool with piped stdin and stderr, in a group (and session) of its own.
 * @throws MusterError CommandFailed when it cannot be started, PreconditionFailed when the output file exists
 */
export function spawnTool(launch: Launch, stdout: NonNullable<ToolOptions['stdout']>): ChildProcess {
  if (typeof stdout !== 'object') {
    return spawnDetached(launch, ['pipe', stdout === 'discard' ? 'ignore' : 'pipe', 'pipe'])
  }
  const output = createOutput(stdout.file)
  try {
    return spawnDetached(launch, ['pipe', output, 'pipe'])
  } catch (error) {
    rmSync(stdout.file, { force: true })
    throw error
  } finally {
    closeSync(output)
  }
}

/** @throws MusterError CommandFailed when the process cannot be started */
export function spawnDetached(launch: Launch, stdio: StdioOptions): ChildProcess {
  let child: ChildProcess
  try {
    child = spawn(launch.file, [...launch.args], {
      cwd: launch.cwd,
      env: launch.env,
      stdio,
      detached: true,
      ...launch.identity,
    })
  } catch (cause) {
    // E2BIG and the like. The error of Node holds the whole argument list: only its code goes on.
    throw notStarted(launch, (cause as NodeJS.ErrnoException).code)
  }
  // Reported by an event as well; the missing pid already says it.
  child.on('error', () => {})
  if (child.pid === undefined) throw notStarted(launch, undefined)
  return child
}

function notStarted(launch: Launch, code: string | undefined): MusterError {
  return new MusterError('CommandFailed', `${launch.program} could not be started${code ? ` (${code})` : ''}`, {
    hint: 'look at the limits of processes, open files and memory of the agent',
  })
}

function createOutput(file: string): number {
  try {
    return openSync(file, 'wx', 0o600)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOSPC') throw new MusterError('DiskFull', `no space to create ${file}`, { cause })
    throw new MusterError('PreconditionFailed', `cannot create the output file ${file} (${code})`, {
      cause,
      hint: code === 'EEXIST' ? 'the file exists: remove it or name another' : 'make the directory writable for the agent',
    })
  }
}
