/** Files that are whole or not there: a crash or a full disk leaves no half of one. */
import { randomBytes } from 'node:crypto'
import { link, mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MusterError } from '../domain/failures.ts'

/**
 * Creates a file, flushed, unless there is one; then that one stays. Its directory is made where it is missing.
 * @returns whether it was made now
 * @throws MusterError DiskFull | PreconditionFailed
 */
export async function createFile(path: string, content: string | Uint8Array, mode: number): Promise<boolean> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o711 })
    await writeFile(temporary, content, { mode, flag: 'wx', flush: true })
    await link(temporary, path)
    return true
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new MusterError('DiskFull', `no space is left to write ${path}`, { cause })
    }
    throw new MusterError('PreconditionFailed', `cannot write ${path} (${code})`, {
      cause,
      hint: `give this user the right to write in ${dirname(path)}`,
    })
  } finally {
    await rm(temporary, { force: true })
  }
}
