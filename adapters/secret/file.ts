import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { MusterError } from '../../domain/failures.ts'
import { createLogger } from '../../observability/logger.ts'

const largestBytes = 65_536
const log = createLogger({ room: 'secret' })

/**
 * The content of a file without one line end at its end. Warns when others than the owner may read it.
 * @throws MusterError SecretMissing when it cannot be read, is no file, is empty or larger than 64 KiB
 */
export async function readFileSecret(path: string): Promise<string> {
  if (!isAbsolute(path)) throw missing(path, 'is not an absolute path')
  // O_NONBLOCK: opening a named pipe must not wait for a writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    throw missing(path, cause.code === 'ENOENT' ? 'does not exist' : `cannot be read (${cause.code})`)
  })
  try {
    const { mode, size } = await file.stat().then((stat) => ({ mode: stat.mode, size: stat.isFile() ? stat.size : -1 }))
    if (size < 0) throw missing(path, 'is not a regular file')
    if (size > largestBytes) throw missing(path, `is too large for a secret (${size} bytes)`)
    if ((mode & 0o077) !== 0) log.warn({ path, mode: (mode & 0o777).toString(8) }, 'a secret can be read by others: chmod 600')
    const value = (await file.readFile('utf8')).replace(/\r?\n$/, '')
    if (value === '') throw missing(path, 'is empty')
    return value
  } finally {
    await file.close()
  }
}

function missing(path: string, why: string): MusterError {
  return new MusterError('SecretMissing', `the secret file ${path} ${why}`, {
    hint: `put the secret into ${path} on the host where the agent runs, readable only by it (chmod 600)`,
  })
}
