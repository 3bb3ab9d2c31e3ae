/**
 * Tablespaces that are younger than the backup. Their creation is replayed with the path that it had, and that is where the
 * database in service has them: the copy has to find directories of its own there.
 */
import { mkdir, rename, rm, rmdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { mountsPrivately } from '../../process/start-service.ts'
import { linkedTablespaces } from './data-directory.ts'
import { type PostgresqlInstance, osUserOf } from './instance.ts'
import { chownTo, type Owner } from './owned-files.ts'

export interface YoungTablespace {
  readonly oid: number
  /** Where the database in service has it. */
  readonly path: string
  /** The copy's own. */
  readonly into: string
}

/** @throws MusterError PreconditionFailed where the copy could not be kept out of what is in service */
export function assertKeptOut(young: readonly Pick<YoungTablespace, 'path'>[]): void {
  const [first] = young
  if (first === undefined || mountsPrivately()) return
  throw new MusterError(
    'PreconditionFailed',
    `the tablespace ${first.path} was made after the backup: a copy that replays its creation here would write into it, and it is in service`,
    { hint: 'take a full backup (muster backup SYSTEM), recover to a moment before the tablespace was made, or run the agent as root' },
  )
}

/** An earlier call may have replayed into them. */
export async function makeYoungTablespaces(young: readonly YoungTablespace[], user: Owner): Promise<void> {
  for (const { into } of young) {
    await mkdir(into, { recursive: true, mode: 0o700 })
    await chownTo(into, user)
  }
}

/**
 * Points a copy that is stopped to its own directories. Idempotent. What was not replayed, since the target is older than the
 * tablespace, leaves no directory.
 */
export async function ownYoungTablespaces(instance: PostgresqlInstance, directory: string, young: readonly YoungTablespace[]): Promise<void> {
  const user = await osUserOf(instance)
  const linked = await linkedTablespaces(directory)
  for (const { oid, path, into } of young) {
    const link = join(directory, 'pg_tblspc', String(oid))
    const target = linked.find((one) => one.oid === oid)?.path
    if (target === path) {
      await rm(`${link}.muster`, { force: true })
      await symlink(into, `${link}.muster`)
      await chownTo(`${link}.muster`, user)
      await rename(`${link}.muster`, link)
    } else if (target === undefined) await rmdir(into).catch(ignoreAbsent)
  }
}

function ignoreAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
