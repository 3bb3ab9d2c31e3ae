import { ancestorsOf, rootPath } from '../../../domain/tree-path.ts'
import { type FoundEntry, lookAt } from './walk.ts'

export interface Places {
  readonly files: readonly FoundEntry[]
  /** Those among the entries, and those on the way to them that the old tree alone has; sorted. */
  readonly directories: readonly string[]
  /** Something else than a directory is on the way, or something of another kind at the place itself. */
  readonly blocked: readonly string[]
}

/**
 * Where entries of the old tree go in the restored one. Which directories come along is asked of the backup, never of what
 * is there: a copy that was killed leaves directories that look as if they had always been there, with rights of nobody.
 */
export async function placesFor(newRoot: string, entries: readonly FoundEntry[], isOfBackup: (directory: string) => boolean): Promise<Places> {
  const files: FoundEntry[] = []
  const directories = new Set<string>()
  const blocked: string[] = []
  const looked = new Map<string, Promise<Kind>>()
  const look = (path: string): Promise<Kind> => {
    const kind = looked.get(path) ?? kindAt(newRoot, path)
    looked.set(path, kind)
    return kind
  }
  for (const entry of entries) {
    const above = ancestorsOf(entry.path)
    const own = await look(entry.path)
    const isTaken = entry.type === 'directory' ? own === 'other' : own === 'directory'
    if (isTaken || (await Promise.all(above.map(look))).includes('other')) {
      blocked.push(entry.path)
      continue
    }
    for (const path of above) if (path !== rootPath && (!isOfBackup(path) || (await look(path)) === 'missing')) directories.add(path)
    if (entry.type === 'directory') directories.add(entry.path)
    else files.push(entry)
  }
  return { files, directories: [...directories].sort(), blocked }
}

type Kind = 'directory' | 'missing' | 'other'

async function kindAt(root: string, path: string): Promise<Kind> {
  const found = await lookAt(root, path)
  if (found === null) return 'missing'
  return found !== 'special' && found.type === 'directory' ? 'directory' : 'other'
}
