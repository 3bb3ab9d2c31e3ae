import { access, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { lastingUserOf } from './directory-users.ts'

/**
 * Removes the lock files of a server that was killed, where its number still is some process: an unreaped one, or
 * another that got the number. PostgreSQL itself cannot tell and would refuse to start. Nothing happens where the
 * number is free, since PostgreSQL then sees by itself that the files are stale.
 * @throws MusterError TargetRunning when a process has the directory open
 */
export async function dropStaleLock(directory: string): Promise<void> {
  const path = join(directory, 'postmaster.pid')
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return
  const user = await lastingUserOf(directory)
  if (user) throw new MusterError('TargetRunning', `process ${user.pid} (${user.command}) uses ${directory}`)
  const [pid, , , port, socketDirectory] = text.split('\n')
  const taken = await access(`/proc/${Number(pid)}`).then(
    () => true,
    () => false,
  )
  if (!taken) return
  if (socketDirectory) await dropSocketLock(join(socketDirectory, `.s.PGSQL.${port}.lock`), pid)
  await rm(path, { force: true })
}

/** Another server may have taken the socket since: only a lock of the same number is removed. */
async function dropSocketLock(path: string, pid: string | undefined): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => '')
  if (text.split('\n')[0] === pid) await rm(path, { force: true })
}
