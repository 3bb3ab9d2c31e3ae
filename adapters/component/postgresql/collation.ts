/** What text is sorted by on this host: the C library, and the ICU library that a PostgreSQL is linked with. */
import type { CollationLibraries } from '../../../domain/collation.ts'
import { runTool } from '../../process/run-tool.ts'
import type { PostgresqlInstance } from './instance.ts'
import { findServerProgram } from './programs.ts'

/** Needs no server, and no data directory: what a server of this major version would sort by. Never throws for a version that cannot be told. */
export async function readCollationLibraries(instance: PostgresqlInstance, serverMajor: number): Promise<CollationLibraries> {
  const [glibc, icuLibrary] = await Promise.all([readGlibc(), readIcuLibrary(instance, serverMajor).catch(() => null)])
  return { glibc, ...(icuLibrary !== null && { icuLibrary }) }
}

/** `2.36`; `unknown` where the C library is another. */
export async function readGlibc(): Promise<string> {
  const { stdout } = await runTool('getconf', ['GNU_LIBC_VERSION'], { okExitCodes: [0, 1], timeoutSeconds: 10 })
  return stdout.replace('glibc', '').trim() || 'unknown'
}

/** `72`; null for a server that is built without ICU. */
async function readIcuLibrary(instance: PostgresqlInstance, serverMajor: number): Promise<string | null> {
  const { path } = await findServerProgram(instance, 'postgres', serverMajor)
  const { stdout } = await runTool('ldd', [path], { timeoutSeconds: 10 })
  return /\blibicui18n\.so\.(\d+)/.exec(stdout)?.[1] ?? null
}
