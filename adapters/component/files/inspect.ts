import type { FilesComponentConfig } from '../../../domain/config.ts'
import { compilePatterns } from '../../../domain/tree-patterns.ts'
import type { WorkOptions } from '../component.ts'
import { shownFullPath } from './path-patterns.ts'
import { openRoots, type TreeRoot } from './roots.ts'
import { newWalkCounts, type WalkCounts, walkTree } from './walk.ts'

export interface InspectedTree {
  /** Names that a backup would hold. */
  readonly entries: number
  /** What they take on the disk: at most this is staged, and this much is free where a restore goes. */
  readonly dataSizeBytes: number
  readonly roots: readonly InspectedRoot[]
  /** Sentences for a person; a backup would succeed all the same. */
  readonly problems: readonly string[]
}

export interface InspectedRoot extends TreeRoot {
  readonly entries: number
  readonly dataSizeBytes: number
}

/**
 * Walks the configured paths as a backup would, reading no content.
 * @throws MusterError SourceUnreadable naming the first path that is missing or cannot be read
 */
export async function inspectTree(
  config: Pick<FilesComponentConfig, 'paths' | 'exclude' | 'allowUnreadable' | 'allowEmpty'>,
  options: WorkOptions = {},
): Promise<InspectedTree> {
  const rules = {
    excluded: compilePatterns(config.exclude),
    allowUnreadable: compilePatterns(config.allowUnreadable),
    signal: options.signal,
  }
  const roots: InspectedRoot[] = []
  const problems: string[] = []
  for (const root of await openRoots(config.paths)) {
    const counts = newWalkCounts()
    const inspected = { ...root, entries: 0, dataSizeBytes: 0 }
    const linked = new Set<string>()
    for await (const entry of walkTree(root, rules, counts)) {
      inspected.entries++
      if (!linked.has(entry.inode)) inspected.dataSizeBytes += entry.allocatedBytes
      if (entry.names > 1) linked.add(entry.inode)
    }
    roots.push(inspected)
    problems.push(...problemsOf(root, counts))
    options.onProgress?.({
      phase: `looking through ${root.path}`,
      doneBytes: inspected.dataSizeBytes,
      totalBytes: null,
    })
  }
  const entries = roots.reduce((sum, root) => sum + root.entries, 0)
  if (!config.allowEmpty && roots.every((root) => root.type === 'directory' && root.entries === 1)) {
    problems.push(`there is nothing in ${config.paths.join(', ')}: a backup would fail unless allowEmpty is set`)
  }
  problems.push(...nestedRoots(roots))
  return { entries, dataSizeBytes: roots.reduce((sum, root) => sum + root.dataSizeBytes, 0), roots, problems }
}

function problemsOf(root: TreeRoot, counts: WalkCounts): string[] {
  const problems = counts.otherFilesystems.map((path) => {
    return `${shownFullPath(root.path, path)} is the mount point of another filesystem, whose content is not backed up: list it in paths`
  })
  if (counts.special > 0) problems.push(`${root.path}: ${counts.special} sockets, fifos or devices are not backed up`)
  if (counts.unreadable.size > 0) problems.push(`${root.path}: ${counts.unreadable.size} unreadable paths are left out, as allowed`)
  return problems
}

function nestedRoots(roots: readonly TreeRoot[]): string[] {
  return roots.flatMap((inner) =>
    roots
      .filter((outer) => outer !== inner && `${inner.realpath}/`.startsWith(`${outer.realpath}/`))
      .map((outer) => `${inner.path} lies inside ${outer.path}: its files are backed up twice`),
  )
}
