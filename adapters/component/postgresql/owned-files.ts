import { chmod, lchown, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { lookUpUser } from '../../process/operating-system-user.ts'

/** A user's name, or the numbers of a file's owner; undefined where the agent itself is the owner. */
export type Owner = string | { readonly userId: number; readonly groupId: number } | undefined

/** Gives a path (a link, not what it points to) to its owner. */
export async function chownTo(path: string, owner: Owner): Promise<void> {
  if (owner === undefined) return
  const { userId, groupId } = typeof owner === 'string' ? lookUpUser(owner) : owner
  await lchown(path, userId, groupId)
}

/**
 * Makes a directory 0700 for a user, or takes over an empty one.
 * @throws MusterError TargetNotEmpty
 */
export async function makeFreshDirectory(directory: string, user: Owner): Promise<void> {
  await mkdir(dirname(directory), { recursive: true })
  await mkdir(directory, { mode: 0o700 }).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
    const kind = await stat(directory)
    if (!kind.isDirectory()) throw new MusterError('TargetNotEmpty', `${directory} is not a directory`)
    if ((await readdir(directory)).length > 0) throw new MusterError('TargetNotEmpty', `${directory} is not empty`)
  })
  await chmod(directory, 0o700)
  await chownTo(directory, user)
}

/**
 * Replaces a file as a whole, durably: a crash leaves the old or the new text, never a mixture.
 * Owner `user`, mode 0600.
 */
export async function replaceFile(path: string, text: string, user: Owner): Promise<void> {
  const temporary = `${path}.muster-new`
  await rm(temporary, { force: true })
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await chownTo(temporary, user)
  await rename(temporary, path)
  await syncDirectory(dirname(path))
}

/** Flushes a directory, so that names made or removed in it survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
