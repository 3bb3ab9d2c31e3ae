/** Where the programs are that the set-up installed; a missing one names the command that installs it. */
import { access, constants, readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

export function temporalPath(): Promise<string> {
  return findProgram('temporal')
}

export function s3ServerPath(): Promise<string> {
  return findProgram('versitygw')
}

async function findProgram(name: string): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(process.env['HOME'] || homedir(), '.cache'), 'muster', 'tools')
  const folders = (await readdir(cache).catch(() => [] as string[])).filter((folder) => folder.startsWith(`${name}-`)).map((folder) => join(cache, folder))
  for (const folder of [...folders, ...(process.env['PATH'] ?? '').split(delimiter)]) {
    const path = join(folder, name)
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path
  }
  throw new Error(`${name} is not installed; run: npm run setup`)
}
