import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { inspectDataDirectory } from './data-directory.ts'
import { type PostgresqlInstance, nameOf } from './instance.ts'

/** A server notes its start in its lock file a moment before the time it tells in SQL. */
const startToleranceSeconds = 30

/**
 * Proves that the server which answers is the one of a directory of this host. Path and system identifier are not
 * enough: a standby or clone elsewhere has both, so the start time in the lock file must agree as well.
 * @throws MusterError WrongTarget, SourceUnreadable
 */
export async function assertSameServer(
  instance: PostgresqlInstance,
  directory: string,
  server: { readonly dataDirectory: string; readonly systemIdentifier: string; readonly startedAt: number },
): Promise<void> {
  const where = `the server that answers for ${nameOf(instance)}`
  const wrong = (text: string): MusterError =>
    new MusterError('WrongTarget', `${where} is not the server of ${directory}: ${text}`, {
      hint: 'correct dataDirectory or the connection: both must name the same server on this host',
    })
  const [here, there] = await Promise.all([real(directory), real(server.dataDirectory)])
  if (here === null) throw wrong(`${directory} does not exist on this host, it says ${server.dataDirectory}`)
  if (here !== there) throw wrong(`it says ${server.dataDirectory}`)
  const facts = await inspectDataDirectory(instance, directory)
  if (facts === null) throw wrong('the directory holds no database')
  if (facts.systemIdentifier !== server.systemIdentifier) {
    throw wrong(`system identifier ${server.systemIdentifier}, the directory has ${facts.systemIdentifier}`)
  }
  const started = await startInLockFile(directory)
  if (started === null) throw wrong('the directory has no lock file, so no server runs on it')
  if (Math.abs(started - server.startedAt) > startToleranceSeconds) {
    throw wrong('it was started at another time than the lock file says; it may be a copy on another host')
  }
}

async function real(path: string): Promise<string | null> {
  return realpath(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null
    throw new MusterError('SourceUnreadable', `cannot read ${path} (${cause.code})`, { cause })
  })
}

async function startInLockFile(directory: string): Promise<number | null> {
  const path = join(directory, 'postmaster.pid')
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null
    throw new MusterError('SourceUnreadable', `cannot read ${path} (${cause.code})`, { cause })
  })
  // Pid, data directory, start as seconds since 1970, port, socket directory…
  const seconds = Number(text?.split('\n')[2])
  return text === null || Number.isNaN(seconds) ? null : seconds
}
