/** The moves a swap is made of. Each is journalled, flushed, and safe to repeat. */
import { chmod, chown, lstat, mkdir, open, readdir, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { runTool } from '../../process/run-tool.ts'
import { assertNewest, type Epoch, superseded } from './epochs.ts'
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

/**
 * Makes a directory directly in an epoch, or finds it there. Never with its parents: that would bring back an epoch that
 * a newer attempt has taken, and what is moved into it would be lost to that attempt.
 * @throws MusterError EpochSuperseded
 */
export async function makeDirectory(member: Pick<Member, 'workDirectory'>, epoch: Epoch, directory: string): Promise<void> {
  await mkdir(directory, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw superseded(member, epoch)
    if (error.code !== 'EEXIST') throw error
  })
}

/**
 * Moves every entry of a directory but one into another, which is made with the same owner and mode where it is not
 * there. An entry that is gone was moved by an earlier attempt.
 */
export async function moveContents(member: Member, epoch: Epoch, what: string, from: string, to: string, except: string | null): Promise<void> {
  await makeLike(member, epoch, from, to)
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

/** What a directory is called until it has its owner and mode. */
export const inTheMaking = (directory: string): string => `${directory}.making`

/** A directory that is there has the right owner and mode, whenever an attempt is killed. */
async function makeLike(member: Member, epoch: Epoch, model: string, directory: string): Promise<void> {
  if (await exists(directory)) return
  const making = inTheMaking(directory)
  await makeDirectory(member, epoch, making)
  await sameOwnerAndMode(member, epoch, model, making)
  await move(member, epoch, 'make a place', making, directory)
}

/** Of the tools that a swap runs: by its label a later attempt finds and ends what an earlier one left running. */
export interface SwapTools {
  readonly label?: string
}

/**
 * A faithful copy of a directory's contents, where renaming is not possible; owner and mode of the directory too. One
 * side is in the epoch: late, it fails.
 */
export async function copyContents(member: Member, epoch: Epoch, what: string, from: string, to: string, tools: SwapTools): Promise<void> {
  await journal(member, epoch, what, `${from}/.`, `${to}/`)
  if (dirname(to) === epoch.directory) await makeDirectory(member, epoch, to)
  await runTool('cp', ['--archive', '--reflink=auto', '--no-target-directory', '--', from, to], tools)
  await runTool('sync', ['--file-system', to], tools)
}

/**
 * A short text in the epoch's directory: the old or the new one after a crash, never a part.
 * @throws MusterError EpochSuperseded
 */
export async function writeNote(member: Member, epoch: Epoch, name: string, text: string): Promise<void> {
  const path = join(epoch.directory, name)
  try {
    await writeFile(`${path}.new`, text, { mode: 0o600, flush: true })
    await rename(`${path}.new`, path)
    await flush(epoch.directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw superseded(member, epoch)
    throw error
  }
}

/** Owner and mode of one directory given to another. @throws MusterError EpochSuperseded */
export async function sameOwnerAndMode(member: Pick<Member, 'workDirectory'>, epoch: Epoch, from: string, to: string): Promise<void> {
  const facts = await stat(from)
  await assertNewest(member, epoch)
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
