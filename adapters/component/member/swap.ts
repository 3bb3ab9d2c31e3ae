/**
 * Puts a restored copy in the place of a member and back. Where a swap stands is read from what is
 * on the disk, so a repeated attempt goes on where the last one was killed.
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { discard, discardContents } from './discard.ts'
import { type Epoch, superseded } from './epochs.ts'
import { asideData, type Member, ownEntry, safetyPath } from './member.ts'
import { copyContents, exists, inTheMaking, move, moveContents, type SwapTools, sameOwnerAndMode, writeNote } from './moves.ts'

/**
 * Sets aside what is at the member's path and puts what was restored there. Idempotent.
 * @param run short name of the restore; what another one left unfinished is kept under that one's name first
 * @param source the restored copy; the member's `aside/data` unless a safety set is brought back
 * @throws MusterError EpochSuperseded; PreconditionFailed when there is no restored copy
 */
export async function swapIn(member: Member, epoch: Epoch, run: string, source: string = asideData(member), tools: SwapTools = {}): Promise<void> {
  await clearOtherRun(member, epoch, run)
  const fresh = join(epoch.directory, 'new')
  if (await exists(source)) await move(member, epoch, 'take the restored copy', source, fresh)
  if (member.method === 'rename' || member.method === 'none') return swapWhole(member, epoch, fresh)
  return swapContents(member, epoch, fresh, tools)
}

/** An earlier restore that ended between swap and commit left what it set aside here: it is that run's safety set. */
async function clearOtherRun(member: Member, epoch: Epoch, run: string): Promise<void> {
  const other = await readFile(join(epoch.directory, 'run'), 'utf8').catch(() => null)
  if (other === run) return
  if (other !== null) await keepSafetySet(member, epoch, safetyPath(member, other))
  await writeNote(member, epoch, 'run', run)
}

async function swapWhole(member: Member, epoch: Epoch, fresh: string): Promise<void> {
  const old = join(epoch.directory, 'old')
  if (!(await exists(fresh))) return assertPlaced(member, epoch, old)
  if (!(await exists(old)) && (await exists(member.path))) await move(member, epoch, 'set aside', member.path, old)
  await move(member, epoch, 'put in place', fresh, member.path)
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
 * Undoes a swap, however far it came; what was restored ends in `epoch-N/new`. Idempotent.
 * @returns whether anything had been set aside
 */
export async function swapBack(member: Member, epoch: Epoch, tools: SwapTools = {}): Promise<boolean> {
  if (member.method === 'rename' || member.method === 'none') return swapBackWhole(member, epoch)
  return swapBackContents(member, epoch, tools)
}

async function swapBackWhole(member: Member, epoch: Epoch): Promise<boolean> {
  const old = join(epoch.directory, 'old')
  const fresh = join(epoch.directory, 'new')
  const setAside = await exists(old)
  if (!setAside && member.method === 'rename') return false
  if (!(await exists(fresh)) && (await exists(member.path))) await move(member, epoch, 'take out the restored copy', member.path, fresh)
  if (setAside) await move(member, epoch, 'put the old back', old, member.path)
  return setAside
}

async function swapBackContents(member: Member, epoch: Epoch, tools: SwapTools): Promise<boolean> {
  const old = join(epoch.directory, 'old')
  const fresh = join(epoch.directory, 'new')
  const own = ownEntry(member)
  const phase = await phaseOf(epoch)
  if (phase === 'none') return false
  // The original was only read so far, or not one entry of it was moved, or an earlier attempt put it back.
  const untouched = phase === 'back' || (phase === 'setting-aside' && (member.method === 'copy' || !(await exists(old))))
  if (!untouched) {
    const isPlaced = phase === 'placing' || phase === 'placed'
    if (isPlaced && member.method !== 'copy') await moveContents(member, epoch, 'take out the restored copy', member.path, fresh, own)
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
  return !untouched
}

const phases = ['none', 'setting-aside', 'placing', 'placed', 'putting-back', 'back'] as const
type Phase = (typeof phases)[number]

async function phaseOf(epoch: Epoch): Promise<Phase> {
  const text = await readFile(join(epoch.directory, 'phase'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return 'none'
    throw error
  })
  return phases.find((phase) => phase === text) ?? 'none'
}

async function setPhase(member: Member, epoch: Epoch, phase: Phase): Promise<void> {
  await writeNote(member, epoch, 'phase', phase)
}

/** Ends a swap: what was set aside becomes the safety set. Idempotent. @returns where it is, or null when nothing was there */
export async function keepSafetySet(member: Member, epoch: Epoch, safety: string): Promise<string | null> {
  const old = join(epoch.directory, 'old')
  const phase = await phaseOf(epoch)
  // What was not all copied, or is back in its place, is no safety set.
  if (phase === 'back' || (phase === 'setting-aside' && member.method === 'copy')) await discard(member, epoch, old)
  if (await exists(old)) await move(member, epoch, 'keep as safety set', old, safety)
  await rm(join(epoch.directory, 'phase'), { force: true })
  await discard(member, epoch, join(epoch.directory, 'new'))
  return (await exists(safety)) ? safety : null
}
