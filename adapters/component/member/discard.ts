/**
 * Removing what belongs to a member. An attempt that was frozen and comes back must not remove what a newer one has put
 * there, and `rm` cannot be made conditional: so everything is renamed into the attempt's epoch first, which is gone by
 * then, and removed there.
 */
import { randomBytes } from 'node:crypto'
import { readdir, rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Epoch, superseded } from './epochs.ts'
import type { Member } from './member.ts'
import { exists, makeDirectory } from './moves.ts'

type Place = Pick<Member, 'workDirectory'>

/** Removes one path, and what an attempt before left half removed. Idempotent. @throws MusterError EpochSuperseded */
export async function discard(member: Place, epoch: Epoch, path: string): Promise<void> {
  const grave = await dig(member, epoch)
  await bury(member, epoch, path, grave)
  await rm(grave, { recursive: true, force: true })
}

/** Removes what is in a directory but one entry, and what cannot be moved. Idempotent. @throws MusterError EpochSuperseded */
export async function discardContents(member: Place, epoch: Epoch, directory: string, except: string | null): Promise<void> {
  const grave = await dig(member, epoch)
  for (const name of await readdir(directory)) {
    if (name !== except && name !== 'lost+found') await bury(member, epoch, join(directory, name), grave)
  }
  await rm(grave, { recursive: true, force: true })
}

async function dig(member: Place, epoch: Epoch): Promise<string> {
  const grave = join(epoch.directory, 'discarded')
  await makeDirectory(member, epoch, grave)
  return grave
}

async function bury(member: Place, epoch: Epoch, path: string, grave: string): Promise<void> {
  try {
    await rename(path, join(grave, randomBytes(8).toString('hex')))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!(await exists(grave))) throw superseded(member, epoch)
    if (code === 'EXDEV') return buryPieces(member, epoch, path, grave)
    if (code !== 'ENOENT') throw error
  }
}

/** An overlay moves files, but no directory of its lower layer: that one is emptied first. Late, it could remove an empty one. */
async function buryPieces(member: Place, epoch: Epoch, directory: string, grave: string): Promise<void> {
  for (const name of await readdir(directory)) await bury(member, epoch, join(directory, name), grave)
  if (!(await exists(grave))) throw superseded(member, epoch)
  await rmdir(directory)
}
