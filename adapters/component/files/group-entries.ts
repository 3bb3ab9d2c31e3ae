import type { FoundEntry } from './walk.ts'

export interface GroupLimits {
  /** A group is closed at the first member boundary after this. */
  readonly objectSizeBytes: number
  /** And after so many names, so that small files do not make a group too large for memory. */
  readonly entriesPerObject: number
}

/** What is not archived where it is found. */
export interface Deferred {
  /** Files with several names, by inode: all names of one file go into one object. */
  readonly linked: Map<string, FoundEntry[]>
  /** Directories come last, when nothing writes into them any more. */
  readonly directories: string[]
}

/** Groups entries into objects in the order they come; a larger file is a group of its own. */
export async function* groupEntries(
  entries: AsyncIterable<FoundEntry> | Iterable<FoundEntry>,
  limits: GroupLimits,
  deferred?: Deferred,
): AsyncGenerator<FoundEntry[]> {
  let group: FoundEntry[] = []
  let sizeBytes = 0
  for await (const entry of entries) {
    if (deferred && entry.type === 'directory') {
      deferred.directories.push(entry.path)
    } else if (deferred && entry.names > 1) {
      const names = deferred.linked.get(entry.inode)
      if (names) names.push(entry)
      else deferred.linked.set(entry.inode, [entry])
    } else if (storedBytes(entry) > limits.objectSizeBytes) {
      yield [entry]
    } else {
      group.push(entry)
      sizeBytes += storedBytes(entry)
      if (sizeBytes >= limits.objectSizeBytes || group.length >= limits.entriesPerObject) {
        yield group
        group = []
        sizeBytes = 0
      }
    }
  }
  if (group.length > 0) yield group
}

/** Like `groupEntries` for sets of names of one file, which are never parted. */
export function* groupLinked(sets: Iterable<FoundEntry[]>, limits: GroupLimits): Generator<FoundEntry[]> {
  let group: FoundEntry[] = []
  let sizeBytes = 0
  for (const names of sets) {
    group.push(...names)
    sizeBytes += storedBytes(names[0] as FoundEntry)
    if (sizeBytes < limits.objectSizeBytes && group.length < limits.entriesPerObject) continue
    yield group
    group = []
    sizeBytes = 0
  }
  if (group.length > 0) yield group
}

/** Holes take no room in an archive. */
function storedBytes(entry: FoundEntry): number {
  return Math.min(entry.sizeBytes, entry.allocatedBytes)
}
