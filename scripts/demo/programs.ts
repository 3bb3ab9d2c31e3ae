/** How the programs of the demo are called: our own from dist/ or from the sources, the others as the set-up left them. */
import { access, constants, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { packageRoot } from '../../wiring/agent.ts'

const fromSources = import.meta.url.endsWith('.ts')

/** A script of this project as one command: `scripts/demo/writer`. */
export function ownCommand(script: string): readonly [string, ...string[]] {
  if (!fromSources) return [process.execPath, join(packageRoot(), 'dist', `${script}.js`)]
  return [process.execPath, '--import', createRequire(import.meta.url).resolve('tsx'), join(packageRoot(), `${script}.ts`)]
}

export function s3ServerProgram(): Promise<string> {
  return findProgram('versitygw')
}

async function findProgram(name: string): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(process.env['HOME'] || homedir(), '.cache'), 'muster', 'tools')
  const folders = (await readdir(cache).catch(() => [] as string[])).filter((folder) => folder.startsWith(`${name}-v`))
  for (const folder of [...folders.map((one) => join(cache, one)), ...(process.env['PATH'] ?? '').split(delimiter)]) {
    if (await canRun(join(folder, name))) return join(folder, name)
  }
  throw new Error(`${name} is not installed; run: npm run setup`)
}

/** The oldest PostgreSQL that is new enough: Debian's directories, else what is on PATH. */
export async function postgresqlPrograms(): Promise<string> {
  const root = '/usr/lib/postgresql'
  const majors = (await readdir(root).catch(() => [] as string[])).map(Number).filter((major) => major >= 15)
  for (const major of majors.sort((a, b) => a - b)) {
    if (await canRun(join(root, String(major), 'bin', 'initdb'))) return join(root, String(major), 'bin')
  }
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) if (await canRun(join(folder, 'initdb'))) return folder
  throw new Error('PostgreSQL 15 or newer is not installed; run: npm run setup')
}

function canRun(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
