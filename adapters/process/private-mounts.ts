/** Directories that a process, and what it starts, sees at other paths than everybody else does. */
import { spawnSync } from 'node:child_process'

export interface PrivateMount {
  /** Where the process looks; has to be there. */
  readonly path: string
  /** What it finds there. */
  readonly directory: string
}

/** Binds pairs of directory and path up to the word `--`, then becomes the program. */
const bindAll = 'set -e; while [ "$1" != -- ]; do mount --bind -- "$1" "$2"; shift 2; done; shift; exec "$@"'

/**
 * Words to put before a program. What is mounted on the host later is seen as well, what is mounted here by nobody else;
 * it is gone with the last process that uses it.
 */
export function privateMountWords(unshare: string, mounts: readonly PrivateMount[]): readonly string[] {
  const pairs = mounts.flatMap(({ path, directory }) => [directory, path])
  return [unshare, '--mount', '--propagation', 'slave', '--', '/bin/sh', '-c', bindAll, 'sh', ...pairs, '--']
}

let allowed: boolean | undefined

/** Whether this host lets the agent do that: for a server that becomes another user it has to be root. */
export function allowsPrivateMounts(unshare: string | undefined): boolean {
  if (unshare === undefined || process.geteuid?.() !== 0) return false
  allowed ??= spawnSync(unshare, ['--mount', '--propagation', 'slave', '--', 'true'], { stdio: 'ignore' }).status === 0
  return allowed
}
