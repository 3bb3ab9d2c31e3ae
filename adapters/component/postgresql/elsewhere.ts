/** A restored copy that is looked at beside the service: on loopback only, and never archiving. */
import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import type { ProcessIdentity } from '../../process/process.ts'
import { startService } from '../../process/start-service.ts'
import { awaitAnswering } from './await-answering.ts'
import { inspectDataDirectory } from './data-directory.ts'
import { usersOfDataDirectory } from './directory-users.ts'
import { assertPortFree } from './free-port.ts'
import { type PostgresqlInstance, osUserOf } from './instance.ts'
import { chownTo, replaceFile } from './owned-files.ts'
import { findServerProgram } from './programs.ts'
import { isolation } from './quarantine.ts'

/** The value of `cluster_name` by which a copy is known. */
export const copyClusterName = 'muster restored copy'

/**
 * Starts a promoted copy on a port of 127.0.0.1, isolated but for that. It outlives the run; whoever asked for it
 * stops it.
 * @throws MusterError WrongTarget, TargetRunning when something else listens on the port, CommandFailed, Timeout
 */
export async function startElsewhere(
  instance: PostgresqlInstance,
  place: { readonly directory: string; readonly port: number; readonly socketDirectory: string; readonly logFile: string },
): Promise<ProcessIdentity> {
  const facts = await inspectDataDirectory(instance, place.directory)
  if (facts === null) throw new MusterError('WrongTarget', `${place.directory} is not a data directory of PostgreSQL`)
  // One that an earlier attempt started is ours.
  if ((await usersOfDataDirectory(place.directory)).length === 0) await assertPortFree(place.port)
  const program = await findServerProgram(instance, 'postgres', facts.serverMajor)
  const user = await osUserOf(instance)
  await mkdir(place.socketDirectory, { recursive: true, mode: 0o700 })
  await chownTo(place.socketDirectory, user)
  const settings = {
    ...isolation,
    ...(await ownFiles(place, user)),
    cluster_name: copyClusterName,
    listen_addresses: '127.0.0.1',
    port: String(place.port),
    unix_socket_directories: place.socketDirectory,
    shared_preload_libraries: '',
  }
  const args = ['-D', place.directory, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  const identity = await startService(program.path, args, {
    cwd: place.directory,
    logFile: place.logFile,
    ...(user === undefined ? {} : { runAs: user }),
  })
  await awaitAnswering(instance, place.directory, {
    timeoutSeconds: 60,
    logFile: place.logFile,
    target: { socketDirectory: place.socketDirectory, port: place.port },
  })
  return identity
}

/** Named outright, since the restored configuration may name the files of the server it was copied from. */
async function ownFiles(place: { readonly directory: string; readonly socketDirectory: string }, user: string | undefined) {
  const inOwn = async (name: string, otherwise: string) => {
    const own = join(place.directory, name)
    if (
      await access(own).then(
        () => true,
        () => false,
      )
    )
      return own
    const made = join(place.socketDirectory, name)
    await replaceFile(made, otherwise, user)
    return made
  }
  return {
    data_directory: place.directory,
    config_file: await inOwn('postgresql.conf', ''),
    hba_file: await inOwn('pg_hba.conf', 'local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n'),
    ident_file: await inOwn('pg_ident.conf', ''),
  }
}
