/** A copy that goes to a directory of its own: it replaces nothing, and its work directory goes when it is there. */
import { readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import type { Epoch } from './epochs.ts'
import type { Member } from './member.ts'
import { exists } from './moves.ts'
import { swapIn } from './swap.ts'
import { swapBack } from './swap-back.ts'

/**
 * Puts a restored copy where nothing is. What somebody made there meanwhile stays. Idempotent.
 * @throws MusterError TargetNotEmpty; what `swapIn` throws
 */
export async function placeNew(member: Member, epoch: Epoch, run: string): Promise<void> {
  await swapIn(member, epoch, run)
  if (!(await exists(join(epoch.directory, 'old')))) return
  await swapBack(member, epoch, run)
  throw new MusterError('TargetNotEmpty', `somebody made ${member.path} while the copy was restored`, {
    hint: 'nothing of it was changed; choose another directory',
  })
}

/** Removes the work directory of a restore elsewhere, but for what somebody else has made. Idempotent. */
export async function removeWork({ workDirectory }: Member): Promise<void> {
  const names = await readdir(workDirectory).catch(ignoring('ENOENT'))
  for (const name of names ?? []) if (!name.startsWith('found-')) await rm(join(workDirectory, name), { recursive: true, force: true })
  await rmdir(workDirectory).catch(ignoring('ENOENT', 'ENOTEMPTY', 'EEXIST'))
}

function ignoring(...codes: readonly string[]): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (!codes.includes(error.code ?? '')) throw error
  }
}
