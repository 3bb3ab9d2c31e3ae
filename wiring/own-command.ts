/** How this program is started again, built or from the sources. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { packageRoot } from './agent.ts'

/** Program and first arguments; a verb and its own follow. */
export function ownCommand(): readonly [string, ...string[]] {
  if (import.meta.url.endsWith('.ts')) {
    return [process.execPath, '--import', createRequire(import.meta.url).resolve('tsx'), join(packageRoot(), 'bin', 'muster.ts')]
  }
  return [process.execPath, join(packageRoot(), 'bin', 'muster')]
}
