/**
 * Who uses a data directory. Where it is a mount point, Muster's work directory stands inside it, and a copy that
 * is restored there is another database.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { processesUsing } from '../../process/find-processes.ts'
import type { ProcessIdentity } from '../../process/process.ts'

/** Every process with the data directory or a file of it open; what happens in a work directory inside does not count. */
export function usersOfDataDirectory(directory: string): Promise<ProcessIdentity[]> {
  return processesUsing(directory, (below) => below.startsWith('pgsql_tmp.muster-'))
}

/** What only measures or lists a directory is done with it within this time. */
const patienceSeconds = 15

/**
 * A process that goes on using the data directory; null once nobody does. A `du` is no server: Muster's own measures a copy
 * while the same copy is worked on, when a plan is made again beside the restore, and people and their tools do likewise.
 */
export async function lastingUserOf(directory: string, withinSeconds = patienceSeconds): Promise<ProcessIdentity | null> {
  for (const deadline = performance.now() + withinSeconds * 1000; ; await sleep(50)) {
    const users = await usersOfDataDirectory(directory)
    const [first] = users
    if (!first) return null
    // A server does not go away by itself, so nobody waits for one.
    const server = users.find(({ command }) => command === 'postgres')
    if (server || performance.now() > deadline) return server ?? first
  }
}
