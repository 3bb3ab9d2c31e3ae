/** The store that is a folder: a local disk, or a NAS that the host has mounted. */
import { randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'
import { constants, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { DirectoryStoreConfig } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import { type AnsweringFiles, filesAt } from './answering-files.ts'
import { explain, isAbsent } from './directory-failures.ts'
import { listFolder, statObject } from './directory-list.ts'
import { type DirectoryRoot, findRoot, proveSameRoot } from './directory-root.ts'
import { putBytesInto, putFileInto } from './directory-write.ts'
import { guardStream } from './guarded-stream.ts'
import { networkSource } from './mount-source.ts'
import { checkKey, checkPrefix, temporaryFolder } from './object-key.ts'
import { checkSmall, missing, readAtMost, smallObjectBytes } from './small-object.ts'
import type { ObjectStat, PutFile, PutOutcome, Store, StoreProbe, TransferOptions } from './store.ts'
import { mayBeBelow } from './temporary-name.ts'

export { createDirectoryStoreRoot } from './directory-root.ts'

/**
 * A store in a folder of this host. Keys are paths below it; nothing is opened before the first call.
 * Every call throws MusterError StoreNotMounted, or Unreachable where the folder is not there, or where its file system hangs:
 * after 20 s, and then at once until it has answered.
 */
export function createDirectoryStore(name: string, config: DirectoryStoreConfig, options: { readonly answerSeconds?: number } = {}): Store {
  return new DirectoryStore(name, config, filesAt(config.path, options.answerSeconds))
}

class DirectoryStore implements Store {
  readonly name: string
  private readonly config: DirectoryStoreConfig
  private readonly files: AnsweringFiles

  constructor(name: string, config: DirectoryStoreConfig, files: AnsweringFiles) {
    this.name = name
    this.config = config
    this.files = files
  }

  async putFile(key: string, file: PutFile, options: TransferOptions = {}): Promise<PutOutcome> {
    checkKey(key)
    return this.at(`writing ${key}`, true, (root) => putFileInto(root, key, file, options))
  }

  async putBytes(key: string, bytes: Uint8Array): Promise<PutOutcome> {
    checkKey(key)
    checkSmall(key, bytes)
    return this.at(`writing ${key}`, true, (root) => putBytesInto(root, key, bytes))
  }

  async stat(key: string): Promise<ObjectStat | null> {
    checkKey(key)
    return this.at(`looking for ${key}`, false, async (root) => {
      const found = await statObject(root.path, key)
      if (!found) await proveSameRoot(this.config, root)
      return found
    })
  }

  async read(key: string, options: { readonly signal?: AbortSignal } = {}): Promise<Readable> {
    const { handle } = await this.open(key)
    const doing = `reading ${key}`
    const stream = handle.createReadStream({ highWaterMark: 1024 * 1024 })
    return guardStream(stream, (error) => explain(error, this.config.path, doing, false), doing, options.signal)
  }

  async readBytes(key: string, maxBytes = smallObjectBytes): Promise<Buffer> {
    const { handle } = await this.open(key)
    try {
      return await readAtMost(key, this.name, handle.createReadStream({ autoClose: false }), maxBytes)
    } catch (error) {
      throw await explain(error, this.config.path, `reading ${key}`, false)
    } finally {
      await handle.close()
    }
  }

  async *list(prefix: string): AsyncGenerator<ObjectStat> {
    checkPrefix(prefix)
    const root = await findRoot(this.config)
    try {
      yield* listFolder(root.path, prefix)
    } catch (error) {
      throw await explain(error, root.path, `listing ${prefix}`, false)
    }
    await proveSameRoot(this.config, root)
  }

  async remove(key: string): Promise<void> {
    checkKey(key)
    await this.at(`removing ${key}`, true, async (root) => {
      await this.files.rm(join(root.path, key)).catch((error: unknown) => {
        if (!isAbsent(error)) throw error
      })
      await proveSameRoot(this.config, root)
    })
  }

  async sweepUnfinished(prefix: string, before: Date): Promise<number> {
    checkPrefix(prefix)
    return this.at(`sweeping ${prefix}`, true, (root) => sweep(this.files, join(root.path, temporaryFolder), prefix, before))
  }

  async place(): Promise<string> {
    return this.at('looking where it lies', false, placeOf)
  }

  async probe(options: { readonly write: boolean }): Promise<StoreProbe> {
    let reached: { readonly freeBytes: number; readonly place: string } | null = null
    try {
      const root = await findRoot(this.config)
      const facts = await this.files.statfs(root.path)
      reached = { freeBytes: facts.bavail * facts.bsize, place: await placeOf(root) }
      await this.files.access(root.path, constants.R_OK | constants.W_OK | constants.X_OK)
      if (options.write) await this.tryWriting()
      return { reachable: true, writable: true, ...reached, problem: null }
    } catch (error) {
      const { message } = await explain(error, this.config.path, 'writing', true)
      const place = reached ?? { freeBytes: null, place: `path:${this.config.path}` }
      return { reachable: reached !== null, writable: false, ...place, problem: message }
    }
  }

  private async tryWriting(): Promise<void> {
    const key = `muster-probe-${randomBytes(8).toString('hex')}`
    await this.putBytes(key, Buffer.from('muster'))
    await this.remove(key)
  }

  private async open(key: string): Promise<{ readonly handle: FileHandle }> {
    checkKey(key)
    return this.at(`reading ${key}`, false, async (root) => {
      // not blocking: a pipe in the place of an object must not hold the caller
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
      const handle = await this.files.open(join(root.path, key), flags).catch(async (error: unknown) => {
        if (!isAbsent(error)) throw error
        await proveSameRoot(this.config, root)
        throw missing(key, this.name)
      })
      if ((await handle.stat()).isFile()) return { handle }
      await handle.close()
      throw missing(key, this.name)
    })
  }

  private async at<T>(doing: string, writing: boolean, act: (root: DirectoryRoot) => Promise<T>): Promise<T> {
    const root = await findRoot(this.config)
    try {
      return await act(root)
    } catch (error) {
      // where the root itself went away, that is the reason
      if (isAbsent(error) || error instanceof MusterError) await proveSameRoot(this.config, root)
      throw await explain(error, root.path, doing, writing)
    }
  }
}

async function placeOf(root: DirectoryRoot): Promise<string> {
  const source = await networkSource(root.path, filesAt(root.path).realpath)
  return source === null ? `device:${root.device}` : `network:${source}`
}

async function sweep(files: AnsweringFiles, folder: string, prefix: string, before: Date): Promise<number> {
  const names = await files.names(folder).catch((error: unknown) => {
    if (isAbsent(error)) return []
    throw error
  })
  let swept = 0
  for (const name of names) {
    if (!mayBeBelow(name, prefix)) continue
    const facts = await files.lstat(join(folder, name)).catch((error: unknown) => {
      if (isAbsent(error)) return null
      throw error
    })
    if (!facts || facts.mtime >= before) continue
    await files.rm(join(folder, name), { force: true })
    swept += 1
  }
  return swept
}
