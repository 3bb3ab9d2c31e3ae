import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import type { TreeEntry } from '../../../domain/tree-index.ts'
import { ancestorsOf, parentOf, shownPath } from '../../../domain/tree-path.ts'
import type { WorkOptions } from '../component.ts'
import { only, startArchive } from './create-archive.ts'
import { restoreTimes } from './directory-times.ts'
import { extractArchive } from './extract-archive.ts'
import { placesFor } from './places-in-tree.ts'
import { openRoots } from './roots.ts'
import { asDiskFull } from './tree-failures.ts'
import { type FoundEntry, newWalkCounts, walkTree } from './walk.ts'

export interface NewerFilesRequest {
  /** The tree as it stood before the restore; a configured path or where it was set aside to by a rename. */
  readonly oldRoot: string
  /** The restored tree, not yet in its place. */
  readonly newRoot: string
  /** Number of the root in the index. */
  readonly root: number
  /** All entries of the backup that was restored; read once. */
  readonly index: AsyncIterable<TreeEntry>
  /** ISO-8601 UTC, from the manifest. */
  readonly backupStartedAt: string
  readonly target: Date | 'latest'
  /** Room for a compressed copy of the newer files. */
  readonly stagingDirectory: string
}

export interface NewerFiles {
  readonly copied: number
  readonly bytes: number
  /** The first 100 paths that were copied. */
  readonly list: readonly string[]
  /** Newer files that have no place in the restored tree, because something else than a directory is in the way. */
  readonly blocked: readonly string[]
}

const longestList = 100

/**
 * Copies into a restored tree the files and links of the old one that are not in the backup's index and
 * whose ctime lies after the backup's start and at or before the target, with owners, modes, times,
 * attributes, holes, links among themselves, and the parent directories that the backup has not. What the
 * backup holds is not overwritten and no link is followed. May be called again after a crash, and comes to the same.
 * @throws MusterError SourceUnreadable | SourceChanged (retry) | DiskFull | CommandFailed | Cancelled
 */
export async function copyNewerFiles(request: NewerFilesRequest, options: WorkOptions = {}): Promise<NewerFiles> {
  const candidates = await newerThanBackup(request, options)
  const times = await keepUnknown(request, candidates)
  const { files, directories, blocked } = await placesFor(request.newRoot, [...candidates.values()], (path) => times.has(path))
  if (files.length > 0) await copy(request, [...files.map((file) => file.path), ...directories], options)
  const filled = new Set([...directories, ...files.map(({ path }) => path)].map(parentOf))
  await restoreTimes(request.newRoot, filled, times)
  const inodes = new Map(files.map((file) => [file.inode, file.sizeBytes]))
  return {
    copied: files.length,
    bytes: [...inodes.values()].reduce((sum, size) => sum + size, 0),
    list: files.slice(0, longestList).map((file) => file.path),
    blocked: blocked.slice(0, longestList),
  }
}

/** Leaves only what the backup has not. @returns the times of directories of the backup on the way to what was found */
async function keepUnknown(request: NewerFilesRequest, candidates: Map<string, FoundEntry>): Promise<ReadonlyMap<string, string>> {
  const above = new Set([...candidates.keys()].flatMap(ancestorsOf))
  const times = new Map<string, string>()
  for await (const { root, type, path, mtime } of request.index) {
    if (root !== request.root) continue
    candidates.delete(path)
    if (type === 'directory' && above.has(path)) times.set(path, mtime)
  }
  return times
}

async function newerThanBackup(request: NewerFilesRequest, options: WorkOptions): Promise<Map<string, FoundEntry>> {
  const after = nanoseconds(new Date(request.backupStartedAt))
  const until = request.target === 'latest' ? null : nanoseconds(request.target)
  const candidates = new Map<string, FoundEntry>()
  const [root] = await openRoots([request.oldRoot])
  if (!root || root.type === 'file') return candidates
  for await (const entry of walkTree(root, { signal: options.signal }, newWalkCounts())) {
    if (entry.type === 'directory' || entry.ctime <= after || (until !== null && entry.ctime > until)) continue
    candidates.set(entry.path, entry)
  }
  return candidates
}

function nanoseconds(time: Date): bigint {
  if (Number.isNaN(time.getTime())) throw new MusterError('InvalidInput', 'a time of the backup or the target is not a time')
  return BigInt(time.getTime()) * 1_000_000n
}

/** By way of an archive: tar keeps everything that is to be kept, and takes names that arguments cannot carry. */
async function copy(request: NewerFilesRequest, paths: readonly string[], options: WorkOptions): Promise<void> {
  const file = join(request.stagingDirectory, `newer-${randomUUID()}.tar.zst`)
  const tools = only(options, ['label', 'signal'])
  try {
    const { report } = startArchive({ ...tools, base: request.oldRoot, paths, stdout: { file } })
    const { members } = await report
    const lost = paths.find((path) => !members.has(path))
    if (lost !== undefined) throw new MusterError('SourceChanged', `${shownPath(lost)} vanished from ${request.oldRoot} while it was copied`)
    await extractArchive(file, request.newRoot, undefined, options)
  } catch (error) {
    throw asDiskFull(error, request.stagingDirectory)
  } finally {
    await rm(file, { force: true })
  }
}
