/** What a swap notes in its epoch: whose it is, how far it came, and which directory it has put in place. */
import { lstat, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Epoch } from './epochs.ts'
import type { Member } from './member.ts'
import { writeNote } from './moves.ts'

/** Short name of the restore whose swap an epoch holds; null before the first. */
export async function swapOf(epoch: Epoch): Promise<string | null> {
  return readNote(epoch, 'run')
}

/** Of a swap by contents or by copy. */
export const phases = ['none', 'setting-aside', 'placing', 'placed', 'putting-back', 'back'] as const
export type Phase = (typeof phases)[number]

export async function phaseOf(epoch: Epoch): Promise<Phase> {
  const text = await readNote(epoch, 'phase')
  return phases.find((phase) => phase === text) ?? 'none'
}

/** @throws MusterError EpochSuperseded */
export async function setPhase(member: Member, epoch: Epoch, phase: Phase): Promise<void> {
  await writeNote(member, epoch, 'phase', phase)
}

/** Before the rename that puts a copy in place: what is found there later is that copy, or somebody else's. @throws MusterError EpochSuperseded */
export async function notePlaced(member: Member, epoch: Epoch, fresh: string): Promise<void> {
  await writeNote(member, epoch, 'placed', await identityOf(fresh))
}

/** Whether what is at a path is the very copy that the swap has put there. */
export async function isPlaced(epoch: Epoch, path: string): Promise<boolean> {
  return (await readNote(epoch, 'placed')) === (await identityOf(path))
}

export async function forgetPlaced(epoch: Epoch): Promise<void> {
  for (const name of ['placed', 'placed.new']) await rm(join(epoch.directory, name), { force: true })
}

/** A rename keeps it; what somebody else makes in its place has another. */
async function identityOf(path: string): Promise<string> {
  const { dev, ino } = await lstat(path, { bigint: true })
  return `${dev}:${ino}`
}

async function readNote(epoch: Epoch, name: string): Promise<string | null> {
  return readFile(join(epoch.directory, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
}
