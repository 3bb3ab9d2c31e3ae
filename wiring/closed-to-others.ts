/** Whether another operating-system user can reach a place: every directory above it needs the x bit for others. */
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** The first directory from the root on that is closed to others, or null. What is not there yet is skipped. */
export async function closedToOthers(path: string): Promise<string | null> {
  const above: string[] = []
  for (let at = path; at !== dirname(at); at = dirname(at)) above.unshift(at)
  for (const directory of above) {
    const facts = await stat(directory).catch(() => null)
    if (facts && (facts.mode & 0o001) === 0) return directory
  }
  return null
}
