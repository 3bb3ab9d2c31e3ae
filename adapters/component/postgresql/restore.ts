import { chmod, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import type { PostgresqlManifest } from '../../../domain/repository-format.ts'
import { runTool } from '../../process/run-tool.ts'
import type { ObjectSource, WorkOptions } from '../component.ts'
import { type ExtractOrder, extractArchive } from './extract.ts'
import { type PostgresqlInstance, assertReachable, osUserOf } from './instance.ts'
import { chownTo, makeFreshDirectory } from './owned-files.ts'
import { findServerProgram, majorOf } from './programs.ts'
import { rewriteTablespaceMap } from './tablespace-map.ts'
import { moveWal } from './wal-directory.ts'

export interface RestorePlace {
  /** Absent or empty; becomes a data directory, 0700, owned by the tools' user. */
  readonly directory: string
  /** For each tablespace's oid: a directory that is absent or empty. */
  readonly tablespaceDirectories: Readonly<Record<string, string>>
  /** A directory that is absent or empty and that `pg_wal` becomes a link to; an ordinary directory where undefined. */
  readonly walDirectory?: string | undefined
}

const lanes = 3

/**
 * Restores a base backup into fresh directories, proves every file against PostgreSQL's own manifest, points the
 * tablespaces to their new places and flushes. The result is ready for `startRecovery`. Not idempotent: the target
 * must be empty; what a failed attempt leaves is the caller's to remove.
 * @throws MusterError TargetNotEmpty, InvalidInput, ChecksumMismatch, ManifestInvalid, DiskFull, PreconditionFailed,
 * ToolTooOld, CommandFailed, Cancelled; what the source throws
 */
export async function restoreBaseBackup(
  instance: PostgresqlInstance,
  manifest: PostgresqlManifest,
  source: ObjectSource,
  place: RestorePlace,
  options: WorkOptions = {},
): Promise<void> {
  const members = membersOf(manifest, place)
  const user = await osUserOf(instance)
  const verify = await findServerProgram(instance, 'pg_verifybackup', majorOf(manifest.postgresql.serverVersion))
  for (const { directory } of members) {
    await makeFreshDirectory(directory, user)
    await assertReachable(instance, directory)
  }
  await extractAll(source, members, user, totalBytes(manifest), options)
  await linkTablespaces(place, manifest, user)
  await verifyFiles(source, place.directory, verify.path, user, options)
  await rewriteTablespaceMap(place.directory, place.tablespaceDirectories, user)
  if (place.walDirectory !== undefined) await moveWal(instance, place.directory, place.walDirectory, options)
  for (const { directory } of members) await runTool('sync', ['-f', directory], labelled(options))
}

interface Member {
  readonly role: string
  readonly directory: string
}

function membersOf(manifest: PostgresqlManifest, place: RestorePlace): readonly Member[] {
  const tablespaces = manifest.postgresql.tablespaces.map(({ oid, path }) => {
    const directory = place.tablespaceDirectories[String(oid)]
    if (directory !== undefined) return { role: `tablespace:${oid}`, directory }
    throw new MusterError('InvalidInput', `the backup has a tablespace ${oid} (${path}), and no directory is given for it`)
  })
  const members = [{ role: 'base', directory: place.directory }, ...tablespaces]
  const places = [...members, ...(place.walDirectory === undefined ? [] : [{ directory: place.walDirectory }])]
  const inside = (path: string, of: string): boolean => path === of || path.startsWith(`${of}/`)
  for (const [index, { directory }] of places.entries()) {
    const other = places.find((member, at) => at !== index && inside(directory, member.directory))
    if (other) throw new MusterError('InvalidInput', `${directory} lies in ${other.directory}: each needs a place of its own`)
  }
  return members
}

async function extractAll(source: ObjectSource, members: readonly Member[], user: string | undefined, total: number, options: WorkOptions): Promise<void> {
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  let doneBytes = 0
  const onBytes = (bytes: number): void => {
    doneBytes += bytes
    options.onProgress?.({ phase: 'extract', doneBytes, totalBytes: total })
  }
  const waiting: ExtractOrder[] = members.map((member) => ({ ...member, user, signal, onBytes, label: options.label }))
  const failures: unknown[] = []
  const lane = async (): Promise<void> => {
    for (let order = waiting.shift(); order !== undefined; order = waiting.shift()) {
      await extractArchive(source, order).catch((error: unknown) => {
        failures.push(error)
        waiting.length = 0
        stop.abort(error)
      })
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  // The first failure is the reason; it stopped the others.
  if (failures.length > 0) throw failures[0]
}

/** pg_verifybackup follows the links; the server makes them anew from the map. */
async function linkTablespaces(place: RestorePlace, manifest: PostgresqlManifest, user: string | undefined): Promise<void> {
  for (const { oid } of manifest.postgresql.tablespaces) {
    const link = join(place.directory, 'pg_tblspc', String(oid))
    await symlink(place.tablespaceDirectories[String(oid)] as string, link)
    await chownTo(link, user)
  }
}

/** Before anything is edited: sizes, SHA-256 of every file, no file too many, and the WAL from start to end. */
async function verifyFiles(source: ObjectSource, directory: string, program: string, user: string | undefined, options: WorkOptions): Promise<void> {
  const path = join(directory, 'backup_manifest')
  await source.toFile('postgresql-manifest', path)
  await chmod(path, 0o600)
  await chownTo(path, user)
  options.onProgress?.({ phase: 'verify files', doneBytes: 0, totalBytes: null })
  try {
    // It hands the path to a shell of its own, so it is given one that is harmless.
    const place = { cwd: directory, ...(user === undefined ? {} : { runAs: user }) }
    await runTool(program, ['--quiet', '.'], { ...labelled(options), ...place })
  } catch (error) {
    if (!(error instanceof MusterError) || error.type !== 'CommandFailed') throw error
    throw new MusterError('ChecksumMismatch', `the restored files are not those of the backup: ${error.message}`, {
      cause: error,
    })
  }
  await rm(path)
}

function totalBytes(manifest: PostgresqlManifest): number {
  return manifest.objects.filter(({ role }) => role !== 'postgresql-manifest').reduce((sum, { plainSizeBytes }) => sum + plainSizeBytes, 0)
}

function labelled(options: WorkOptions): { readonly label?: string; readonly signal?: AbortSignal } {
  return {
    ...(options.label === undefined ? {} : { label: options.label }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }
}
