/**
 * Disposable copies of signed documents on the local disk. Documents never change, so a
 * cached one is as good as the store's; signatures are checked on every read, cached or not.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../adapters/store/store.ts'
import { documentLimitBytes } from './signed-document.ts'

export interface DocumentCache {
  read(store: Store, key: string): Promise<Buffer>
  forget(store: string): Promise<void>
}

export const noCache: DocumentCache = {
  read: (store, key) => store.readBytes(key, documentLimitBytes),
  forget: async () => {},
}

export function createDocumentCache(directory: string): DocumentCache {
  const folderOf = (store: string) => join(directory, store)
  return {
    async read(store, key) {
      const name = createHash('sha256').update(key).digest('hex')
      const path = join(folderOf(store.name), name.slice(0, 2), name)
      const cached = await readFile(path).catch(() => null)
      if (cached) return cached
      const bytes = await store.readBytes(key, documentLimitBytes)
      await mkdir(join(folderOf(store.name), name.slice(0, 2)), { recursive: true, mode: 0o700 })
      const temporary = `${path}.${randomBytes(4).toString('hex')}`
      await writeFile(temporary, bytes, { mode: 0o600 })
      await rename(temporary, path)
      return bytes
    },
    async forget(store) {
      await rm(folderOf(store), { recursive: true, force: true })
    },
  }
}
