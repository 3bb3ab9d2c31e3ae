import { setTimeout as sleep } from 'node:timers/promises'
import type { ArchiveMember } from '../../../domain/archive-members.ts'
import { MusterError } from '../../../domain/failures.ts'
import { type TreeEntry, treeObjectName, treeObjectRole } from '../../../domain/tree-index.ts'
import type { PathPatterns } from '../../../domain/tree-patterns.ts'
import type { ObjectSink, WorkOptions } from '../component.ts'
import { type ArchiveReport, only, startArchive } from './create-archive.ts'
import { type FileHashes, hashFiles } from './hash-files.ts'
import { shownFullPath } from './path-patterns.ts'
import type { TreeRoot } from './roots.ts'
import { together } from './together.ts'
import { type FoundEntry, lookAt, lookAtAll, type WalkCounts } from './walk.ts'

export interface ArchiveContext {
  readonly root: TreeRoot
  readonly sink: ObjectSink
  readonly runAs: string | undefined
  readonly allowUnreadable: PathPatterns
  readonly counts: WalkCounts
  readonly options: WorkOptions
  readonly onMember: (member: ArchiveMember) => void
}

/** Timestamps move in ticks of up to 10 ms: a change in the tick of the look before it would not be seen. */
const longestTickMs = 20

/**
 * Reads one group into one object, hashing the files beside the tar that reads them, so that both are
 * served by the same pages. Every name is looked at again afterwards: what changed meanwhile is marked,
 * and its hash is null.
 * @throws MusterError SourceUnreadable naming the path | CommandFailed | what the sink throws
 */
export async function archiveGroup(context: ArchiveContext, number: number, group: readonly FoundEntry[]): Promise<TreeEntry[]> {
  const { root, options } = context
  await sleep(longestTickMs)
  const tools = {
    ...(context.runAs === undefined ? {} : { runAs: context.runAs }),
    ...only(options, ['label']),
    kind: 'kind' as const,
  }
  const [report, hashes] = await together<[ArchiveReport, FileHashes]>(options.signal, [
    (signal) => archiveInto(context, number, group, { ...tools, signal }),
    (signal) => hashFiles(root.base, filesToHash(group), { ...tools, signal }),
  ])
  const entries: TreeEntry[] = []
  const afterwards = await lookAtAll(
    root.base,
    group.map((found) => found.path),
  )
  for (const [at, found] of group.entries()) {
    const member = report.members.get(found.path)
    const changed = !member || !isAsFound(member, found) || isChanged(found, afterwards[at] ?? null)
    if (member) entries.push(entryFor(context, number, found, member, hashes, changed))
    else await passByMissing(context, found, report.missing.get(found.path))
  }
  return entries
}

async function archiveInto(
  context: ArchiveContext,
  number: number,
  group: readonly FoundEntry[],
  tools: { readonly signal: AbortSignal },
): Promise<ArchiveReport> {
  const paths = group.map((entry) => entry.path)
  const { tool, report } = startArchive({
    ...tools,
    base: context.root.base,
    paths,
    stdout: 'stream',
    onMember: context.onMember,
  })
  try {
    await context.sink.add({ role: treeObjectRole(number), name: treeObjectName(number) }, tool.stdout)
  } catch (error) {
    await tool.end()
    throw error
  }
  return report
}

/** One name of each file is enough. */
function filesToHash(group: readonly FoundEntry[]): FoundEntry[] {
  const first = new Map<string, FoundEntry>()
  for (const entry of group) if (entry.type === 'file' && !first.has(entry.inode)) first.set(entry.inode, entry)
  return [...first.values()]
}

function entryFor(
  context: ArchiveContext,
  number: number,
  found: FoundEntry,
  member: ArchiveMember,
  { hashes, complaint }: FileHashes,
  changed: boolean,
): TreeEntry {
  const sha256 = member.type === 'file' && !changed ? hashes.get(found.path) : null
  if (sha256 === undefined) {
    throw new MusterError('SourceUnreadable', `${shownFullPath(context.root.path, found.path)} was archived but could not be hashed: ${complaint}`)
  }
  return {
    root: context.root.root,
    path: found.path,
    type: member.type as TreeEntry['type'],
    sizeBytes: member.sizeBytes,
    mode: member.mode,
    uid: member.uid,
    gid: member.gid,
    mtime: String(found.mtime),
    ctime: String(found.ctime),
    inode: found.inode,
    ...(member.linkTarget === undefined ? {} : { linkTarget: member.linkTarget }),
    sha256,
    object: treeObjectRole(number),
    ...(changed ? { changedWhileRead: true as const } : {}),
  }
}

/** Whether tar read what the look before it had seen. */
function isAsFound(member: ArchiveMember, found: FoundEntry): boolean {
  if (member.mode !== found.mode || member.uid !== found.uid || member.gid !== found.gid) return false
  if (member.type === 'hardlink') return found.type === 'file'
  return member.type === found.type && member.sizeBytes === found.sizeBytes && member.linkTarget === found.linkTarget
}

function isChanged(before: FoundEntry, after: FoundEntry | 'special' | null): boolean {
  if (after === null || after === 'special') return true
  return (
    before.inode !== after.inode ||
    before.ctime !== after.ctime ||
    before.mtime !== after.mtime ||
    before.sizeBytes !== after.sizeBytes ||
    before.linkTarget !== after.linkTarget
  )
}

/** A name that tar did not archive: gone meanwhile, of a kind that is not kept, or unreadable. */
async function passByMissing(context: ArchiveContext, found: FoundEntry, reason: string | undefined): Promise<void> {
  const { root, counts } = context
  const now = reason === undefined ? await lookAt(root.base, found.path) : found
  if (now === null || reason === 'No such file or directory' || reason === 'Not a directory') {
    counts.vanished++
  } else if (now === 'special') {
    counts.special++
  } else if (context.allowUnreadable(root.path, found.path)) {
    counts.unreadable.add(shownFullPath(root.path, found.path))
  } else {
    const why = reason ?? 'tar left it out without saying why'
    throw new MusterError('SourceUnreadable', `${shownFullPath(root.path, found.path)} cannot be read${asUser(context)}: ${why}`)
  }
}

function asUser(context: ArchiveContext): string {
  return context.runAs === undefined ? '' : ` by ${context.runAs}`
}
