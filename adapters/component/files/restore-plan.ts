import { MusterError } from '../../../domain/failures.ts'
import type { TreeEntry } from '../../../domain/tree-index.ts'
import { isAtOrBelow } from '../../../domain/tree-path.ts'
import type { TreeIndex } from './list.ts'

export interface TreeSelection {
  readonly root: number
  readonly path: string
}

/** What is fetched, in which order, and what must stand there in the end. */
export interface RestorePlan {
  readonly objects: ReadonlyMap<string, PlannedObject>
  /** Per root, every directory that the index lists. */
  readonly directories: ReadonlyMap<number, ReadonlySet<string>>
  /** Directories that are in no object. */
  readonly bare: readonly TreeEntry[]
  readonly totalBytes: number
}

export interface PlannedObject {
  /**
   * 1: any order, side by side. 2: files that were read again, after the first reading of them.
   * 3: directories with their modes and times, when nothing writes into them any more.
   */
  wave: 1 | 2 | 3
  wanted: number
}

/**
 * Reads the index once.
 * @throws MusterError UnknownName when nothing is selected; ManifestInvalid | HostileArchive
 */
export async function planRestore(index: TreeIndex, roots: ReadonlySet<number>, only: TreeSelection | undefined): Promise<RestorePlan> {
  const objects = new Map<string, PlannedObject>()
  const directories = new Map<number, Set<string>>([...roots].map((root) => [root, new Set()]))
  const bare: TreeEntry[] = []
  const doubtful = new Set<string>()
  let totalBytes = 0
  for await (const entry of index.lines()) {
    const known = directories.get(entry.root)
    if (!known) continue
    if (entry.type === 'directory') known.add(entry.path)
    const wanted = isWanted(entry, only)
    if (entry.object === null) {
      if (wanted) bare.push(entry)
      continue
    }
    const object = objects.get(entry.object) ?? { wave: 1, wanted: 0 }
    objects.set(entry.object, object)
    if (wanted) object.wanted++
    if (wanted) totalBytes += entry.sizeBytes
    if (entry.type === 'directory') object.wave = 3
    else if (doubtful.has(keyOf(entry)) && object.wave === 1) object.wave = 2
    if (entry.changedWhileRead) doubtful.add(keyOf(entry))
  }
  if (only && bare.length === 0 && [...objects.values()].every((object) => object.wanted === 0)) {
    throw new MusterError('UnknownName', `the backup holds no ${JSON.stringify(only.path)} below ${index.header.roots[only.root]?.path}`, {
      hint: 'run muster ls to see what the backup holds',
    })
  }
  return { objects, directories, bare, totalBytes }
}

export function isWanted(entry: TreeEntry, only: TreeSelection | undefined): boolean {
  return only === undefined || (entry.root === only.root && isAtOrBelow(entry.path, only.path))
}

/** The lines of one object, which follow each other in the index. */
export interface IndexedObject {
  readonly role: string
  readonly root: number
  readonly entries: ReadonlyMap<string, TreeEntry>
}

/**
 * The wanted objects of a wave, one after the other.
 * @throws MusterError HostileArchive where one object holds a path twice or holds two roots
 */
export async function* objectsOf(index: TreeIndex, plan: RestorePlan, wave: 1 | 2 | 3): AsyncGenerator<IndexedObject> {
  let role: string | null = null
  let root = 0
  let entries = new Map<string, TreeEntry>()
  const done = new Set<string>()
  for await (const entry of index.lines()) {
    const planned = entry.object === null ? undefined : plan.objects.get(entry.object)
    if (!planned || planned.wave !== wave || planned.wanted === 0) continue
    if (entry.object !== role) {
      if (role !== null) yield { role, root, entries }
      if (done.has(entry.object as string)) throw disorder(entry)
      role = entry.object as string
      root = entry.root
      entries = new Map()
      done.add(role)
    }
    if (entries.has(entry.path) || entry.root !== root) throw disorder(entry)
    entries.set(entry.path, entry)
  }
  if (role !== null) yield { role, root, entries }
}

function disorder(entry: TreeEntry): MusterError {
  return new MusterError('HostileArchive', `the tree index lists ${JSON.stringify(entry.path)} of ${entry.object} out of order or twice`)
}

function keyOf(entry: TreeEntry): string {
  return `${entry.root}/${entry.path}`
}
