/** A plain folder behind the store port, for tests of what stands on a store; out while a file `OUT` lies in it. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, link, mkdir, open, readFile, readdir, rm, stat } from 'node:fs/promises'
import { createReadStream } from 'node:fs'
import { dirname, join } from 'node:path'
import { once } from 'node:events'
import type { Store } from '../../adapters/store/store.ts'
import { MusterError } from '../../domain/failures.ts'

export function createFolderStore(name: string, root: string): Store {
  const path = (key: string) => {
    if (existsSync(join(root, 'OUT'))) throw new MusterError('Unreachable', `the store ${name} is out`)
    return join(root, key)
  }
  const create = async (key: string, write: (temporary: string) => Promise<void>) => {
    const target = path(key)
    await mkdir(dirname(target), { recursive: true })
    const temporary = join(root, `.tmp-${process.pid}-${Math.random()}`)
    try {
      await write(temporary)
      await link(temporary, target)
      return 'created' as const
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return 'exists' as const
      throw error
    } finally {
      await rm(temporary, { force: true })
    }
  }
  const missing = (key: string) => new MusterError('ObjectMissing', `${key} is not in ${name}`)
  return {
    name,
    putFile: (key, file) =>
      create(key, async (temporary) => {
        await copyFile(file.path, temporary)
        const sha256 = createHash('sha256')
          .update(await readFile(temporary))
          .digest('hex')
        if (sha256 !== file.sha256) throw new MusterError('ChecksumMismatch', `${key} arrived changed`)
      }),
    putBytes: (key, bytes) =>
      create(key, async (temporary) => {
        const handle = await open(temporary, 'wx')
        try {
          await handle.writeFile(bytes)
        } finally {
          await handle.close()
        }
      }),
    async stat(key) {
      const facts = await stat(path(key)).catch(() => null)
      return facts && { key, sizeBytes: facts.size, modifiedAt: facts.mtime.toISOString() }
    },
    async read(key) {
      if (!existsSync(path(key))) throw missing(key)
      const stream = createReadStream(path(key))
      await once(stream, 'open')
      return stream
    },
    async readBytes(key) {
      return readFile(path(key)).catch(() => Promise.reject(missing(key)))
    },
    async *list(prefix) {
      const names = await readdir(path(''), { recursive: true, withFileTypes: true })
      const keys = names.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name).slice(root.length + 1))
      for (const key of keys.filter((one) => one.startsWith(prefix)).sort()) yield { key, sizeBytes: 0, modifiedAt: '' }
    },
    async remove(key) {
      await rm(path(key), { force: true })
    },
    sweepUnfinished: async () => 0,
    place: async () => root,
    probe: async () => ({ reachable: true, writable: true, freeBytes: null, place: root, problem: null }),
  }
}
