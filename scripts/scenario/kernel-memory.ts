/** A PostgreSQL that was killed leaves its lock in the kernel: a few bytes of shared memory that only a next start would remove. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { ScenarioPlaces } from './places.ts'

/** After everything that could use it has ended. */
export async function removeSharedMemory({ base }: ScenarioPlaces): Promise<void> {
  const names = await readdir(base, { recursive: true }).catch(() => [] as string[])
  for (const name of names.filter((one) => one.endsWith('/postmaster.pid'))) {
    const lines = (await readFile(join(base, name), 'utf8')).split('\n')
    if (!lines[1]?.startsWith(`${base}/`)) continue
    const id = lines[6]?.trim().split(/\s+/)[1]
    if (id !== undefined) await runTool('ipcrm', ['-m', id], { okExitCodes: [0, 1] })
  }
}
