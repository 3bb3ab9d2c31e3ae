import type { BigIntStats } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { MusterError } from '../../../domain/failures.ts'
import { decodePath, encodePath, rootPath } from '../../../domain/tree-path.ts'
import type { PathPatterns } from '../../../domain/tree-patterns.ts'
import { isSetAsideFolder, shownFullPath } from './path-patterns.ts'
import { fileRootEntryPath, type TreeRoot } from './roots.ts'
import { codeOf, throwIfCancelled } from './tree-failures.ts'

/** A name that was found, with what `lstat` said. */
export interface FoundEntry {
  readonly path: string
  readonly type: 'file' | 'directory' | 'symlink'
  readonly sizeBytes: number
  /** What it takes on the disk. */
  readonly allocatedBytes: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: bigint
  readonly ctime: bigint
  readonly inode: string
  /** Names of this file, in the tree or elsewhere. */
  readonly names: number
  readonly linkTarget?: string
}

/** What a walk passed by. Counted while it goes on. */
export interface WalkCounts {
  /** Sockets, fifos and devices. */
  special: number
  excluded: number
  /** Full paths. */
  readonly unreadable: Set<string>
  vanished: number
  /** Directories on which another filesystem is mounted: they are found, what is in them is not. */
  readonly otherFilesystems: string[]
}

export interface WalkRules {
  readonly excluded?: PathPatterns
  readonly allowUnreadable?: PathPatterns
  readonly signal?: AbortSignal | undefined
}

const statsAtOnce = 32

export function newWalkCounts(): WalkCounts {
  return { special: 0, excluded: 0, unreadable: new Set(), vanished: 0, otherFilesystems: [] }
}

/**
 * All names of a root, directories before what is in them, names in the order of their bytes. Links are not
 * followed and other filesystems not entered.
 * @throws MusterError SourceUnreadable naming the first path that cannot be read and need be
 */
export async function* walkTree(root: TreeRoot, rules: WalkRules, counts: WalkCounts): AsyncGenerator<FoundEntry> {
  const start = root.type === 'file' ? fileRootEntryPath(root) : rootPath
  const top = await look(root, start, rules, counts)
  if (!top) throw new MusterError('SourceUnreadable', `${root.path} does not exist`)
  yield top
  if (root.type === 'file') return
  const open: { entries: AsyncGenerator<FoundEntry> }[] = [{ entries: lookInto(root, rootPath, rules, counts) }]
  for (let at = open.at(-1); at; at = open.at(-1)) {
    const next = await at.entries.next()
    if (next.done) {
      open.pop()
      continue
    }
    yield next.value
    if (isEntered(root, next.value, counts)) open.push({ entries: lookInto(root, next.value.path, rules, counts) })
  }
}

/** The bytes of a place on the disk, for system calls. */
export function diskPath(base: string, path: string): Buffer {
  const start = Buffer.from(base)
  return path === rootPath ? start : Buffer.concat([start, Buffer.from('/'), encodePath(path)])
}

/**
 * What is at a place now, or null when nothing is. Sockets, fifos and devices are `special`.
 * @throws MusterError SourceUnreadable
 */
export async function lookAt(base: string, path: string): Promise<FoundEntry | 'special' | null> {
  try {
    const stats = await lstat(diskPath(base, path), { bigint: true })
    const type = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'symlink' : null
    if (type === null) return 'special'
    if (type !== 'symlink') return foundEntry(path, type, stats)
    const linkTarget = decodePath(await readlink(diskPath(base, path), { encoding: 'buffer' }))
    return { ...foundEntry(path, type, stats), linkTarget }
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw new MusterError('SourceUnreadable', `${shownFullPath(base, path)} cannot be looked at (${code})`, {
      cause: error,
    })
  }
}

/** `lookAt` for many paths, in their order. */
export async function lookAtAll(base: string, paths: readonly string[]): Promise<(FoundEntry | 'special' | null)[]> {
  const found: (FoundEntry | 'special' | null)[] = []
  for (let at = 0; at < paths.length; at += statsAtOnce) {
    found.push(...(await Promise.all(paths.slice(at, at + statsAtOnce).map((path) => lookAt(base, path)))))
  }
  return found
}

function foundEntry(path: string, type: FoundEntry['type'], stats: BigIntStats): FoundEntry {
  return {
    path,
    type,
    sizeBytes: type === 'file' ? Number(stats.size) : 0,
    allocatedBytes: Number(stats.blocks) * 512,
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtime: stats.mtimeNs,
    ctime: stats.ctimeNs,
    inode: `${stats.dev}:${stats.ino}`,
    names: type === 'directory' ? 1 : Number(stats.nlink),
  }
}

async function* lookInto(root: TreeRoot, directory: string, rules: WalkRules, counts: WalkCounts): AsyncGenerator<FoundEntry> {
  const names = await namesIn(root, directory, rules, counts)
  const prefix = directory === rootPath ? '' : `${directory}/`
  for (let at = 0; at < names.length; at += statsAtOnce) {
    throwIfCancelled(rules.signal, `reading ${root.path}`)
    const looks = names.slice(at, at + statsAtOnce).map((name) => look(root, prefix + decodePath(name), rules, counts))
    for (const entry of await Promise.all(looks)) if (entry) yield entry
  }
}

async function namesIn(root: TreeRoot, directory: string, rules: WalkRules, counts: WalkCounts): Promise<Buffer[]> {
  try {
    return (await readdir(diskPath(root.base, directory), { encoding: 'buffer' })).sort(Buffer.compare)
  } catch (error) {
    return passBy(error, root, directory, rules, counts) ?? []
  }
}

async function look(root: TreeRoot, path: string, rules: WalkRules, counts: WalkCounts): Promise<FoundEntry | null> {
  if (path !== rootPath && rules.excluded?.(root.path, path)) {
    counts.excluded++
    return null
  }
  try {
    const found = await lookAt(root.base, path)
    if (found === null) counts.vanished++
    else if (found === 'special') counts.special++
    else if (found.type === 'directory' && isSetAsideFolder(path.slice(path.lastIndexOf('/') + 1))) counts.excluded++
    else return found
    return null
  } catch (error) {
    return passBy(error, root, path, rules, counts)
  }
}

/** Counts what may be missing; throws for everything else. */
function passBy(error: unknown, root: TreeRoot, path: string, rules: WalkRules, counts: WalkCounts): null {
  const code = codeOf(error)
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    counts.vanished++
    return null
  }
  if (code === '') throw error
  if (rules.allowUnreadable?.(root.path, path)) {
    counts.unreadable.add(shownFullPath(root.path, path))
    return null
  }
  throw new MusterError('SourceUnreadable', `${shownFullPath(root.path, path)} cannot be read (${code})`, {
    cause: error,
  })
}

function isEntered(root: TreeRoot, entry: FoundEntry, counts: WalkCounts): boolean {
  if (entry.type !== 'directory') return false
  if (entry.inode.startsWith(`${root.deviceId}:`)) return true
  counts.otherFilesystems.push(entry.path)
  return false
}
