import { fullPath } from '../../../domain/tree-patterns.ts'
import { shownPath } from '../../../domain/tree-path.ts'

/** The folders in which restores keep what they set aside, epochs and journals, beside a place or inside a mount point: never part of a backup. */
export function isSetAsideFolder(name: string): boolean {
  return name.startsWith('.muster-') || name.startsWith('pgsql_tmp.muster-')
}

/** `/srv/app` and `a/b` → `"/srv/app/a/b"`, for messages. */
export function shownFullPath(rootPath: string, path: string): string {
  return shownPath(fullPath(rootPath, path))
}
