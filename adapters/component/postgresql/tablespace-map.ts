import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { replaceFile } from './owned-files.ts'

/**
 * Points a restored copy's tablespaces to new directories. The map beats the links when the server starts: left
 * as it is, the copy would use the tablespaces of the server it was taken from.
 * @throws MusterError ManifestInvalid when the map names other tablespaces than the backup's manifest
 */
export async function rewriteTablespaceMap(
  directory: string,
  tablespaceDirectories: Readonly<Record<string, string>>,
  user: string | undefined,
): Promise<void> {
  const path = join(directory, 'tablespace_map')
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const mapped = oidsIn(text)
  const wanted = Object.keys(tablespaceDirectories)
  if ([...mapped].sort().join() !== [...wanted].sort().join()) {
    throw new MusterError('ManifestInvalid', `the backup's tablespace_map names ${mapped.join(', ') || 'none'}, its manifest ${wanted.join(', ') || 'none'}`)
  }
  if (mapped.length === 0) return
  const lines = mapped.map((oid) => `${oid} ${escapePath(tablespaceDirectories[oid] as string)}\n`)
  await replaceFile(path, lines.join(''), user)
}

/** Line ends inside a path are escaped with a backslash, so a line begins only after one that is not. */
function oidsIn(text: string): readonly string[] {
  return text
    .split(/(?<!\\)\n/)
    .filter((line) => line !== '')
    .map((line) => {
      const oid = /^(\d+) /.exec(line)?.[1]
      if (oid === undefined) throw new MusterError('ManifestInvalid', "the backup's tablespace_map has a line without an oid")
      return oid
    })
}

function escapePath(path: string): string {
  return path.replace(/[\n\r\\]/g, '\\$&')
}
