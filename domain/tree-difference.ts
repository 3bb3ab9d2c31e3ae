/**
 * The difference, file by file, between what stands at a target and what would stand there after a restore with its
 * rules. Pure: what is there and what the backup holds are handed in. Content that only a hash can tell is asked for.
 */
import { isSameTime } from './file-times.ts'
import type { TreeEntry } from './tree-index.ts'
import { ancestorsOf } from './tree-path.ts'
import type { LeftOut, RuledRoot } from './tree-rules.ts'

/** In the order in which a person is shown them. */
export const differenceKinds = ['removed', 'changed', 'substituted', 'added', 'kept', 'left out', 'attributes'] as const

/**
 * `substituted`: restored, then a text in it replaced where it is found. `kept`: stays as it is at the target. `left out`:
 * in the backup, not at the target, and not brought. `attributes`: the same content with another owner, mode or time.
 */
export type DifferenceKind = (typeof differenceKinds)[number]

export interface Difference {
  readonly kind: DifferenceKind
  readonly path: string
  readonly isDirectory: boolean
  /** Which rule, or what is different; null where the kind says it all. */
  readonly why: string | null
}

/** A name at the target. */
export interface Standing {
  readonly type: 'file' | 'directory' | 'symlink'
  readonly sizeBytes: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: bigint
  readonly ctime: bigint
  readonly linkTarget?: string
}

export interface ComparedRoot {
  readonly root: RuledRoot
  readonly backup: ReadonlyMap<string, TreeEntry>
  readonly standing: ReadonlyMap<string, Standing>
  readonly leftOut: LeftOut
  /** Whether text in a file would be replaced. */
  readonly substituted: (path: string) => boolean
  /** Files that only the target has stay where their ctime lies in it; null where none of them do. */
  readonly newer: { readonly after: bigint; readonly until: bigint | null } | null
  /** False where who restores may not give files to others. */
  readonly owners: boolean
}

export interface ComparedTree {
  readonly differences: readonly Difference[]
  /** Size and time say that they are as in the backup. */
  readonly same: number
  /** Same size, another time: only their content tells. By path, what the backup holds. */
  readonly toRead: ReadonlyMap<string, TreeEntry>
  readonly keptBytes: number
}

export function compareRoot(compared: ComparedRoot): ComparedTree {
  const { backup, standing, leftOut, root } = compared
  const brought = [...backup.keys()].filter((path) => leftOut(root, path) === null)
  const holdsBrought = new Set(brought.flatMap(ancestorsOf))
  const staying = new Map([...standing].flatMap(([path, one]) => stayingAs(compared, path, one)))
  const blocked = new Set([...staying.keys()].filter((path) => isBlocked(compared, holdsBrought, path)))
  const holdsStaying = new Set([...staying.keys()].filter((path) => !blocked.has(path)).flatMap(ancestorsOf))
  const differences: Difference[] = []
  const toRead = new Map<string, TreeEntry>()
  let same = 0
  let keptBytes = 0
  const tell = (kind: DifferenceKind, path: string, isDirectory: boolean, why: string | null) => differences.push({ kind, path, isDirectory, why })
  for (const [path, one] of standing) {
    const isDirectory = one.type === 'directory'
    const why = staying.get(path)
    if (why !== undefined && !blocked.has(path)) {
      tell('kept', path, isDirectory, why)
      keptBytes += one.sizeBytes
    } else if (blocked.has(path)) tell(holdsBrought.has(path) ? 'changed' : 'removed', path, isDirectory, `${why}, but it has no place beside what is restored`)
    else if (backup.has(path)) continue
    else if (isDirectory && holdsStaying.has(path)) tell('kept', path, true, 'holds what stays')
    else tell('removed', path, isDirectory, null)
  }
  for (const [path, entry] of backup) {
    const found = standing.get(path)
    const why = leftOut(root, path)
    const isDirectory = entry.type === 'directory'
    if (why !== null) {
      if (found !== undefined) continue
      if (isDirectory && holdsBrought.has(path)) tell('added', path, true, 'holds what is restored')
      else tell('left out', path, isDirectory, why)
    } else if (compared.substituted(path) && (entry.type === 'file' || entry.type === 'hardlink')) tell('substituted', path, false, found ? null : 'new')
    else if (!found) tell('added', path, isDirectory, null)
    else {
      const said = differenceOf(compared, entry, found)
      if (said === 'read') toRead.set(path, contentOf(compared, entry) as TreeEntry)
      else if (said === null) same++
      else tell(said.kind, path, isDirectory, said.why)
    }
  }
  return { differences, same, toRead, keptBytes }
}

/** What stays of what is at the target, and by which rule. */
function stayingAs({ root, leftOut, newer, backup }: ComparedRoot, path: string, one: Standing): [string, string][] {
  const why = leftOut(root, path)
  if (why !== null) return [[path, why]]
  if (newer === null || one.type === 'directory' || backup.has(path)) return []
  return one.ctime > newer.after && (newer.until === null || one.ctime <= newer.until) ? [[path, 'newer than the backup']] : []
}

/** Something that is restored stands where it, or a directory above it, would be. */
function isBlocked({ root, backup, standing, leftOut }: ComparedRoot, holdsBrought: ReadonlySet<string>, path: string): boolean {
  if (standing.get(path)?.type !== 'directory' && holdsBrought.has(path)) return true
  return ancestorsOf(path).some((above) => {
    const entry = backup.get(above)
    return entry !== undefined && entry.type !== 'directory' && leftOut(root, above) === null
  })
}

type Said = { readonly kind: DifferenceKind; readonly why: string | null } | 'read' | null

function differenceOf(compared: ComparedRoot, entry: TreeEntry, found: Standing): Said {
  const type = entry.type === 'hardlink' ? 'file' : entry.type
  if (found.type !== type) return { kind: 'changed', why: `a ${found.type} becomes a ${type}` }
  const attributes = attributesOf(compared, entry, found)
  if (type === 'symlink') return entry.linkTarget === found.linkTarget ? attributes : { kind: 'changed', why: null }
  if (type === 'directory') return attributes
  const content = contentOf(compared, entry)
  if (!content || content.sizeBytes !== found.sizeBytes) return { kind: 'changed', why: null }
  if (isSameTime(found.mtime, BigInt(content.mtime))) return attributes
  return 'read'
}

/** Of a further name of a file, the name that has its content. */
function contentOf({ backup }: ComparedRoot, entry: TreeEntry): TreeEntry | undefined {
  return entry.type === 'hardlink' ? backup.get(entry.linkTarget as string) : entry
}

function attributesOf({ owners }: ComparedRoot, entry: TreeEntry, found: Standing): Said {
  const changes = [
    ...(entry.type !== 'symlink' && (found.mode & 0o7777) !== (entry.mode & 0o7777) ? [`mode ${octal(found.mode)} becomes ${octal(entry.mode)}`] : []),
    ...(owners && (found.uid !== entry.uid || found.gid !== entry.gid) ? [`owner ${found.uid}:${found.gid} becomes ${entry.uid}:${entry.gid}`] : []),
  ]
  return changes.length === 0 ? null : { kind: 'attributes', why: changes.join(', ') }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8)
}

/** What reading said of files of the same size and another time. @param hashes by path; a file that was not read is not among them */
export function differencesRead(toRead: ComparedTree['toRead'], hashes: ReadonlyMap<string, string>): readonly Difference[] {
  return [...toRead].map(([path, { sha256 }]) => {
    const found = hashes.get(path)
    if (found === undefined || sha256 === null) return { kind: 'changed', path, isDirectory: false, why: notReadText }
    if (found === sha256) return { kind: 'attributes', path, isDirectory: false, why: 'time' }
    return { kind: 'changed', path, isDirectory: false, why: null }
  })
}

/** Nobody knows whether it is the same. */
export const notReadText = 'same size, another time, not read'
