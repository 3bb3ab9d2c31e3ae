import { MusterError } from '../../../domain/failures.ts'
import { isSameTime } from '../../../domain/file-times.ts'
import type { TreeEntry, TreeIndexRoot } from '../../../domain/tree-index.ts'
import { ancestorsOf, shownPath } from '../../../domain/tree-path.ts'
import { isRoot } from './extract-archive.ts'
import type { TreeIndex } from './list.ts'
import { isWanted, type TreeSelection } from './restore-plan.ts'
import { openRoots } from './roots.ts'
import { type FoundEntry, lookAt, newWalkCounts, walkTree } from './walk.ts'

const looksAtOnce = 32

export interface VerifiedTree {
  readonly entries: number
  readonly sizeBytes: number
}

/**
 * Holds a restored root against the index: every entry with type, size, mode, owner (as root), time and
 * links, and nothing else there.
 * @throws MusterError RestoreFailed naming the first difference
 */
export async function verifyTree(
  index: TreeIndex,
  root: TreeIndexRoot,
  directory: string,
  only: TreeSelection | undefined,
  signal: AbortSignal | undefined,
): Promise<VerifiedTree> {
  let entries = 0
  let sizeBytes = 0
  for await (const batch of batchesOf(wantedOf(index, root.root, only))) {
    await Promise.all(batch.map((entry) => verifyEntry(directory, entry)))
    entries += batch.length
    for (const entry of batch) sizeBytes += entry.sizeBytes
  }
  const unlisted = root.type === 'file' ? 1 : only ? ancestorsOf(only.path).length : 0
  const found = await countNames(directory, signal)
  if (found !== entries + unlisted) {
    throw new MusterError('RestoreFailed', `${directory} holds ${found - unlisted} names after the restore; the backup has ${entries}`)
  }
  return { entries, sizeBytes }
}

async function* wantedOf(index: TreeIndex, root: number, only: TreeSelection | undefined): AsyncGenerator<TreeEntry> {
  for await (const entry of index.entries()) if (entry.root === root && isWanted(entry, only)) yield entry
}

async function* batchesOf(entries: AsyncIterable<TreeEntry>): AsyncGenerator<TreeEntry[]> {
  let batch: TreeEntry[] = []
  for await (const entry of entries) {
    batch.push(entry)
    if (batch.length < looksAtOnce) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

async function verifyEntry(directory: string, entry: TreeEntry): Promise<void> {
  const found = await lookAt(directory, entry.path)
  const difference = await differenceOf(directory, entry, found)
  if (difference) throw new MusterError('RestoreFailed', `the restored ${shownPath(entry.path)} ${difference}`)
}

async function differenceOf(directory: string, entry: TreeEntry, found: FoundEntry | 'special' | null): Promise<string | null> {
  if (found === null) return 'is missing'
  if (found === 'special') return 'is neither a file, a directory nor a link'
  const type = entry.type === 'hardlink' ? 'file' : entry.type
  if (found.type !== type) return `is a ${found.type} instead of a ${type}`
  // Its attributes may be of a moment after the one at which tar read it.
  if (entry.changedWhileRead) return null
  if (entry.type === 'file' && found.sizeBytes !== entry.sizeBytes) return `has ${found.sizeBytes} bytes instead of ${entry.sizeBytes}`
  if (entry.type === 'symlink' && found.linkTarget !== entry.linkTarget) return 'links to another place'
  if (entry.type === 'hardlink') {
    const file = await lookAt(directory, entry.linkTarget as string)
    // Alone restored, without the other name, it is a file like any other.
    if (file !== null && file !== 'special' && file.inode !== found.inode) return `is not the same file as ${shownPath(entry.linkTarget as string)}`
  }
  return attributeDifference(entry, found)
}

function attributeDifference(entry: TreeEntry, found: FoundEntry): string | null {
  // Only root may set owners, and only owners may set these bits.
  const kept = isRoot() ? 0o7777 : 0o777
  if (entry.type !== 'symlink' && (found.mode & kept) !== (entry.mode & kept)) {
    return `has mode ${found.mode.toString(8)} instead of ${entry.mode.toString(8)}`
  }
  if (isRoot() && (found.uid !== entry.uid || found.gid !== entry.gid)) {
    return `belongs to ${found.uid}:${found.gid} instead of ${entry.uid}:${entry.gid}`
  }
  return isSameTime(found.mtime, BigInt(entry.mtime)) ? null : 'has another modification time'
}

async function countNames(directory: string, signal: AbortSignal | undefined): Promise<number> {
  const [root] = await openRoots([directory])
  const counts = newWalkCounts()
  let names = 0
  for await (const _entry of walkTree(root as NonNullable<typeof root>, { signal }, counts)) names++
  return names + counts.special + counts.excluded
}
