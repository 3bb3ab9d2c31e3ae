/** One `muster up` per state directory: two would write to one database of Temporal. */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { identify, isRunning } from '../adapters/process/find-processes.ts'
import type { ProcessIdentity } from '../adapters/process/process.ts'
import { MusterError } from '../domain/failures.ts'
import { createFile } from './create-file.ts'

/**
 * Claims the state for this process until it ends; a claim of a process that has ended is taken over.
 * @returns gives the claim back
 * @throws MusterError LockHeld naming the process that holds it
 */
export async function claimState(home: string): Promise<() => Promise<void>> {
  const path = join(home, 'up.lock')
  const self = await identify(process.pid)
  for (let tries = 0; ; tries++) {
    if (await createFile(path, JSON.stringify(self), 0o600)) return () => rm(path, { force: true })
    const holder = await readFile(path, 'utf8').then(
      (text) => JSON.parse(text) as ProcessIdentity,
      () => null,
    )
    if (tries > 3 || (holder && (await isRunning(holder)))) {
      throw new MusterError('LockHeld', `muster up runs already on ${home} (process ${holder?.pid ?? 'unknown'})`, {
        hint: `use that one, or end it first: kill ${holder?.pid ?? 'PID'}`,
      })
    }
    await rm(path, { force: true })
  }
}
