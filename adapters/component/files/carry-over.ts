import { randomUUID } from 'node:crypto'
import { readdir, rename, rm, rmdir, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import type { TreeEntry } from '../../../domain/tree-index.ts'
import { ancestorsOf, parentOf, rootPath, shownPath } from '../../../domain/tree-path.ts'
import type { LeftOut, RuledRoot } from '../../../domain/tree-rules.ts'
import type { WorkOptions } from '../component.ts'
import { exceptOwn, isThere } from './compare-tree.ts'
import { only, startArchive } from './create-archive.ts'
import { extractArchive } from './extract-archive.ts'
import { fileRootEntryPath, openRoots, type TreeRoot } from './roots.ts'
import { asDiskFull, codeOf } from './tree-failures.ts'
import { diskPath, type FoundEntry, lookAt, newWalkCounts, walkTree } from './walk.ts'

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
  /** Of the whole backup; read once, for the times of directories. */
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
  /** Neither tree has anything: the restored one is not to be put in place. */
  readonly isNothing: boolean
}

/**
 * Makes what a rule leaves out, in a restored tree, what it is in the old one: there with all that it is, or absent. No
 * link is followed in either tree, and the old one is not changed. May be called again after a crash.
 * @throws MusterError SourceUnreadable | SourceChanged (retry) | DiskFull | CommandFailed | Cancelled
 */
export async function carryOver(request: CarryRequest, options: WorkOptions = {}): Promise<CarriedOver> {
  const touched = new Set<string>()
  const leftOut = await takeOut(request, touched, options)
  const counts = newWalkCounts()
  const old = await oldTree(request)
  const standing = old === null ? [] : await standingLeftOut(request, old, counts, options)
  const { files, directories, blocked } = isOther(request, old) ? noPlaceFor(standing) : await placesFor(request.newRoot, standing)
  const paths = [...directories, ...files.map(({ path }) => path)]
  if (old !== null && paths.length > 0) await copy(request, old, paths, options)
  for (const path of paths) touched.add(parentOf(path))
  for (const path of directories) touched.delete(path)
  await restoreTimes(request, touched)
  const inodes = new Map(files.map((file) => [file.inode, file.sizeBytes]))
  return {
    leftOut,
    carried: paths.length,
    bytes: [...inodes.values()].reduce((sum, size) => sum + size, 0),
    blocked,
    passedBy: counts.special + counts.otherFilesystems.length,
    isNothing: old === null && (await isLeftOutWhole(request)),
  }
}

async function isLeftOutWhole({ fileName, newRoot, leftOut, root }: CarryRequest): Promise<boolean> {
  return leftOut(root, fileName ?? rootPath) !== null && (await readdir(newRoot)).length === 0
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

/** Null where the tree is lost: it has nothing to keep. */
async function oldTree({ oldRoot }: CarryRequest): Promise<TreeRoot | null> {
  return (await isThere(oldRoot)) ? ((await openRoots([oldRoot]))[0] ?? null) : null
}

/** A file where the backup has a directory, or the other way round. */
function isOther({ fileName }: CarryRequest, old: TreeRoot | null): boolean {
  return old !== null && (old.type === 'file') !== (fileName !== null)
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

function noPlaceFor(standing: readonly FoundEntry[]): Places {
  return { files: [], directories: [], blocked: standing.map(({ path }) => path) }
}

interface Places {
  readonly files: readonly FoundEntry[]
  /** Of the old tree, those that are missing on the way to a file among them. */
  readonly directories: readonly string[]
  readonly blocked: readonly string[]
}

async function placesFor(newRoot: string, standing: readonly FoundEntry[]): Promise<Places> {
  const files: FoundEntry[] = []
  const directories = new Set<string>()
  const blocked: string[] = []
  const looked = new Map<string, 'directory' | 'missing' | 'other'>()
  const look = async (path: string): Promise<'directory' | 'missing' | 'other'> => {
    const known = looked.get(path)
    if (known) return known
    const found = await lookAt(newRoot, path)
    const kind = found === null ? 'missing' : found !== 'special' && found.type === 'directory' ? 'directory' : 'other'
    looked.set(path, kind)
    return kind
  }
  for (const entry of standing) {
    const above = ancestorsOf(entry.path)
    const kinds = await Promise.all(above.map(look))
    const own = await look(entry.path)
    const inTheWay = kinds.includes('other') || (entry.type === 'directory' ? own === 'other' : own === 'directory')
    if (inTheWay) {
      blocked.push(entry.path)
      continue
    }
    for (const [at, path] of above.entries()) if (kinds[at] === 'missing') directories.add(path)
    if (entry.type === 'directory') directories.add(entry.path)
    else files.push(entry)
  }
  return { files, directories: [...directories].sort(), blocked }
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

/** A directory whose content was changed here keeps the time that the backup knows of it, as far as numbers carry it. */
async function restoreTimes(request: CarryRequest, touched: ReadonlySet<string>): Promise<void> {
  if (touched.size === 0) return
  for await (const { root, type, path, mtime } of request.index) {
    if (root !== request.number || type !== 'directory' || !touched.has(path)) continue
    const seconds = Number(BigInt(mtime) / 1000n) / 1_000_000
    await utimes(diskPath(request.newRoot, path), seconds, seconds).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error
    })
  }
}
