import { randomUUID } from 'node:crypto'
import { lstat, readdir, rename, rm, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import type { TreeEntry } from '../../../domain/tree-index.ts'
import { parentOf, rootPath, shownPath } from '../../../domain/tree-path.ts'
import type { LeftOut, RuledRoot } from '../../../domain/tree-rules.ts'
import type { WorkOptions } from '../component.ts'
import { exceptOwn, isThere } from './compare-tree.ts'
import { only, startArchive } from './create-archive.ts'
import { restoreTimes } from './directory-times.ts'
import { extractArchive } from './extract-archive.ts'
import { placesFor } from './places-in-tree.ts'
import { fileRootEntryPath, openRoots, type TreeRoot } from './roots.ts'
import { asDiskFull, codeOf } from './tree-failures.ts'
import { diskPath, type FoundEntry, newWalkCounts, walkTree } from './walk.ts'

export interface CarryRequest {
  /** The tree as it stands; it is only read. */
  readonly oldRoot: string
  /** A name directly in it that is not of the tree. */
  readonly ownEntry: string | null
  /** Of a root that is one file, its path in the index and in the restored tree; null of a directory. */
  readonly fileName: string | null
  /** The restored tree, not yet in its place. */
  readonly newRoot: string
  /** Number of the root in the index. */
  readonly number: number
  readonly root: RuledRoot
  readonly leftOut: LeftOut
  /** Of the whole backup; read once, for its directories. */
  readonly index: AsyncIterable<TreeEntry>
  /** Room for a compressed copy of what is carried over. */
  readonly stagingDirectory: string
  /** Called before anything is changed, again and again. @throws MusterError EpochSuperseded */
  readonly mayAct: () => Promise<void>
}

export interface CarriedOver {
  /** Names of the backup that were taken out of the restored tree. */
  readonly leftOut: number
  /** Names that were carried over. */
  readonly carried: number
  readonly bytes: number
  /** Names that have no place, because something that is restored is in the way; they stay in the old tree. */
  readonly blocked: readonly string[]
  /** Sockets, fifos, devices and mounted filesystems where something was carried over: they are not. */
  readonly passedBy: number
  /**
   * A rule leaves out all of the path, and the target has nothing there, or something of another kind: what is there stays, and
   * the restored tree is not to be put in place.
   */
  readonly isNothing: boolean
}

/**
 * Makes what a rule leaves out, in a restored tree, what it is in the old one: there with all that it is, or absent. No
 * link is followed in either tree, and the old one is not changed. May be called again after a crash, and comes to the same.
 * @throws MusterError SourceUnreadable | SourceChanged (retry) | DiskFull | CommandFailed | Cancelled
 */
export async function carryOver(request: CarryRequest, options: WorkOptions = {}): Promise<CarriedOver> {
  const { times, touched } = await directoriesOf(request)
  const leftOut = await takeOut(request, touched, options)
  const counts = newWalkCounts()
  const old = await oldTree(request)
  const isNothing = !isTree(old) && (await isLeftOutWhole(request))
  const standing = isTree(old) ? await standingLeftOut(request, old, counts, options) : []
  const { files, directories, blocked } = isTree(old)
    ? await placesFor(request.newRoot, standing, (path) => times.has(path))
    : { files: [], directories: [], blocked: isNothing ? [] : await withoutPlace(request, old, counts, options) }
  const paths = [...directories, ...files.map(({ path }) => path)]
  if (isTree(old) && paths.length > 0) await copy(request, old, paths, options)
  for (const path of paths) touched.add(parentOf(path))
  // They are what they were at the target.
  for (const path of paths) touched.delete(path)
  await restoreTimes(request.newRoot, touched, times)
  const inodes = new Map(files.map((file) => [file.inode, file.sizeBytes]))
  return {
    leftOut,
    carried: paths.length,
    bytes: [...inodes.values()].reduce((sum, size) => sum + size, 0),
    blocked,
    passedBy: counts.special + counts.otherFilesystems.length,
    isNothing,
  }
}

interface BackupDirectories {
  /** By path, the modification time. */
  readonly times: ReadonlyMap<string, string>
  /** Those in which a rule leaves something out: an attempt that was killed may have taken it out already. */
  readonly touched: Set<string>
}

async function directoriesOf({ index, number, root, leftOut }: CarryRequest): Promise<BackupDirectories> {
  const times = new Map<string, string>()
  const touched = new Set<string>()
  for await (const { root: of, type, path, mtime } of index) {
    if (of !== number) continue
    if (type === 'directory') times.set(path, mtime)
    if (path !== rootPath && leftOut(root, path) !== null) touched.add(parentOf(path))
  }
  return { times, touched }
}

/** Nothing of the backup is left of a path that a rule leaves out whole. */
async function isLeftOutWhole({ fileName, newRoot, leftOut, root }: CarryRequest): Promise<boolean> {
  if (leftOut(root, fileName ?? rootPath) === null) return false
  return fileName === null ? (await readdir(newRoot)).length === 0 : !(await isThere(join(newRoot, fileName)))
}

/** The deepest first; a directory stays while something that is restored is in it. */
async function takeOut(request: CarryRequest, touched: Set<string>, options: WorkOptions): Promise<number> {
  const [root] = await openRoots([request.newRoot])
  const found: FoundEntry[] = []
  for await (const entry of walkTree(root as NonNullable<typeof root>, { signal: options.signal }, newWalkCounts())) {
    if (entry.path !== rootPath && request.leftOut(request.root, entry.path) !== null) found.push(entry)
  }
  let gone = 0
  for (const [at, { path, type }] of found.reverse().entries()) {
    if (at % 100 === 0) await request.mayAct()
    if (!(await remove(diskPath(request.newRoot, path), type))) continue
    touched.add(parentOf(path))
    gone++
  }
  return gone
}

async function remove(place: Buffer, type: FoundEntry['type']): Promise<boolean> {
  try {
    await (type === 'directory' ? rmdir(place) : unlink(place))
    return true
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error))) return false
    throw error
  }
}

/**
 * Null where the tree is lost: it has nothing to keep. `other` where something of another kind stands in its place: a file
 * where the backup has a directory, the other way round, or a link, which is not followed.
 */
type OldTree = TreeRoot | 'other' | null

function isTree(old: OldTree): old is TreeRoot {
  return old !== null && old !== 'other'
}

async function oldTree({ oldRoot, fileName }: CarryRequest): Promise<OldTree> {
  if (!(await isThere(oldRoot))) return null
  const found = await lstat(oldRoot)
  if (fileName === null ? !found.isDirectory() : !found.isFile()) return 'other'
  return (await openRoots([oldRoot]))[0] ?? null
}

/** What a rule leaves out of something that is of another kind than the restored tree: it will be in the safety set only. */
async function withoutPlace(request: CarryRequest, old: OldTree, counts: ReturnType<typeof newWalkCounts>, options: WorkOptions): Promise<readonly string[]> {
  if (old !== 'other') return []
  const found = await lstat(request.oldRoot)
  if (!found.isDirectory() && !found.isFile()) return [rootPath]
  const [tree] = await openRoots([request.oldRoot])
  return tree ? (await standingLeftOut(request, tree, counts, options)).map(({ path }) => path) : []
}

async function standingLeftOut(
  request: CarryRequest,
  old: TreeRoot,
  counts: ReturnType<typeof newWalkCounts>,
  options: WorkOptions,
): Promise<readonly FoundEntry[]> {
  const found: FoundEntry[] = []
  const rules = { signal: options.signal, excluded: exceptOwn(request.ownEntry) }
  for await (const entry of walkTree(old, rules, counts)) {
    const path = old.type === 'file' ? (request.fileName ?? rootPath) : entry.path
    if (request.leftOut(request.root, path) !== null) found.push({ ...entry, path })
  }
  return found
}

/** By way of an archive: tar keeps everything that is to be kept, and takes names that arguments cannot carry. */
async function copy(request: CarryRequest, old: TreeRoot, inTree: readonly string[], options: WorkOptions): Promise<void> {
  const file = join(request.stagingDirectory, `carried-${randomUUID()}.tar.zst`)
  try {
    const own = old.type === 'file' ? fileRootEntryPath(old) : null
    const paths = own === null ? inTree : [own]
    const { report } = startArchive({ ...only(options, ['label', 'signal']), base: old.base, paths, stdout: { file } })
    const { members } = await report
    const lost = paths.find((path) => !members.has(path))
    if (lost !== undefined) throw new MusterError('SourceChanged', `${shownPath(lost)} vanished from ${request.oldRoot} while it was carried over`)
    await request.mayAct()
    await extractArchive(file, request.newRoot, undefined, options)
    // The one file may have another name here.
    if (own !== null && own !== request.fileName) await rename(join(request.newRoot, own), join(request.newRoot, request.fileName as string))
  } catch (error) {
    throw asDiskFull(error, request.stagingDirectory)
  } finally {
    await rm(file, { force: true })
  }
}
