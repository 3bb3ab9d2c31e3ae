/** Processes that work in a directory which is about to be removed. */
import { endProcess, processesUsing } from '../../process/find-processes.ts'

/** A server that is told to end starts nothing new, but its children take a moment. */
const mostRounds = 20

/** Ends whatever has a file open below a directory, and sees it gone. Idempotent. @throws MusterError Timeout */
export async function endUsersOf(directory: string): Promise<void> {
  for (let round = 0; round < mostRounds; round++) {
    const users = await processesUsing(directory)
    if (users.length === 0) return
    await Promise.all(users.map((user) => endProcess(user)))
  }
}
