/**
 * Stopping exactly the server that was seen. `pg_ctl stop` stops whichever serves the directory when it is run: an
 * attempt that was frozen before it and comes back would stop the server that another one has started since.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { signalProcess } from '../../process/find-processes.ts'
import type { ProcessIdentity } from '../../process/process.ts'

/** Among the processes that use a data directory, the one that its lock file names; null when that is none of them. */
export async function findPostmaster(directory: string, users: readonly ProcessIdentity[]): Promise<ProcessIdentity | null> {
  const lock = await readFile(join(directory, 'postmaster.pid'), 'utf8').catch(() => '')
  const pid = Number(lock.split('\n')[0])
  return users.find((user) => user.pid === pid) ?? null
}

/** What `pg_ctl stop -m fast` tells it: sessions end, what they had begun is rolled back. Nothing when it is gone. */
export function stopFast(postmaster: ProcessIdentity): void {
  signalProcess(postmaster, 'SIGINT')
}
