/** The root of a directory store: there, and on a mount of its own where the config says so. */
import { join } from 'node:path'
import type { DirectoryStoreConfig } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import { filesAt } from './answering-files.ts'
import { explain, isAbsent } from './directory-failures.ts'

export interface DirectoryRoot {
  readonly path: string
  /** What tells this filesystem and folder from another one that appears at the same path. */
  readonly device: number
  readonly inode: number
}

/**
 * Makes the store's folder, for its owner only. Idempotent. Nothing is made where the store
 * must be a mount: that is for whoever mounts it.
 * @throws MusterError StoreReadOnly; DiskFull; Unreachable
 */
export async function createDirectoryStoreRoot(config: DirectoryStoreConfig): Promise<void> {
  if (config.mountRequired) return
  try {
    await filesAt(config.path).mkdir(config.path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw await explain(error, config.path, 'making the folder', true)
  }
}

/** @throws MusterError StoreNotMounted; Unreachable when there is no folder; what explain() says */
export async function findRoot(config: DirectoryStoreConfig): Promise<DirectoryRoot> {
  const files = filesAt(config.path)
  const facts = await files.stat(config.path).catch(async (error: unknown) => {
    if (!isAbsent(error)) throw await explain(error, config.path, 'looking for the root', false)
    if (config.mountRequired) throw notMounted(config.path)
    throw new MusterError('Unreachable', `the store's folder ${config.path} is not there`, {
      cause: error,
      hint: 'mount it, or where it is new make it with: muster apply',
    })
  })
  if (!facts.isDirectory()) throw new MusterError('PreconditionFailed', `${config.path} is not a folder`)
  if (config.mountRequired) {
    const parent = await files.stat(join(config.path, '/') + '..')
    if (parent.dev === facts.dev) throw notMounted(config.path)
  }
  return { path: config.path, device: facts.dev, inode: facts.ino }
}

/**
 * Proves that what was not found was absent, and not that the store went away meanwhile.
 * @throws MusterError as findRoot; Unreachable when another filesystem has appeared at the path
 */
export async function proveSameRoot(config: DirectoryStoreConfig, before: DirectoryRoot): Promise<void> {
  const now = await findRoot(config)
  if (now.device === before.device && now.inode === before.inode) return
  throw new MusterError('Unreachable', `the store at ${config.path} was mounted or unmounted meanwhile`)
}

export function notMounted(path: string): MusterError {
  return new MusterError('StoreNotMounted', `nothing is mounted at ${path}`)
}
