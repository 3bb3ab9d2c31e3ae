/**
 * Puts a restored copy in the place of a member and back. Where a swap stands is read from what is
 * on the disk, so a repeated attempt goes on where the last one was killed.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Epoch } from './epochs.ts'
import { asideData, type Member, ownEntry, safetyPath } from './member.ts'
import { copyContents, emptyDirectory, exists, move, moveContents, sameOwnerAndMode } from './moves.ts'

/**
 * Sets aside what is at the member's path and puts what was restored there. Idempotent.
 * @param run short name of the restore; what another one left unfinished is kept under that one's name first
 * @param source the restored copy; the member's `aside/data` unless a safety set is brought back
 * @throws MusterError EpochSuperseded
 */
export async function swapIn(member: Member, epoch: Epoch, run: string, source: string = asideData(member)): Promise<void> {
  await clearOtherRun(member, epoch, run)
  const fresh = join(epoch.directory, 'new')
  if (await exists(source)) await move(member, epoch, 'take the restored copy', source, fresh)
  if (member.method === 'rename' || member.method === 'none') return swapWhole(member, epoch, fresh)
  return swapContents(member, epoch, fresh)
}

/** An earlier restore that ended between swap and commit left what it set aside here: it is that run's safety set. */
async function clearOtherRun(member: Member, epoch: Epoch, run: string): Promise<void> {
  const note = join(epoch.directory, 'run')
  const other = await readFile(note, 'utf8').catch(() => null)
  if (other === run) return
  if (other !== null) await keepSafetySet(member, epoch, safetyPath(member, other))
  await writeFile(note, run, { mode: 0o600, flush: true })
}

async function swapWhole(member: Member, epoch: Epoch, fresh: string): Promise<void> {
  const old = join(epoch.directory, 'old')
  if (!(await exists(fresh))) return
  if (!(await exists(old)) && (await exists(member.path))) await move(member, epoch, 'set aside', member.path, old)
  await move(member, epoch, 'put in place', fresh, member.path)
}

async function swapContents(member: Member, epoch: Epoch, fresh: string): Promise<void> {
  const old = join(epoch.directory, 'old')
  const own = ownEntry(member)
  if ((await phaseOf(epoch)) === 'none') {
    await setPhase(epoch, 'setting-aside')
  }
  if ((await phaseOf(epoch)) === 'setting-aside') {
    if (member.method === 'copy') await copyContents(member, epoch, 'set aside a copy', member.path, old)
    else await moveContents(member, epoch, 'set aside', member.path, old, own)
    await sameOwnerAndMode(member.path, old)
    await setPhase(epoch, 'placing')
  }
  if ((await phaseOf(epoch)) === 'placing') {
    if (member.method === 'copy') {
      await emptyDirectory(member.path, own)
      await copyContents(member, epoch, 'put in place', fresh, member.path)
    } else {
      await sameOwnerAndMode(fresh, member.path)
      await moveContents(member, epoch, 'put in place', fresh, member.path, own)
    }
    await rm(fresh, { recursive: true, force: true })
    await setPhase(epoch, 'placed')
  }
}

/**
 * Undoes a swap, however far it came; what was restored ends in `epoch-N/new`. Idempotent.
 * @returns whether anything had been set aside
 */
export async function swapBack(member: Member, epoch: Epoch): Promise<boolean> {
  if (member.method === 'rename' || member.method === 'none') return swapBackWhole(member, epoch)
  return swapBackContents(member, epoch)
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

async function swapBackContents(member: Member, epoch: Epoch): Promise<boolean> {
  const old = join(epoch.directory, 'old')
  const fresh = join(epoch.directory, 'new')
  const own = ownEntry(member)
  const phase = await phaseOf(epoch)
  if (phase === 'none' || phase === 'back') return false
  if (phase === 'setting-aside' && member.method === 'copy') {
    // The original was only read so far.
    await rm(old, { recursive: true, force: true })
    await setPhase(epoch, 'back')
    return false
  }
  if (phase === 'placing' || phase === 'placed') {
    if (member.method !== 'copy') await moveContents(member, epoch, 'take out the restored copy', member.path, fresh, own)
    await setPhase(epoch, 'putting-back')
  }
  await mkdir(old, { recursive: true })
  if (member.method === 'copy') {
    await emptyDirectory(member.path, own)
    await copyContents(member, epoch, 'put the old back', old, member.path)
  } else {
    await sameOwnerAndMode(old, member.path)
    await moveContents(member, epoch, 'put the old back', old, member.path, own)
  }
  await rm(old, { recursive: true, force: true })
  await setPhase(epoch, 'back')
  return true
}

type Phase = 'none' | 'setting-aside' | 'placing' | 'placed' | 'putting-back' | 'back'

async function phaseOf(epoch: Epoch): Promise<Phase> {
  return (await readFile(join(epoch.directory, 'phase'), 'utf8').catch(() => 'none')) as Phase
}

async function setPhase(epoch: Epoch, phase: Phase): Promise<void> {
  await writeFile(join(epoch.directory, 'phase'), phase, { mode: 0o600, flush: true })
}

/** Ends a swap: what was set aside becomes the safety set. Idempotent. @returns where it is, or null when nothing was there */
export async function keepSafetySet(member: Member, epoch: Epoch, safety: string): Promise<string | null> {
  const old = join(epoch.directory, 'old')
  if (await exists(old)) await move(member, epoch, 'keep as safety set', old, safety)
  await rm(join(epoch.directory, 'phase'), { force: true })
  await rm(join(epoch.directory, 'new'), { recursive: true, force: true })
  return (await exists(safety)) ? safety : null
}
