/** Undoes a swap of a member. Where it stands is read from what is on the disk, as in swap.ts. */
import { join } from 'node:path'
import { discard, discardContents } from './discard.ts'
import { assertNewest, type Epoch } from './epochs.ts'
import { keepFound } from './found.ts'
import { type Member, ownEntry } from './member.ts'
import { copyContents, exists, inTheMaking, move, moveContents, type SwapTools, sameOwnerAndMode } from './moves.ts'
import { forgetPlaced, isPlaced, phaseOf, setPhase, swapOf } from './swap-notes.ts'

export interface SwappedBack {
  /** Whether the run has begun a swap here; what another one has swapped is in service, and is not touched. */
  readonly begun: boolean
  /** What somebody made at the path meanwhile, which made room for the old data; it is removed by nobody. */
  readonly found: string | null
}

/**
 * Undoes a run's swap, however far it came; what was restored ends in `epoch-N/new`. What somebody else made at the path
 * meanwhile stays where it is, or is set aside where the old data has to come back. Idempotent.
 * @param run as it was given to `swapIn`
 * @throws MusterError EpochSuperseded; PreconditionFailed where something is in the way
 */
export async function swapBack(member: Member, epoch: Epoch, run: string, tools: SwapTools = {}): Promise<SwappedBack> {
  if ((await swapOf(epoch)) !== run) {
    await assertNewest(member, epoch)
    return { begun: false, found: null }
  }
  if (member.method === 'rename' || member.method === 'none') return { begun: true, found: await swapBackWhole(member, epoch, run) }
  await swapBackContents(member, epoch, tools)
  return { begun: true, found: null }
}

async function swapBackWhole(member: Member, epoch: Epoch, run: string): Promise<string | null> {
  const old = join(epoch.directory, 'old')
  const fresh = join(epoch.directory, 'new')
  if (!(await exists(fresh)) && (await exists(member.path)) && (await isPlaced(epoch, member.path))) {
    await move(member, epoch, 'take out the restored copy', member.path, fresh)
  }
  const setAside = await exists(old)
  const found = await keepFound(member, epoch, run, setAside && (await exists(member.path)))
  if (setAside) await move(member, epoch, 'put the old back', old, member.path)
  await forgetPlaced(epoch)
  return found
}

async function swapBackContents(member: Member, epoch: Epoch, tools: SwapTools): Promise<void> {
  const old = join(epoch.directory, 'old')
  const fresh = join(epoch.directory, 'new')
  const own = ownEntry(member)
  const phase = await phaseOf(epoch)
  if (phase === 'none') return
  // The original was only read so far, or not one entry of it was moved, or an earlier attempt put it back.
  const untouched = phase === 'back' || (phase === 'setting-aside' && (member.method === 'copy' || !(await exists(old))))
  if (!untouched) {
    const isInPlace = phase === 'placing' || phase === 'placed'
    if (isInPlace && member.method !== 'copy') await moveContents(member, epoch, 'take out the restored copy', member.path, fresh, own)
    await setPhase(member, epoch, 'putting-back')
    if (member.method === 'copy') {
      await discardContents(member, epoch, member.path, own)
      await copyContents(member, epoch, 'put the old back', old, member.path, tools)
    } else {
      await sameOwnerAndMode(member, epoch, old, member.path)
      await moveContents(member, epoch, 'put the old back', old, member.path, own)
    }
  }
  // Said before what was set aside goes: repeated, this must not take a half removed copy for the old data.
  await setPhase(member, epoch, 'back')
  for (const path of [old, inTheMaking(old)]) await discard(member, epoch, path)
}
