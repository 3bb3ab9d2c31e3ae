/** Finds the Temporal program that the set-up installed: on PATH, else in Muster's cache. */
import { access, constants, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { MusterError } from '../domain/failures.ts'
import { packageRoot } from './agent.ts'

export async function findTemporal(): Promise<string> {
  const pinned = await readFile(join(packageRoot(), 'scripts', 'versions.json'), 'utf8').then(
    (text) => (JSON.parse(text) as { temporal?: { version?: string } | string }).temporal,
    () => undefined,
  )
  const version = (typeof pinned === 'string' ? pinned : pinned?.version) ?? 'v1.5.1'
  const cache = process.env['XDG_CACHE_HOME'] || join(process.env['HOME'] || homedir(), '.cache')
  const folder = `temporal-${version.startsWith('v') ? version : `v${version}`}`
  const candidates = [
    join(cache, 'muster', 'tools', folder, 'temporal'),
    ...(process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, 'temporal')),
  ]
  for (const path of candidates)
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path
  throw new MusterError('PreconditionFailed', 'the Temporal program is not installed', { hint: 'run: npm run setup' })
}
