/** Whether a copy that was replayed before can go on: what is looked at costs nothing, and a failover must not find it out later. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Agent } from '../../agent.ts'

type Instance = Awaited<ReturnType<Agent['instance']>>

/**
 * @param own directories that it has outside its data directory
 * @returns false where it is not there, lacks a directory of its own, cannot be read, or was promoted
 */
export async function isSoundCopy(agent: Agent, instance: Instance, directory: string, own: readonly string[]): Promise<boolean> {
  for (const path of [join(directory, 'PG_VERSION'), ...own]) if (!(await isThere(path))) return false
  const facts = await agent.postgresql.inspectDataDirectory(instance, directory).catch(() => null)
  // A backup that was never started says of itself what its source was.
  return facts !== null && (/recovery/.test(facts.state) || (await isThere(join(directory, 'backup_label'))))
}

export async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
