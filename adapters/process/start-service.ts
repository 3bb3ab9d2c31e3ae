import { closeSync, openSync } from 'node:fs'
import { MusterError } from '../../domain/failures.ts'
import { identify } from './find-processes.ts'
import { prepareLaunch, systemProgram } from './launch.ts'
import { allowsPrivateMounts, type PrivateMount } from './private-mounts.ts'
import { withoutNetwork } from './network-namespace.ts'
import type { ProcessIdentity, ToolOptions } from './process.ts'
import { spawnDetached } from './spawn.ts'

export interface ServiceOptions extends Pick<ToolOptions, 'cwd' | 'env' | 'runAs' | 'label' | 'mayStart'> {
  /** Absolute path; stdout and stderr are appended, created 0640. */
  readonly logFile: string
  /** Without any network, not even loopback, where this host allows that; sockets in the file system still work. */
  readonly noNetwork?: boolean
  /** Only where `mountsPrivately` says so. */
  readonly mounts?: readonly PrivateMount[]
}

/** Whether `noNetwork` does what it says on this host. */
export function hasNoNetwork(): boolean {
  return withoutNetwork(systemProgram('unshare')) !== null
}

/** Whether a service can be started with private mounts on this host. */
export function mountsPrivately(): boolean {
  return allowsPrivateMounts(systemProgram('unshare'))
}

/**
 * Starts a process in a new session that outlives the agent; stdin is empty. Only the start is observed:
 * whether it is healthy is the caller's to ask.
 * @throws MusterError CommandFailed when it is not found, cannot be started or ended at once,
 * PreconditionFailed for user, directory or log file, what `mayStart` throws
 */
export async function startService(command: string, args: readonly string[], options: ServiceOptions): Promise<ProcessIdentity> {
  const launch = prepareLaunch(command, args, { ...options, diesWithAgent: false })
  const log = openLog(options.logFile)
  try {
    options.mayStart?.()
    const child = spawnDetached(launch, ['ignore', log, log])
    child.unref()
    const identity = await identify(child.pid as number)
    if (identity) return identity
    throw new MusterError('CommandFailed', `${launch.program} ended as soon as it was started`, {
      hint: `the end of ${options.logFile} says why`,
    })
  } finally {
    closeSync(log)
  }
}

function openLog(logFile: string): number {
  try {
    return openSync(logFile, 'a', 0o640)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    throw new MusterError('PreconditionFailed', `cannot write the log file ${logFile} (${code})`, { cause })
  }
}
