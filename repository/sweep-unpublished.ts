/**
 * Removes what attempts of earlier runs left in a store without ever publishing it. The caller
 * holds the component's backup lock, so whatever is not its own run's is nobody's.
 */
import type { Store } from '../adapters/store/store.ts'
import { componentBackupsPrefix, parseBackupKey } from '../domain/object-keys.ts'

/**
 * @param begunAt of the own run's backup: what was begun before and never finished is of an earlier one, also where not
 *   one object of that was finished
 * @returns the ids of the attempts that were removed
 */
export async function sweepUnpublished(store: Store, system: string, component: string, ownRunShort: string, begunAt: Date): Promise<readonly string[]> {
  const keysOf = new Map<string, string[]>()
  const published = new Set<string>()
  for await (const { key } of store.list(componentBackupsPrefix(system, component))) {
    const parts = parseBackupKey(key)
    if (!parts) continue
    if (parts.rest === 'manifest.json') published.add(parts.backup)
    else keysOf.set(parts.backup, [...(keysOf.get(parts.backup) ?? []), key])
  }
  const swept: string[] = []
  for (const [backup, keys] of keysOf) {
    if (published.has(backup) || backup.includes(`-${ownRunShort}-`)) continue
    for (const key of keys) await store.remove(key)
    swept.push(backup)
  }
  await store.sweepUnfinished(componentBackupsPrefix(system, component), begunAt)
  return swept
}
