import { lstat, readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { runTool } from '../../process/run-tool.ts'
import type { PostgresqlInstance } from './instance.ts'
import { findServerProgram } from './programs.ts'

/** What a data directory says of itself, whether or not a server runs on it. */
export interface DataDirectoryFacts {
  /** `in production`, `shut down`, `in archive recovery`…, in PostgreSQL's words. */
  readonly state: string
  readonly systemIdentifier: string
  readonly timelineId: number
  readonly checkpointLsn: string
  /** Where recovery of this directory would begin. */
  readonly redoLsn: string
  /** ISO-8601 UTC, to the second. */
  readonly checkpointAt: string
  readonly serverMajor: number
  readonly segmentSizeBytes: number
  readonly pageChecksums: boolean
  /** What a server on this directory needs at least to answer queries while it recovers. */
  readonly leastSettings: Readonly<Record<string, string>>
}

/**
 * Reads pg_control. Null when there is no data directory at the path (absent, or without `PG_VERSION`).
 * @throws MusterError SourceUnreadable, ToolTooOld, PreconditionFailed, CommandFailed
 */
export async function inspectDataDirectory(instance: PostgresqlInstance, directory: string): Promise<DataDirectoryFacts | null> {
  const serverMajor = await majorOfDirectory(directory)
  if (serverMajor === null) return null
  const program = await findServerProgram(instance, 'pg_controldata', serverMajor)
  const { stdout } = await runTool(program.path, ['-D', directory], { timeoutSeconds: 60 })
  return { ...parseControlData(stdout, directory), serverMajor }
}

async function majorOfDirectory(directory: string): Promise<number | null> {
  const path = join(directory, 'PG_VERSION')
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return null
    throw new MusterError('SourceUnreadable', `cannot read ${path} (${cause.code})`, { cause })
  })
  if (text === null) return null
  const major = Number.parseInt(text, 10)
  if (Number.isNaN(major)) throw new MusterError('WrongTarget', `${path} does not hold a version of PostgreSQL`)
  return major
}

/** The output of `pg_controldata` in English. */
export function parseControlData(text: string, directory: string): Omit<DataDirectoryFacts, 'serverMajor'> {
  const lines = text.split('\n').map((line) => /^([^:]+):\s*(.*)$/.exec(line))
  const fields = new Map(lines.flatMap((match) => (match ? [[match[1] as string, (match[2] as string).trim()]] : [])))
  const field = (name: string): string => {
    const value = fields.get(name)
    if (value === undefined || value === '') {
      throw new MusterError('SourceUnreadable', `pg_controldata does not tell "${name}" of ${directory}`)
    }
    return value
  }
  // Just after a promotion the checkpoint is still of the old timeline and the minimum recovery end of the new one.
  const timelines = [field("Latest checkpoint's TimeLineID"), field("Min recovery ending loc's timeline")].map(Number)
  return {
    state: field('Database cluster state'),
    systemIdentifier: field('Database system identifier'),
    timelineId: Math.max(...timelines),
    checkpointLsn: field('Latest checkpoint location'),
    redoLsn: field("Latest checkpoint's REDO location"),
    checkpointAt: new Date(`${field('Time of latest checkpoint')} UTC`).toISOString(),
    segmentSizeBytes: Number(field('Bytes per WAL segment')),
    pageChecksums: field('Data page checksum version') !== '0',
    leastSettings: {
      max_connections: field('max_connections setting'),
      max_worker_processes: field('max_worker_processes setting'),
      max_wal_senders: field('max_wal_senders setting'),
      max_prepared_transactions: field('max_prepared_xacts setting'),
      max_locks_per_transaction: field('max_locks_per_xact setting'),
    },
  }
}

/** Where `pg_wal` of a data directory is a link: what it points to, whether or not that is there. */
export async function linkedWalDirectory(directory: string): Promise<string | undefined> {
  return targetOf(join(directory, 'pg_wal'))
}

/** Tablespaces of a data directory, by its links; whether or not a server runs on it. */
export async function linkedTablespaces(directory: string): Promise<readonly { readonly oid: number; readonly path: string }[]> {
  const links = join(directory, 'pg_tblspc')
  const names = await readdir(links).catch(() => [])
  const found = await Promise.all(names.map(async (name) => ({ oid: Number(name), path: await targetOf(join(links, name)) })))
  return found.flatMap(({ oid, path }) => (path === undefined || Number.isNaN(oid) ? [] : [{ oid, path }]))
}

async function targetOf(link: string): Promise<string | undefined> {
  const facts = await lstat(link).catch(() => null)
  if (!facts?.isSymbolicLink()) return undefined
  return realpath(link).catch(async () => resolve(dirname(link), await readlink(link)))
}
