/** Walks a folder as if it were a flat space of keys, in the order of their bytes. */
import type { Dirent } from 'node:fs'
import { join } from 'node:path'
import { MusterError } from '../../domain/failures.ts'
import { filesAt } from './answering-files.ts'
import { isAbsent } from './directory-failures.ts'
import { compareBytewise, isReserved } from './object-key.ts'
import type { ObjectStat } from './store.ts'

/**
 * Everything whose key begins with a prefix. What vanishes meanwhile is left out: the caller
 * proves afterwards that the store itself did not. Other errors are thrown as they are.
 */
export async function* listFolder(root: string, prefix: string): AsyncGenerator<ObjectStat> {
  yield* walk(root, prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix)
}

/** @param folder empty for the root, else ending in `/` */
async function* walk(root: string, folder: string, prefix: string): AsyncGenerator<ObjectStat> {
  for (const key of await keysIn(root, folder)) {
    // a folder's key ends in / and may go on like the prefix only when it holds all of it: the walk starts in its folder
    if (!key.startsWith(prefix)) continue
    if (key.endsWith('/')) yield* walk(root, key, prefix)
    else {
      const found = await statObject(root, key)
      if (found) yield found
    }
  }
}

/** Names directly below a folder as keys; a folder's ends in `/`, which is also how it sorts among the others. */
async function keysIn(root: string, folder: string): Promise<string[]> {
  const entries = await filesAt(root)
    .entries(join(root, folder))
    .catch((error: unknown) => {
      if (isAbsent(error)) return [] as Dirent[]
      throw error
    })
  const keys: string[] = []
  for (const entry of entries) {
    if (folder === '' && isReserved(entry.name)) continue
    if (entry.isSymbolicLink()) throw linkFound(root, folder + entry.name)
    if (entry.isDirectory()) keys.push(`${folder}${entry.name}/`)
    if (entry.isFile()) keys.push(folder + entry.name)
  }
  return keys.sort(compareBytewise)
}

/** Null when there is no such object. Errors other than absence are thrown as they are. */
export async function statObject(root: string, key: string): Promise<ObjectStat | null> {
  const facts = await filesAt(root)
    .lstat(join(root, key))
    .catch((error: unknown) => {
      if (isAbsent(error)) return null
      throw error
    })
  if (facts?.isSymbolicLink()) throw linkFound(root, key)
  if (!facts?.isFile()) return null
  return { key, sizeBytes: facts.size, modifiedAt: facts.mtime.toISOString(), takenAt: facts.ctime.toISOString() }
}

/** To leave it out would make a listing shorter than what is there; to follow it could lead anywhere. */
function linkFound(root: string, key: string): MusterError {
  return new MusterError('PreconditionFailed', `${join(root, key)} is a symbolic link; a store holds files and folders only`, {
    hint: 'put what it points to in its place',
  })
}
