/**
 * Puts a restored copy in the place of a member; swap-back.ts undoes it. Where a swap stands is read from what is
 * on the disk, so a repeated attempt goes on where the last one was killed.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { discard, discardContents } from './discard.ts'
import { type Epoch, superseded } from './epochs.ts'
import { keepFound } from './found.ts'
import { asideData, type Member, ownEntry, safetyPath } from './member.ts'
import { copyContents, exists, move, moveContents, type SwapTools, sameOwnerAndMode, writeNote } from './moves.ts'
import { forgetPlaced, notePlaced, phaseOf, setPhase, swapOf } from './swap-notes.ts'

/**
 * Sets aside what is at the member's path and puts what was restored there. Idempotent.
 * @param run short name of the restore; what another one left unfinished is kept under that one's name first
 * @param source the restored copy; the member's `aside/data` unless a safety set is brought back
 * @returns where something is that somebody made at the path after what was there had been set aside; null where nobody did
 * @throws MusterError EpochSuperseded; PreconditionFailed when there is no restored copy
 */
export async function swapIn(
  member: Member,
  epoch: Epoch,
  run: string,
  source: string = asideData(member),
  tools: SwapTools = {},
): Promise<{ readonly found: string | null }> {
  await clearOtherRun(member, epoch, run)
  const fresh = join(epoch.directory, 'new')
  if (await exists(source)) await move(member, epoch, 'take the restored copy', source, fresh)
  if (member.method === 'rename' || member.method === 'none') return { found: await swapWhole(member, epoch, run, fresh) }
  await swapContents(member, epoch, fresh, tools)
  return { found: null }
}

/** An earlier restore that ended between swap and commit left what it set aside here: it is that run's safety set. */
async function clearOtherRun(member: Member, epoch: Epoch, run: string): Promise<void> {
  const other = await swapOf(epoch)
  if (other === run) return
  if (other !== null) await keepSafetySet(member, epoch, safetyPath(member, other))
  await writeNote(member, epoch, 'run', run)
}

async function swapWhole(member: Member, epoch: Epoch, run: string, fresh: string): Promise<string | null> {
  const old = join(epoch.directory, 'old')
  if (!(await exists(fresh))) {
    await assertPlaced(member, epoch, old)
    return null
  }
  if (!(await exists(old)) && (await exists(member.path))) await move(member, epoch, 'set aside', member.path, old)
  const found = await keepFound(member, epoch, run, await exists(member.path))
  await notePlaced(member, epoch, fresh)
  await move(member, epoch, 'put in place', fresh, member.path)
  return found
}

/** Without a copy to put in place, an earlier attempt has put it there; else there is nothing that could be swapped in. */
async function assertPlaced(member: Member, epoch: Epoch, old: string): Promise<void> {
  const placed = (await exists(member.path)) && (member.method === 'none' || (await exists(old)))
  if (!placed) await refuseWithoutCopy(member, epoch)
}

async function refuseWithoutCopy(member: Member, epoch: Epoch): Promise<never> {
  if (!(await exists(epoch.directory))) throw superseded(member, epoch)
  throw new MusterError('PreconditionFailed', `there is no restored copy to put in the place of ${member.path}: neither aside nor in ${epoch.directory}`, {
    hint: 'nothing was changed; restore again',
  })
}

/** Each phase is noted when it is over and before anything is cleared away, so that each can be begun again. */
async function swapContents(member: Member, epoch: Epoch, fresh: string, tools: SwapTools): Promise<void> {
  const old = join(epoch.directory, 'old')
  const own = ownEntry(member)
  if ((await phaseOf(epoch)) === 'none') {
    if (!(await exists(fresh))) await refuseWithoutCopy(member, epoch)
    await setPhase(member, epoch, 'setting-aside')
  }
  if ((await phaseOf(epoch)) === 'setting-aside') {
    if (member.method === 'copy') await copyContents(member, epoch, 'set aside a copy', member.path, old, tools)
    else await moveContents(member, epoch, 'set aside', member.path, old, own)
    await setPhase(member, epoch, 'placing')
  }
  if ((await phaseOf(epoch)) === 'placing') {
    if (member.method === 'copy') {
      await discardContents(member, epoch, member.path, own)
      // The restored copy stays until the swap is kept: it may be a safety set that has to go back to its place.
      await copyContents(member, epoch, 'put in place', fresh, member.path, tools)
    } else {
      await sameOwnerAndMode(member, epoch, fresh, member.path)
      await moveContents(member, epoch, 'put in place', fresh, member.path, own)
    }
    await setPhase(member, epoch, 'placed')
  }
  if (member.method !== 'copy') await discard(member, epoch, fresh)
}

/**
 * Ends a swap: what was set aside becomes the safety set. What another restore left here becomes that one's. Idempotent.
 * @returns where it is, or null when nothing was there
 */
export async function keepSafetySet(member: Member, epoch: Epoch, safety: string): Promise<string | null> {
  const old = join(epoch.directory, 'old')
  const phase = await phaseOf(epoch)
  const run = await swapOf(epoch)
  // What was not all copied, or is back in its place, is no safety set.
  if (phase === 'back' || (phase === 'setting-aside' && member.method === 'copy')) await discard(member, epoch, old)
  if (await exists(old)) await move(member, epoch, 'keep as safety set', old, run === null ? safety : safetyPath(member, run))
  await rm(join(epoch.directory, 'phase'), { force: true })
  await forgetPlaced(epoch)
  await discard(member, epoch, join(epoch.directory, 'new'))
  return (await exists(safety)) ? safety : null
}
