/**
 * Where a tree is restored. Its files belong to their owners, who may be anybody, while the agent, who may be root, goes on
 * working in it by names: nobody else may reach it before it is swapped in.
 */
import { constants, mkdir, open, readdir } from 'node:fs/promises'
import { MusterError } from '../../../domain/failures.ts'
import { asideDirectory, type Member } from './member.ts'

type Place = Pick<Member, 'workDirectory'>

/** A directory that only the agent enters, in a work directory that is there. Idempotent. */
export async function makeAside(member: Place): Promise<void> {
  await mkdir(asideDirectory(member), { recursive: true, mode: 0o700 })
}

/**
 * Makes sure that the work directory is a directory, and that nobody but the agent can put or move names in it. One that is
 * missing is made; an empty one of somebody else is taken over by root.
 * @throws MusterError PreconditionFailed
 */
export async function ownWorkDirectory({ workDirectory }: Place): Promise<void> {
  await mkdir(workDirectory, { recursive: true, mode: 0o711 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error
  })
  const handle = await open(workDirectory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ELOOP' && cause.code !== 'ENOTDIR') throw cause
    throw new MusterError('PreconditionFailed', `${workDirectory} is not a directory, and a restore works in one of that name`, {
      cause,
      hint: 'somebody else made it: look at it, and move it away',
    })
  })
  try {
    if (process.geteuid?.() !== 0) return
    const { uid, mode } = await handle.stat()
    if (uid !== 0 && (await readdir(workDirectory)).length > 0) throw ofSomebodyElse(workDirectory, uid)
    if (uid !== 0) await handle.chown(0, 0)
    if (uid !== 0 || (mode & 0o022) !== 0) await handle.chmod(0o711)
  } finally {
    await handle.close()
  }
}

function ofSomebodyElse(workDirectory: string, uid: number): MusterError {
  return new MusterError('PreconditionFailed', `${workDirectory} belongs to user ${uid}, who could change what root does in it`, {
    hint: `where it is Muster's own and a chown -R has reached it: chown root: ${workDirectory} ${workDirectory}/epoch-*; else move it away`,
  })
}
