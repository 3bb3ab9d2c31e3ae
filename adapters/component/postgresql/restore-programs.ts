/** The programs that a restore of a database needs on its host. */
import type { PostgresqlInstance } from './instance.ts'
import { findServerProgram, type ProgramName } from './programs.ts'

const needed: readonly ProgramName[] = ['postgres', 'pg_ctl', 'pg_controldata', 'pg_verifybackup', 'pg_waldump']

/** @throws MusterError PreconditionFailed | ToolTooOld naming the program that is missing or of another major version, and what to install */
export async function assertRestorePrograms(instance: PostgresqlInstance, serverMajor: number): Promise<void> {
  for (const name of needed) await findServerProgram(instance, name, serverMajor)
}
