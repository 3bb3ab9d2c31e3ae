/** The moves a swap is made of. Each is journalled, flushed, and safe to repeat. */
import { chmod, chown, lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { runTool } from '../../process/run-tool.ts'
import { type Epoch, superseded } from './epochs.ts'
import { journal } from './journal.ts'
import type { Member } from './member.ts'

export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

/** One rename, flushed on both sides. @throws MusterError EpochSuperseded when the epoch's directory is gone */
export async function move(member: Member, epoch: Epoch, what: string, from: string, to: string): Promise<void> {
  await journal(member, epoch, what, from, to)
  try {
    await rename(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !(await exists(epoch.directory))) throw superseded(member, epoch)
    throw error
  }
  await flush(dirname(from))
  await flush(dirname(to))
}

/** Moves every entry of a directory but one into another. An entry that is gone was moved by an earlier attempt. */
export async function moveContents(member: Member, epoch: Epoch, what: string, from: string, to: string, except: string | null): Promise<void> {
  if (!(await exists(epoch.directory))) throw superseded(member, epoch)
  await mkdir(to, { recursive: true, mode: 0o700 })
  await journal(member, epoch, what, `${from}/*`, `${to}/`)
  for (const name of await readdir(from)) {
    if (name === except || name === 'lost+found') continue
    if (await exists(join(to, name)))
      throw new MusterError('PreconditionFailed', `${join(to, name)} is in the way of ${join(from, name)}`, {
        hint: 'nothing was overwritten; the journal beside it lists each move',
      })
    await rename(join(from, name), join(to, name)).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' && !(await exists(epoch.directory))) throw superseded(member, epoch)
      throw error
    })
  }
  await flush(from)
  await flush(to)
}

/** A faithful copy of a directory's contents, where renaming is not possible. */
export async function copyContents(member: Member, epoch: Epoch, what: string, from: string, to: string): Promise<void> {
  await journal(member, epoch, what, `${from}/.`, `${to}/`)
  await mkdir(to, { recursive: true, mode: 0o700 })
  await runTool('cp', ['--archive', '--reflink=auto', '--no-target-directory', '--', from, to])
  await runTool('sync', ['--file-system', to])
}

export async function emptyDirectory(directory: string, except: string | null): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name !== except && name !== 'lost+found') await rm(join(directory, name), { recursive: true, force: true })
  }
}

/** Owner and mode of one directory given to another. */
export async function sameOwnerAndMode(from: string, to: string): Promise<void> {
  const facts = await stat(from)
  if (process.geteuid?.() === 0) await chown(to, facts.uid, facts.gid)
  await chmod(to, facts.mode & 0o7777)
}

async function flush(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
