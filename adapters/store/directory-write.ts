/** Create-only, durable writes into a folder: by link(2), which makes a name only where there is none. */
import { createHash } from 'node:crypto'
import { type FileHandle, constants, lstat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MusterError } from '../../domain/failures.ts'
import { filesAt } from './answering-files.ts'
import { codeOf } from './directory-failures.ts'
import { type DirectoryRoot, notMounted } from './directory-root.ts'
import { temporaryFolder } from './object-key.ts'
import { openSource, proveSource, readPieces, verifySource } from './source-file.ts'
import type { PutFile, PutOutcome, TransferOptions } from './store.ts'
import { isLeftover, releaseTemporaryName, reserveTemporaryName } from './temporary-name.ts'

/** What link(2) answers where it cannot work between these two places, though a copy may. */
const cannotLink: ReadonlySet<string> = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EACCES'])

/** As Store.putFile. Errors of the filesystem are thrown as they are. */
export async function putFileInto(root: DirectoryRoot, key: string, file: PutFile, options: TransferOptions): Promise<PutOutcome> {
  if (await isThere(root, key)) return confirmSame(root, key, file, options)
  const source = await openSource(file)
  try {
    const linked = await linkSource(root, key, file, source, options)
    const outcome = linked ?? (await copySource(root, key, file, source, options))
    if (outcome === 'exists') return await confirmSame(root, key, file, options)
    options.onProgress?.(file.sizeBytes)
    return outcome
  } finally {
    await source.close()
  }
}

/** As Store.putBytes. Errors of the filesystem are thrown as they are. */
export async function putBytesInto(root: DirectoryRoot, key: string, bytes: Uint8Array): Promise<PutOutcome> {
  if (await isThere(root, key)) {
    await flushNames(root, key)
    return 'exists'
  }
  return createByCopy(root, key, (copy) => copy.writeFile(bytes))
}

/** Null when only a copy can do it: on another filesystem, or of a file that someone else could go on writing to. */
async function linkSource(root: DirectoryRoot, key: string, file: PutFile, source: FileHandle, options: TransferOptions): Promise<PutOutcome | null> {
  const facts = await source.stat()
  const named = await lstat(file.path)
  if (facts.dev !== root.device || named.ino !== facts.ino || facts.uid !== process.geteuid?.()) return null
  await verifySource(source, file, options)
  await source.sync()
  await makeParents(root, key)
  const outcome = await linkNew(root, file.path, join(root.path, key), facts.ino).catch((error: unknown) => {
    if (cannotLink.has(codeOf(error))) return null
    throw error
  })
  if (outcome !== 'created') return outcome
  const linked = await filesAt(root.path).lstat(join(root.path, key))
  if (linked.ino !== facts.ino || linked.dev !== facts.dev) {
    await filesAt(root.path).rm(join(root.path, key))
    throw new MusterError('ChecksumMismatch', `${file.path} was replaced while it was copied`)
  }
  const now = new Date()
  await source.chmod(0o600)
  await source.utimes(now, now)
  await source.sync()
  await flushNames(root, key)
  return outcome
}

async function copySource(root: DirectoryRoot, key: string, file: PutFile, source: FileHandle, options: TransferOptions): Promise<PutOutcome> {
  return createByCopy(root, key, async (copy) => {
    const hash = createHash('sha256')
    let written = 0
    for await (const piece of readPieces(source, file, options.signal)) {
      hash.update(piece)
      await copy.writeFile(piece)
      written += piece.length
      options.onProgress?.(written)
    }
    proveSource(hash, file)
  })
}

async function createByCopy(root: DirectoryRoot, key: string, write: (copy: FileHandle) => Promise<void>): Promise<PutOutcome> {
  const folder = join(root.path, temporaryFolder)
  await filesAt(root.path)
    .mkdir(folder, { mode: 0o700 })
    .catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
  await removeLeftovers(root, folder, key)
  const name = reserveTemporaryName(key)
  const temporary = join(folder, name)
  try {
    const inode = await writeTemporary(root, temporary, write)
    await makeParents(root, key)
    const outcome = await linkNew(root, temporary, join(root.path, key), inode).catch((error: unknown) => {
      throw cannotLink.has(codeOf(error)) ? withoutLinks(root, error) : error
    })
    await flushNames(root, key)
    return outcome
  } finally {
    await filesAt(root.path)
      .rm(temporary, { force: true })
      .finally(() => releaseTemporaryName(name))
  }
}

/** @returns the inode of the flushed file */
async function writeTemporary(root: DirectoryRoot, path: string, write: (copy: FileHandle) => Promise<void>): Promise<number> {
  const copy = await filesAt(root.path).open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    const facts = await copy.stat()
    // the store may have been unmounted since it was looked for: then this is the empty mount point
    if (facts.dev !== root.device) throw notMounted(root.path)
    await write(copy)
    await copy.sync()
    return facts.ino
  } finally {
    await copy.close()
  }
}

/** Where no name can be made that is not there yet, a retry could overwrite: such a filesystem keeps no backups. */
function withoutLinks(root: DirectoryRoot, cause: unknown): MusterError {
  const hint = 'use a filesystem with hard links, such as ext4, XFS or NFS'
  return new MusterError('PreconditionFailed', `no hard link can be made in the store at ${root.path}: ${codeOf(cause)}`, { cause, hint })
}

async function removeLeftovers(root: DirectoryRoot, folder: string, key: string): Promise<void> {
  for (const name of await filesAt(root.path).names(folder)) {
    if (isLeftover(name, key)) await filesAt(root.path).rm(join(folder, name), { force: true })
  }
}

/** A file server may repeat a request whose answer was lost: a name that is there already can be the one just made. */
async function linkNew(root: DirectoryRoot, from: string, to: string, inode: number): Promise<PutOutcome> {
  try {
    await filesAt(root.path).link(from, to)
    return 'created'
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    const there = await filesAt(root.path).lstat(to)
    return there.ino === inode ? 'created' : 'exists'
  }
}

/** Whatever the first writer had not yet flushed when it died is flushed here. */
async function confirmSame(root: DirectoryRoot, key: string, file: PutFile, options: TransferOptions): Promise<PutOutcome> {
  const path = join(root.path, key)
  const changed = (what: string) => new MusterError('ChecksumMismatch', `${key} is already in the store at ${root.path} with other content: ${what}`)
  const facts = await filesAt(root.path).lstat(path)
  if (!facts.isFile()) throw changed('it is not a file')
  if (facts.size !== file.sizeBytes) throw changed(`${facts.size} bytes, not ${file.sizeBytes}`)
  const there = await filesAt(root.path).open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const hash = createHash('sha256')
    let compared = 0
    for await (const piece of readPieces(there, { ...file, path }, options.signal)) {
      hash.update(piece)
      compared += piece.length
      options.onProgress?.(compared)
    }
    const found = hash.digest('hex')
    if (found !== file.sha256) throw changed(`SHA-256 ${found}, not ${file.sha256}`)
    await there.sync()
  } finally {
    await there.close()
  }
  await flushNames(root, key)
  options.onProgress?.(file.sizeBytes)
  return 'exists'
}

async function isThere(root: DirectoryRoot, key: string): Promise<boolean> {
  return filesAt(root.path)
    .lstat(join(root.path, key))
    .then(
      () => true,
      (error: unknown) => {
        if (codeOf(error) === 'ENOENT') return false
        throw error
      },
    )
}

async function makeParents(root: DirectoryRoot, key: string): Promise<void> {
  // not recursive from the root's parent on: a root that went away must not be made again
  const names = key.split('/').slice(0, -1)
  for (let depth = 1; depth <= names.length; depth += 1) {
    await filesAt(root.path)
      .mkdir(join(root.path, ...names.slice(0, depth)), { mode: 0o700 })
      .catch((error: unknown) => {
        if (codeOf(error) !== 'EEXIST') throw error
      })
  }
}

/** Flushes the folder of a key and each one above it: any of them may be new, made by this put or by one that died. */
async function flushNames(root: DirectoryRoot, key: string): Promise<void> {
  for (let folder = dirname(key); ; folder = dirname(folder)) {
    const handle = await filesAt(root.path).open(join(root.path, folder), 'r')
    try {
      await handle.sync()
    } catch (error) {
      if (codeOf(error) !== 'EINVAL') throw error // some file servers have nothing to flush for a folder
    } finally {
      await handle.close()
    }
    if (folder === '.') return
  }
}
