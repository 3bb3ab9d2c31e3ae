/**
 * The index of a tree backup: JSON lines, a header and then one line per archived name, in the
 * order of the objects. See docs/repository-format.md. Where a file changed while it was read it
 * is read again into a later object and has a second line there: **the last line of a path counts**.
 */
import { MusterError } from './failures.ts'
import { decodePath, encodePath, isUtf8Path, pathProblem, shownPath } from './tree-path.ts'

export const treeIndexFormat = 'muster-tree-index-1'
export const treeIndexRole = 'index'

export interface TreeIndexHeader {
  readonly format: typeof treeIndexFormat
  readonly roots: readonly TreeIndexRoot[]
}

export interface TreeIndexRoot {
  /** Position of the configured path, from 0; entries name their root by it. */
  readonly root: number
  /** As configured. */
  readonly path: string
  /** Where it really was when it was read. */
  readonly realpath: string
  /** A `file` root has one entry, under its own name; a `directory` root has the entry `.`. */
  readonly type: 'directory' | 'file'
}

export type TreeEntryType = 'file' | 'directory' | 'symlink' | 'hardlink'

export interface TreeEntry {
  readonly root: number
  /** Relative to the root; see domain/tree-path.ts. Written as `pathBase64` where it is not UTF-8. */
  readonly path: string
  readonly type: TreeEntryType
  /** 0 for all but files. */
  readonly sizeBytes: number
  /** Permission bits, with set-user-id, set-group-id and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since 1970 as decimal digits. */
  readonly mtime: string
  readonly ctime: string
  /** The same text for all names of one file. */
  readonly inode: string
  /** Of a symlink its text; of a hardlink the path of the file, which is in the same object. */
  readonly linkTarget?: string
  /** Of a file's content; null for all but files, and where it changed while it was read. */
  readonly sha256: string | null
  /** `tree:<n>`; null for a directory that vanished while the tree was read and is in no object. */
  readonly object: string | null
  /** Content or attributes may be of different moments. */
  readonly changedWhileRead?: true
}

const entryTypes: readonly string[] = ['file', 'directory', 'symlink', 'hardlink'] satisfies TreeEntryType[]

export function treeObjectRole(number: number): string {
  return `tree:${number}`
}

/** Last part of an object's key, without `.age`. */
export function treeObjectName(number: number): string {
  return `tree-${number}.tar.zst`
}

/** One line without its line end. */
export function serialiseHeader(header: TreeIndexHeader): string {
  return JSON.stringify(header)
}

/** One line without its line end. */
export function serialiseEntry(entry: TreeEntry): string {
  const { root, path, linkTarget, ...rest } = entry
  return JSON.stringify({
    root,
    ...textOrBase64('path', path),
    ...(linkTarget === undefined ? {} : textOrBase64('linkTarget', linkTarget)),
    ...rest,
  })
}

/** @throws MusterError ManifestInvalid */
export function parseHeader(line: string): TreeIndexHeader {
  const value = parseObject(line, 1)
  const roots = value['roots']
  if (value['format'] !== treeIndexFormat || !Array.isArray(roots) || !roots.every(isRoot)) {
    throw new MusterError('ManifestInvalid', `the tree index does not begin with a header of format ${treeIndexFormat}`)
  }
  return { format: treeIndexFormat, roots }
}

/**
 * Reads one line; everything that a later step relies on is checked here.
 * @throws MusterError ManifestInvalid naming the line; HostileArchive for a path that leaves its root
 */
export function parseEntry(line: string, lineNumber: number): TreeEntry {
  const value = parseObject(line, lineNumber)
  const path = textFrom(value, 'path')
  const linkTarget = textFrom(value, 'linkTarget')
  if (path === undefined || !isEntry(value, linkTarget)) {
    throw new MusterError('ManifestInvalid', `line ${lineNumber} of the tree index is not an entry`)
  }
  const problem = pathProblem(path) ?? (value.type === 'hardlink' ? pathProblem(linkTarget as string) : null)
  if (problem) throw new MusterError('HostileArchive', `the tree index lists ${shownPath(path)}, whose path or link ${problem}`)
  return {
    root: value.root,
    path,
    type: value.type,
    sizeBytes: value.sizeBytes,
    mode: value.mode,
    uid: value.uid,
    gid: value.gid,
    mtime: value.mtime,
    ctime: value.ctime,
    inode: value.inode,
    ...(linkTarget === undefined ? {} : { linkTarget }),
    sha256: value.sha256,
    object: value.object,
    ...(value.changedWhileRead === true ? { changedWhileRead: true as const } : {}),
  }
}

/**
 * The last line of each path. Only lines marked `changedWhileRead` can be followed by another one,
 * so only those are kept back; they come at the end.
 */
export async function* lastEntries(entries: AsyncIterable<TreeEntry>): AsyncGenerator<TreeEntry> {
  const doubtful = new Map<string, TreeEntry>()
  for await (const entry of entries) {
    const key = `${entry.root}/${entry.path}`
    if (entry.changedWhileRead) {
      doubtful.set(key, entry)
    } else {
      doubtful.delete(key)
      yield entry
    }
  }
  yield* doubtful.values()
}

function textOrBase64(name: string, text: string): Record<string, string> {
  return isUtf8Path(text) ? { [name]: text } : { [`${name}Base64`]: base64(encodePath(text)) }
}

function textFrom(value: Record<string, unknown>, name: string): string | undefined {
  const text = value[name]
  if (typeof text === 'string') return isUtf8Path(text) ? text : undefined
  const encoded = value[`${name}Base64`]
  if (typeof encoded !== 'string' || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return undefined
  return decodePath(Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0)))
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

function parseObject(line: string, lineNumber: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // said below
  }
  throw new MusterError('ManifestInvalid', `line ${lineNumber} of the tree index is not JSON`)
}

function isRoot(value: unknown, position: number): value is TreeIndexRoot {
  if (typeof value !== 'object' || value === null) return false
  const root = value as Partial<TreeIndexRoot>
  const texts = typeof root.path === 'string' && typeof root.realpath === 'string'
  return texts && root.root === position && (root.type === 'directory' || root.type === 'file')
}

function isEntry(value: Record<string, unknown>, linkTarget: string | undefined): value is Record<string, unknown> & TreeEntry {
  const isLink = value['type'] === 'symlink' || value['type'] === 'hardlink'
  return (
    [value['root'], value['sizeBytes'], value['mode'], value['uid'], value['gid']].every(isCount) &&
    [value['mtime'], value['ctime']].every((time) => typeof time === 'string' && /^-?\d{1,20}$/.test(time)) &&
    entryTypes.includes(value['type'] as string) &&
    (value['mode'] as number) <= 0o7777 &&
    typeof value['inode'] === 'string' &&
    (value['sha256'] === null || (typeof value['sha256'] === 'string' && /^[0-9a-f]{64}$/.test(value['sha256']))) &&
    (typeof value['object'] === 'string' || (value['object'] === null && value['type'] === 'directory')) &&
    isLink === (linkTarget !== undefined)
  )
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
