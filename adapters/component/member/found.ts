/** What somebody made at the path of a member while a swap was on its way: it has to make room, and is never removed. */
import { join } from 'node:path'
import type { Epoch } from './epochs.ts'
import type { Member } from './member.ts'
import { exists, move } from './moves.ts'

/**
 * Moves what is at the member's path to `found-<run>` in its work directory, by way of the epoch, so that a late attempt
 * cannot. Finishes what an earlier attempt began, also where nothing is at the path any more.
 * @returns where it is now; null where there was nothing to move
 * @throws MusterError EpochSuperseded
 */
export async function keepFound(member: Member, epoch: Epoch, run: string, isInTheWay: boolean): Promise<string | null> {
  const halfway = join(epoch.directory, 'found')
  const unfinished = await finish(member, epoch, run, halfway)
  if (!isInTheWay) return unfinished
  await move(member, epoch, 'set aside what somebody made here', member.path, halfway)
  return finish(member, epoch, run, halfway)
}

async function finish(member: Member, epoch: Epoch, run: string, halfway: string): Promise<string | null> {
  if (!(await exists(halfway))) return null
  const place = await freeName(join(member.workDirectory, `found-${run}`))
  await move(member, epoch, 'keep what somebody made', halfway, place)
  return place
}

async function freeName(wanted: string): Promise<string> {
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted}-${number}`
    if (!(await exists(name))) return name
  }
}
