/** One scenario of a clone at a time. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { identify, isRunning } from '../../adapters/process/find-processes.ts'
import type { ProcessIdentity } from '../../adapters/process/process.ts'

/** @returns how to give the place back */
export async function takePlace(outcome: string): Promise<() => Promise<void>> {
  const file = join(outcome, 'scenario.pid')
  const other = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as ProcessIdentity | null,
    () => null,
  )
  if (other && (await isRunning(other))) throw new Error(`a scenario of this clone is running already (process ${other.pid}); wait for it, or interrupt it`)
  await writeFile(file, JSON.stringify(await identify(process.pid)))
  return () => rm(file, { force: true })
}
