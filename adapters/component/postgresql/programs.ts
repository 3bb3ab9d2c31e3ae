import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { runTool } from '../../process/run-tool.ts'
import type { PostgresqlInstance } from './instance.ts'

export type ProgramName = 'postgres' | 'pg_ctl' | 'pg_controldata' | 'pg_checksums' | 'pg_basebackup' | 'pg_receivewal' | 'pg_verifybackup' | 'pg_waldump'

export interface Program {
  readonly path: string
  /** As the program prints it: `pg_basebackup (PostgreSQL) 15.18`. */
  readonly versionText: string
  /** As `server_version_num` counts: 150018. */
  readonly version: number
}

/** The oldest server that compresses its own base backups. */
export const oldestServerMajor = 15

const known = new Map<string, Program>()

/**
 * Finds a program of PostgreSQL: in `binDirectory` when configured, else where the distributions put the server's
 * major version, else on the PATH.
 * @throws MusterError PreconditionFailed when it is nowhere
 */
export async function findProgram(instance: PostgresqlInstance, name: ProgramName, serverMajor?: number): Promise<Program> {
  const places = placesOf(instance, serverMajor).map((directory) => join(directory, name))
  for (const path of places) {
    if (await isExecutable(path)) return versionOf(path)
  }
  throw new MusterError('PreconditionFailed', `${name} was not found on this host: looked at ${places.join(', ')}`, {
    hint: `install the PostgreSQL ${serverMajor ?? 'server'} programs, or set binDirectory to where they are`,
  })
}

/**
 * A program that talks to a server: it must be at least as new.
 * @throws MusterError ToolTooOld naming both versions; PreconditionFailed; NotSupported for a server before 15
 */
export async function findClientProgram(instance: PostgresqlInstance, name: ProgramName, serverVersion: number): Promise<Program> {
  const serverMajor = majorOf(serverVersion)
  if (serverMajor < oldestServerMajor) {
    throw new MusterError('NotSupported', `the server is PostgreSQL ${serverMajor}; this version protects ${oldestServerMajor} and newer`, {
      hint: `upgrade the server to PostgreSQL ${oldestServerMajor} or newer`,
    })
  }
  const program = await findProgram(instance, name, serverMajor)
  if (majorOf(program.version) >= serverMajor) return program
  throw new MusterError('ToolTooOld', `${program.path} is version ${majorOf(program.version)} and the server is version ${serverMajor}`)
}

/**
 * A program that works on the files of a server: only its own major version can.
 * @throws MusterError ToolTooOld, PreconditionFailed
 */
export async function findServerProgram(instance: PostgresqlInstance, name: ProgramName, serverMajor: number): Promise<Program> {
  const program = await findProgram(instance, name, serverMajor)
  const major = majorOf(program.version)
  if (major === serverMajor) return program
  throw new MusterError(
    major < serverMajor ? 'ToolTooOld' : 'PreconditionFailed',
    `${program.path} is version ${major} and the data directory is of version ${serverMajor}`,
    { hint: `install the PostgreSQL ${serverMajor} server programs, or set binDirectory to where they are` },
  )
}

/** 150018 → 15. */
export function majorOf(version: number): number {
  return Math.floor(version / 10_000)
}

/** `pg_ctl (PostgreSQL) 15.18 (Debian …)` or `18beta2` → 150018, 180000. */
export function parseProgramVersion(text: string): number {
  const match = /\(PostgreSQL\)\s+(\d+)(?:\.(\d+))?/.exec(text)
  if (!match) throw new MusterError('PreconditionFailed', `"${text.trim()}" is not the version of a PostgreSQL program`)
  return Number(match[1]) * 10_000 + Number(match[2] ?? 0)
}

function placesOf(instance: PostgresqlInstance, serverMajor: number | undefined): readonly string[] {
  if (instance.config.binDirectory !== undefined) return [instance.config.binDirectory]
  const path = (process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin').split(':').filter(Boolean)
  if (serverMajor === undefined) return path
  return [`/usr/lib/postgresql/${serverMajor}/bin`, `/usr/pgsql-${serverMajor}/bin`, ...path]
}

async function versionOf(path: string): Promise<Program> {
  const cached = known.get(path)
  if (cached) return cached
  const { stdout } = await runTool(path, ['--version'], { timeoutSeconds: 30 })
  const versionText = stdout.trim()
  const program = { path, versionText, version: parseProgramVersion(versionText) }
  known.set(path, program)
  return program
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
