/** Errors of the filesystem, said as failures of a store. */
import { statfs } from 'node:fs/promises'
import { MusterError } from '../../domain/failures.ts'

/** Codes that say the disk or the file server is in trouble, not that something is absent. */
const outages: ReadonlySet<string> = new Set(['EIO', 'ESTALE', 'ENOTCONN', 'ETIMEDOUT', 'EHOSTDOWN', 'EHOSTUNREACH', 'ENODEV', 'ENXIO', 'EREMOTEIO'])

export function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException | undefined)?.code ?? '')
}

export function isAbsent(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/**
 * The failure that an error of the filesystem means for a store; a MusterError passes unchanged.
 * @param doing what failed, such as `writing backups/…` or `listing wal/`
 */
export async function explain(error: unknown, root: string, doing: string, writing: boolean): Promise<MusterError> {
  if (error instanceof MusterError) return error
  const code = codeOf(error)
  const message = `${doing} in the store at ${root} failed: ${code || (error as Error).message}`
  const options = { cause: error }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new MusterError('DiskFull', `${message}; ${await freeBytes(root)} bytes are free there`, options)
  }
  if (code === 'EROFS') return new MusterError('StoreReadOnly', `${message}: it is mounted read-only`, options)
  if (code === 'EACCES' || code === 'EPERM') {
    if (writing) return new MusterError('StoreReadOnly', message, options)
    const hint = `give the agent's user the right to read ${root}`
    return new MusterError('CredentialsRejected', message, { ...options, hint })
  }
  if (outages.has(code)) {
    return new MusterError('Unreachable', message, { ...options, hint: `look at the disk or file server of ${root}` })
  }
  if (code === 'ENAMETOOLONG') return new MusterError('InvalidInput', message, options)
  if (code === 'ELOOP' || code === 'ENOTDIR' || code === 'EISDIR') {
    const hint = `look what lies in ${root}: something other than Muster has put it there`
    return new MusterError('PreconditionFailed', message, { ...options, hint })
  }
  return new MusterError('Unreachable', message, { ...options, hint: `look whether ${root} can be used on that host` })
}

async function freeBytes(root: string): Promise<number | string> {
  return statfs(root).then(
    (facts) => facts.bavail * facts.bsize,
    () => 'unknown',
  )
}
