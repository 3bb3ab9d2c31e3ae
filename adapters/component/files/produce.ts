import type { FilesComponentConfig } from '../../../domain/config.ts'
import { MusterError } from '../../../domain/failures.ts'
import { type TreeEntry, treeIndexFormat } from '../../../domain/tree-index.ts'
import { rootPath } from '../../../domain/tree-path.ts'
import { compilePatterns } from '../../../domain/tree-patterns.ts'
import type { ObjectSink, WorkOptions } from '../component.ts'
import { type ArchiveContext, archiveGroup } from './archive-group.ts'
import { type Deferred, type GroupLimits, groupEntries, groupLinked } from './group-entries.ts'
import { createIndexFile, type IndexFile } from './index-file.ts'
import { shownFullPath } from './path-patterns.ts'
import { openRoots, type TreeRoot } from './roots.ts'
import { type FoundEntry, lookAt, newWalkCounts, type WalkCounts, walkTree } from './walk.ts'

export interface ProducePlace {
  /** The index grows here; everything else goes straight to the sink. */
  readonly stagingDirectory: string
  /** Default 256 MiB. */
  readonly objectSizeBytes?: number
  /** Default 50 000. */
  readonly entriesPerObject?: number
  /** What `inspectTree` counted, for the progress. */
  readonly expectedBytes?: number
}

export type TreeSource = Pick<FilesComponentConfig, 'paths' | 'exclude' | 'allowUnreadable' | 'allowEmpty' | 'runAs'>

export interface ProducedTree {
  /** Names in the index, directories and the roots themselves included. */
  readonly entries: number
  /** What they take on the disk. */
  readonly dataSizeBytes: number
  readonly changedWhileRead: number
  readonly unreadable: number
  /** Found, and gone before they could be read; they are not in the index. */
  readonly vanished: number
  /** Sockets, fifos and devices, which are not kept. */
  readonly special: number
  readonly excluded: number
  /** Directories on which another filesystem is mounted: kept empty. */
  readonly otherFilesystems: readonly string[]
}

const rereads = 2

interface Work {
  readonly index: IndexFile
  readonly limits: GroupLimits
  readonly nextObject: () => number
  readonly counts: WalkCounts
  readonly totals: Totals
}

interface Totals {
  entries: number
  dataSizeBytes: number
  /** Archived so far, but perhaps not as one moment saw them: `<root>/<path>`. */
  readonly doubtful: Set<string>
}

/**
 * Reads the configured paths into the objects `tree:1`, `tree:2`, … and, last, `index`. Each root is read
 * in the order: files, files with several names, files that changed while they were read (again, at most
 * twice), directories. No file data passes through this process. Nothing is left in staging.
 * @throws MusterError SourceUnreadable naming the first path that cannot be read; NothingToDo when there is
 * nothing below any path; SourceChanged; DiskFull; CommandFailed; Cancelled
 */
export async function produceTree(config: TreeSource, place: ProducePlace, sink: ObjectSink, options: WorkOptions = {}): Promise<ProducedTree> {
  const roots = await openRoots(config.paths)
  const header = {
    format: treeIndexFormat,
    roots: roots.map(({ root, path, realpath, type }) => ({ root, path, realpath, type })),
  } as const
  const index = createIndexFile(place.stagingDirectory, header, options)
  try {
    const work = newWork(index, place)
    for (const root of roots) await produceRoot(config, contextFor(root, config, place, sink, options, work), work)
    if (!config.allowEmpty && work.totals.entries === roots.length && roots.every((root) => root.type === 'directory')) {
      throw new MusterError('NothingToDo', `there is nothing in ${config.paths.join(', ')}`)
    }
    await index.addTo(sink)
    return resultOf(work)
  } finally {
    await index.remove()
  }
}

function newWork(index: IndexFile, place: ProducePlace): Work {
  let object = 0
  return {
    index,
    limits: {
      objectSizeBytes: place.objectSizeBytes ?? 256 * 1024 * 1024,
      entriesPerObject: place.entriesPerObject ?? 50_000,
    },
    nextObject: () => ++object,
    counts: newWalkCounts(),
    totals: { entries: 0, dataSizeBytes: 0, doubtful: new Set() },
  }
}

function contextFor(root: TreeRoot, config: TreeSource, place: ProducePlace, sink: ObjectSink, options: WorkOptions, work: Work): ArchiveContext {
  let doneBytes = work.totals.dataSizeBytes
  return {
    root,
    sink,
    runAs: config.runAs,
    allowUnreadable: compilePatterns(config.allowUnreadable),
    counts: work.counts,
    options,
    onMember: (member) => {
      // Sizes are apparent here and allocated in what was expected: holes must not lead beyond it.
      doneBytes = Math.min(doneBytes + member.sizeBytes, place.expectedBytes ?? Infinity)
      options.onProgress?.({ phase: `reading ${root.path}`, doneBytes, totalBytes: place.expectedBytes ?? null })
    },
  }
}

async function produceRoot(config: TreeSource, context: ArchiveContext, work: Work): Promise<void> {
  const rules = {
    excluded: compilePatterns(config.exclude),
    allowUnreadable: context.allowUnreadable,
    signal: context.options.signal,
  }
  const deferred: Deferred = { linked: new Map(), directories: [] }
  const changed: FoundEntry[] = []
  const archive = async (groups: AsyncIterable<FoundEntry[]> | Iterable<FoundEntry[]>): Promise<void> => {
    for await (const group of groups) changed.push(...(await archiveOne(context, work, group)))
  }
  await archive(groupEntries(countSizes(walkTree(context.root, rules, work.counts), work.totals), work.limits, deferred))
  await archive(groupLinked(deferred.linked.values(), work.limits))
  for (let round = 0; round < rereads && changed.length > 0; round++) {
    const again = await lookAgain(context, changed.splice(0))
    await archive(groupLinked(linkSets(again), work.limits))
  }
  await archive(
    groupEntries(await directoriesNow(context, work, deferred.directories), {
      ...work.limits,
      objectSizeBytes: Infinity,
    }),
  )
}

/** Archives one group and writes its lines; gives back the files that should be read again. */
async function archiveOne(context: ArchiveContext, work: Work, group: readonly FoundEntry[]): Promise<FoundEntry[]> {
  const entries = await archiveGroup(context, work.nextObject(), group)
  await writeEntries(work, entries)
  const doubtful = new Set(entries.filter((entry) => entry.changedWhileRead && entry.type !== 'directory').map((entry) => entry.path))
  return group.filter((found) => doubtful.has(found.path))
}

async function writeEntries(work: Work, entries: readonly TreeEntry[]): Promise<void> {
  const { totals } = work
  for (const entry of entries) {
    const key = `${entry.root}/${entry.path}`
    if (!totals.doubtful.delete(key)) totals.entries++
    if (entry.changedWhileRead && entry.type !== 'directory') totals.doubtful.add(key)
  }
  await work.index.write(entries)
}

async function* countSizes(entries: AsyncIterable<FoundEntry>, totals: Totals): AsyncGenerator<FoundEntry> {
  const seen = new Set<string>()
  for await (const entry of entries) {
    if (entry.names === 1 || !seen.has(entry.inode)) totals.dataSizeBytes += entry.allocatedBytes
    if (entry.names > 1) seen.add(entry.inode)
    yield entry
  }
}

/** What vanished since stays as it was read; what is a directory by now is not read again. */
async function lookAgain(context: ArchiveContext, changed: readonly FoundEntry[]): Promise<FoundEntry[]> {
  const again: FoundEntry[] = []
  for (const { path } of changed) {
    const now = await lookAt(context.root.base, path)
    if (now !== null && now !== 'special' && now.type !== 'directory') again.push(now)
  }
  return again
}

function linkSets(entries: readonly FoundEntry[]): FoundEntry[][] {
  const sets = new Map<string, FoundEntry[]>()
  for (const entry of entries) {
    const set = sets.get(entry.inode)
    if (set) set.push(entry)
    else sets.set(entry.inode, [entry])
  }
  return [...sets.values()]
}

/**
 * Directories as they are now that what is in them has been read. One that vanished is kept without an
 * object: files that were read before may be in it.
 */
async function directoriesNow(context: ArchiveContext, work: Work, paths: readonly string[]): Promise<FoundEntry[]> {
  const directories: FoundEntry[] = []
  for (const path of paths) {
    const now = await lookAt(context.root.base, path)
    if (path === rootPath) refuseOtherRoot(context.root, now)
    if (now === null) await writeEntries(work, [vanishedDirectory(context.root.root, path)])
    else if (now === 'special' || now.type !== 'directory') throw replaced(context.root, path)
    else directories.push(now)
  }
  return directories
}

function vanishedDirectory(root: number, path: string): TreeEntry {
  const attributes = { sizeBytes: 0, mode: 0o700, uid: 0, gid: 0, mtime: '0', ctime: '0', inode: '' }
  return { root, path, type: 'directory', ...attributes, sha256: null, object: null, changedWhileRead: true }
}

/** A root that was moved away or unmounted meanwhile would make a backup that lacks what it held. */
function refuseOtherRoot(root: TreeRoot, now: FoundEntry | 'special' | null): void {
  if (now !== null && now !== 'special' && now.inode === root.inode) return
  throw new MusterError('SourceChanged', `${root.path} was replaced, moved or unmounted while it was read`)
}

function replaced(root: TreeRoot, path: string): MusterError {
  return new MusterError('SourceChanged', `${shownFullPath(root.path, path)} was a directory when the backup began and is none now`)
}

function resultOf({ totals, counts }: Work): ProducedTree {
  return {
    entries: totals.entries,
    dataSizeBytes: totals.dataSizeBytes,
    changedWhileRead: totals.doubtful.size,
    unreadable: counts.unreadable.size,
    vanished: counts.vanished,
    special: counts.special,
    excluded: counts.excluded,
    otherFilesystems: counts.otherFilesystems,
  }
}
