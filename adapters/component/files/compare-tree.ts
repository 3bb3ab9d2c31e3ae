import { lstat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { type ComparedRoot, type ComparedTree, compareRoot, type Difference, differencesRead } from '../../../domain/tree-difference.ts'
import type { TreeEntry } from '../../../domain/tree-index.ts'
import { rootPath } from '../../../domain/tree-path.ts'
import type { PathPatterns } from '../../../domain/tree-patterns.ts'
import type { WorkOptions } from '../component.ts'
import { only } from './create-archive.ts'
import { isRoot } from './extract-archive.ts'
import { hashFiles } from './hash-files.ts'
import { openRoots } from './roots.ts'
import { codeOf } from './tree-failures.ts'
import { type FoundEntry, lookAt, newWalkCounts, walkTree } from './walk.ts'

export interface CompareRequest extends Pick<ComparedRoot, 'root' | 'leftOut' | 'substituted' | 'newer'> {
  /** Number of the root in the index. */
  readonly number: number
  /** What stands at the target now. */
  readonly directory: string
  /** Of the whole backup; read once. */
  readonly index: AsyncIterable<TreeEntry>
  /** A name directly in the directory that is not of the tree; null where there is none. */
  readonly ownEntry: string | null
  /** Of a root that is one file, its path in the index; null of a directory. */
  readonly fileName: string | null
  /** More names than this are not held against each other. */
  readonly mostNames: number
  /** Bytes of files of the same size and another time that are read. */
  readonly mostReadBytes: number
}

export interface ComparedFiles extends Pick<ComparedTree, 'same' | 'keptBytes'> {
  readonly differences: readonly Difference[]
  /** Sockets, fifos, devices and other filesystems at the target, which no restore brings along. */
  readonly passedBy: number
}

/**
 * Holds a root of a backup against what stands at its target, reading no more than it must. Changes nothing.
 * @throws MusterError SourceUnreadable | OutOfBounds (too many names) | ManifestInvalid | CommandFailed | Cancelled
 */
export async function compareTree(request: CompareRequest, options: WorkOptions = {}): Promise<ComparedFiles> {
  const { standing, passedBy } = await standingAt(request, options)
  const backup = new Map<string, TreeEntry>()
  for await (const entry of request.index) if (entry.root === request.number) add(backup, entry.path, entry, request)
  const compared = compareRoot({ ...request, backup, standing, owners: isRoot() })
  const read = [...compared.toRead].filter(([, { sha256 }]) => sha256 !== null)
  let bytes = 0
  const within = read.filter(([, { sizeBytes }]) => (bytes += sizeBytes) <= request.mostReadBytes)
  const files = within.map(([path, { sizeBytes }]) => ({ path, sizeBytes }))
  const { hashes } = await hashStanding(request, files, only(options, ['label', 'signal']))
  const { same, keptBytes, differences } = compared
  return { same, keptBytes, passedBy, differences: [...differences, ...differencesRead(compared.toRead, hashes)] }
}

/** A root that is one file is read by its own name, which may be another than in the backup. */
async function hashStanding({ directory, fileName }: CompareRequest, files: Parameters<typeof hashFiles>[1], options: Parameters<typeof hashFiles>[2]) {
  if (fileName === null || files.length === 0) return hashFiles(directory, files, options)
  const found = await hashFiles(
    dirname(directory),
    files.map((one) => ({ ...one, path: basename(directory) })),
    options,
  )
  return { ...found, hashes: new Map([...found.hashes].map(([, hash]) => [fileName, hash])) }
}

function add<T>(names: Map<string, T>, path: string, one: T, { mostNames, directory }: CompareRequest): void {
  if (names.size >= mostNames) throw new MusterError('OutOfBounds', `there are more than ${mostNames} names to compare for ${directory}`)
  names.set(path, one)
}

interface StandingTree {
  readonly standing: ReadonlyMap<string, FoundEntry>
  readonly passedBy: number
}

/** A link in the place of the tree is what stands there; it is not followed. */
async function standingAt(request: CompareRequest, options: WorkOptions): Promise<StandingTree> {
  const found = await lookAt(request.directory, rootPath)
  if (found === null) return { standing: new Map(), passedBy: 0 }
  if (found === 'special') return { standing: new Map(), passedBy: 1 }
  if (found.type === 'symlink') return { standing: new Map([[placeOf(request, found.type, rootPath), found]]), passedBy: 0 }
  const standing = new Map<string, FoundEntry>()
  const counts = newWalkCounts()
  const [root] = await openRoots([request.directory])
  for await (const entry of walkTree(root as NonNullable<typeof root>, { signal: options.signal, excluded: exceptOwn(request.ownEntry) }, counts)) {
    add(standing, placeOf(request, found.type, entry.path), entry, request)
    if (standing.size % 10_000 === 0) options.onProgress?.({ phase: 'comparing files', doneBytes: standing.size, totalBytes: null })
  }
  return { standing, passedBy: counts.special + counts.otherFilesystems.length }
}

/** Where a name belongs in the index. What stands where the backup has one file is that file, or, of a directory, is inside it. */
function placeOf({ fileName }: CompareRequest, root: FoundEntry['type'], path: string): string {
  if (root !== 'directory' || path === rootPath) return fileName ?? rootPath
  return fileName === null ? path : `${fileName}/${path}`
}

/** What a restore keeps inside a mount point is not of the tree. */
export function exceptOwn(own: string | null): PathPatterns {
  return (_root, path) => path === own
}

export async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    throw new MusterError('SourceUnreadable', `${path} cannot be looked at (${code})`, { cause: error })
  }
}
