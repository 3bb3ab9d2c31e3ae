/** Where a host keeps what the answer to a breach needs between its steps. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { InventoryItem } from '../../../domain/breach.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { Agent } from '../../agent.ts'
import { restoreShort } from '../restore/places.ts'

/** @param run workflow id and run id of the answer */
export function breachFolder(agent: Agent, run: string): string {
  return join(agent.hostDirectory, 'breaches', restoreShort({ run }))
}

function inventoryFile(agent: Agent, run: string, name: string): string {
  return join(breachFolder(agent, run), `inventory-${name}.json`)
}

export async function writeInventory(agent: Agent, run: string, name: string, items: readonly InventoryItem[]): Promise<void> {
  await mkdir(breachFolder(agent, run), { recursive: true, mode: 0o700 })
  await writeFile(inventoryFile(agent, run, name), JSON.stringify(items), { mode: 0o600, flush: true })
}

/** @throws MusterError ObjectMissing */
export async function readInventory(agent: Agent, run: string, name: string): Promise<readonly InventoryItem[]> {
  const text = await readFile(inventoryFile(agent, run, name), 'utf8').catch(() => null)
  if (text === null) throw new MusterError('ObjectMissing', `there is no inventory "${name}" of ${run} on host ${agent.host}`)
  return JSON.parse(text) as readonly InventoryItem[]
}
