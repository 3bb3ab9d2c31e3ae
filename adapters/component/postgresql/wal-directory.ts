import { rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import type { WorkOptions } from '../component.ts'
import { runTool } from '../../process/run-tool.ts'
import { type PostgresqlInstance, assertReachable, osUserOf } from './instance.ts'
import { chownTo, makeFreshDirectory } from './owned-files.ts'

/**
 * Moves `pg_wal` of a restored copy, on which no server runs, to a directory on another disk and leaves a link. Not
 * idempotent: the directory must be absent or empty.
 * @throws MusterError TargetNotEmpty, PreconditionFailed, DiskFull, CommandFailed
 */
export async function moveWal(
  instance: PostgresqlInstance,
  dataDirectory: string,
  walDirectory: string,
  options: Pick<WorkOptions, 'label' | 'signal'> = {},
): Promise<void> {
  const user = await osUserOf(instance)
  await makeFreshDirectory(walDirectory, user)
  await assertReachable(instance, walDirectory)
  const inside = join(dataDirectory, 'pg_wal')
  await runTool('cp', ['--archive', '--no-target-directory', '--', inside, walDirectory], {
    ...(options.label === undefined ? {} : { label: options.label }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    explainFailure: ({ stderrTail }) =>
      /No space left on device|Disk quota exceeded/.test(stderrTail) ? new MusterError('DiskFull', `no space left for WAL in ${walDirectory}`) : undefined,
  })
  await runTool('sync', ['--file-system', walDirectory])
  await rm(inside, { recursive: true })
  await symlink(walDirectory, inside)
  await chownTo(inside, user)
}
