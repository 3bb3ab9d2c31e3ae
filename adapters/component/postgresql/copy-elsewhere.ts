/** A copy that was restored elsewhere and started on a port: asking it, and ending it when nobody needs it any more. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MusterError } from '../../../domain/failures.ts'
import { usersOfDataDirectory } from './directory-users.ts'
import { copyClusterName } from './elsewhere.ts'
import type { PostgresqlInstance } from './instance.ts'
import { findPostmaster, stopFast } from './postmaster.ts'

const stopTimeoutSeconds = 30

/**
 * The instance as it is reached at the copy: by its private socket where the configuration names a socket, else over
 * loopback, as the configured role.
 * @throws MusterError PreconditionFailed where no copy runs there on this machine
 */
export async function instanceAtCopy(instance: PostgresqlInstance, directory: string): Promise<PostgresqlInstance> {
  const { port, socketDirectory } = await lockFileOf(directory)
  if (!/^\d+$/.test(port)) {
    throw new MusterError('PreconditionFailed', `no restored copy runs in ${directory} on this machine`, {
      hint: `run this on host ${instance.config.host}, where it was restored`,
    })
  }
  const { connection } = instance.config
  const host = connection.host.startsWith('/') ? socketDirectory : '127.0.0.1'
  return { ...instance, config: { ...instance.config, connection: { ...connection, host, port: Number(port) } } }
}

/** Its lines: pid, data directory, start, port, socket directory, address. */
async function lockFileOf(directory: string): Promise<{ readonly port: string; readonly socketDirectory: string }> {
  const [, , , port = '', socketDirectory = ''] = (await readFile(join(directory, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
  return { port, socketDirectory: socketDirectory.trim() }
}

/**
 * Stops the copy and sees it gone. Idempotent.
 * @returns its private directory with socket and log; null where no copy ran
 * @throws MusterError TargetRunning when another server than a restored copy, or anything else, uses the directory
 */
export async function stopCopy(directory: string): Promise<string | null> {
  const { socketDirectory } = await lockFileOf(directory)
  const postmaster = await findPostmaster(directory, await usersOfDataDirectory(directory))
  if (postmaster) {
    const line = await readFile(`/proc/${postmaster.pid}/cmdline`, 'utf8').catch(() => '')
    if (!line.includes(copyClusterName)) throw inUse(directory, postmaster.pid)
    stopFast(postmaster)
  }
  for (const deadline = Date.now() + stopTimeoutSeconds * 1000; ; await sleep(50)) {
    const [user] = await usersOfDataDirectory(directory)
    if (!user) return postmaster === null ? null : socketDirectory
    if (Date.now() > deadline) throw inUse(directory, user.pid)
  }
}

function inUse(directory: string, pid: number): MusterError {
  return new MusterError('TargetRunning', `process ${pid} uses ${directory}`, { hint: 'end it, then remove the directory' })
}
