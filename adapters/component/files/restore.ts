import { chmod, lstat, mkdir, readdir } from 'node:fs/promises'
import { MusterError } from '../../../domain/failures.ts'
import type { TreeEntry, TreeIndexRoot } from '../../../domain/tree-index.ts'
import { runTool } from '../../process/run-tool.ts'
import type { ObjectSource, WorkOptions } from '../component.ts'
import { only } from './create-archive.ts'
import { type TreeIndex, openIndex } from './list.ts'
import { type ObjectContext, restoreObject } from './restore-object.ts'
import { objectsOf, planRestore, type TreeSelection } from './restore-plan.ts'
import { inLanes } from './together.ts'
import { codeOf, throwIfCancelled } from './tree-failures.ts'
import { diskPath } from './walk.ts'
import { verifyTree } from './verify-tree.ts'

export interface RestoreTarget {
  /**
   * Number of the root → the directory that becomes it: new or empty, made 0700 until its own mode
   * is restored. Roots that are not named are not restored. Of a `file` root the file comes into it.
   */
  readonly roots: Readonly<Record<number, string>>
  /** Decrypted objects are here, two at most at a time. */
  readonly stagingDirectory: string
  /** One path with what is below it; only the objects that hold it are read. */
  readonly only?: TreeSelection
  /** Hash every restored file; default true. */
  readonly verifyContent?: boolean
}

export interface RestoredTree {
  readonly entries: number
  /** Sum of the sizes of files. */
  readonly sizeBytes: number
  readonly objects: number
  /** The roots of the backup, restored or not. */
  readonly roots: readonly TreeIndexRoot[]
}

const lanes = 2

/**
 * Restores roots of a tree backup into new directories and proves the result against the index. Each
 * object is fetched whole and proven before tar sees a byte of it, and its members are checked before any
 * is extracted. Nothing outside the directories and staging is touched. On failure the directories hold
 * what was restored so far and are to be removed by the caller; staging is empty.
 * @throws MusterError HostileArchive naming the member; ManifestInvalid; TargetNotEmpty; UnknownName;
 * ChecksumMismatch; RestoreFailed; DiskFull; CommandFailed; Cancelled; what the source throws
 */
export async function restoreTree(source: ObjectSource, target: RestoreTarget, options: WorkOptions = {}): Promise<RestoredTree> {
  const index = await openIndex(source, target.stagingDirectory, options)
  try {
    const roots = wantedRoots(index, target)
    const plan = await planRestore(index, new Set(roots.map((root) => root.root)), target.only)
    for (const root of roots) await prepareDirectory(directoryOf(target, root.root))
    await makeBareDirectories(target, plan.bare)
    const context: ObjectContext = {
      source,
      plan,
      stagingDirectory: target.stagingDirectory,
      only: target.only,
      verifyContent: target.verifyContent ?? true,
    }
    const objects = await restoreObjects(index, context, target, options)
    return { ...(await verifyRoots(index, roots, target, options)), objects, roots: index.header.roots }
  } finally {
    await index.remove()
  }
}

function wantedRoots(index: TreeIndex, target: RestoreTarget): TreeIndexRoot[] {
  const numbers = Object.keys(target.roots).map(Number)
  const unknown = numbers.find((number) => !index.header.roots[number])
  if (unknown !== undefined || (target.only && !numbers.includes(target.only.root))) {
    throw new MusterError('UnknownName', `the backup has no root ${unknown ?? target.only?.root} to restore; it has ${index.header.roots.length}`)
  }
  return index.header.roots.filter((root) => numbers.includes(root.root))
}

async function prepareDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw new MusterError('PreconditionFailed', `cannot create ${directory} (${codeOf(error)})`, { cause: error })
  }
  if (!(await lstat(directory)).isDirectory()) throw new MusterError('TargetNotEmpty', `${directory} is a link or a file`)
  if ((await readdir(directory)).length > 0) throw new MusterError('TargetNotEmpty', `${directory} is not empty`)
  await chmod(directory, 0o700)
}

/** They vanished while the tree was read; files that are restored may need them. */
async function makeBareDirectories(target: RestoreTarget, bare: readonly TreeEntry[]): Promise<void> {
  for (const entry of bare) {
    await mkdir(diskPath(directoryOf(target, entry.root), entry.path), { recursive: true, mode: 0o700 })
  }
}

async function restoreObjects(index: TreeIndex, context: ObjectContext, target: RestoreTarget, options: WorkOptions): Promise<number> {
  let objects = 0
  let doneBytes = 0
  for (const wave of [1, 2, 3] as const) {
    await inLanes(options.signal, wave === 1 ? lanes : 1, objectsOf(index, context.plan, wave), async (object, signal) => {
      throwIfCancelled(signal, 'the restore')
      await restoreObject(context, object, directoryOf(target, object.root), { ...options, signal })
      objects++
      for (const entry of object.entries.values()) doneBytes += entry.sizeBytes
      const totalBytes = context.plan.totalBytes
      options.onProgress?.({ phase: 'restoring files', doneBytes: Math.min(doneBytes, totalBytes), totalBytes })
    })
  }
  return objects
}

async function verifyRoots(
  index: TreeIndex,
  roots: readonly TreeIndexRoot[],
  target: RestoreTarget,
  options: WorkOptions,
): Promise<Pick<RestoredTree, 'entries' | 'sizeBytes'>> {
  const total = { entries: 0, sizeBytes: 0 }
  for (const root of roots) {
    const directory = directoryOf(target, root.root)
    const selection = target.only?.root === root.root ? target.only : undefined
    if (target.only && !selection) continue
    const verified = await verifyTree(index, root, directory, selection, options.signal)
    total.entries += verified.entries
    total.sizeBytes += verified.sizeBytes
    // What is swapped in must not be lost by a power cut that the journal of the swap survives.
    await runTool('sync', ['--file-system', directory], only(options, ['label', 'signal']))
  }
  return total
}

function directoryOf(target: RestoreTarget, root: number): string {
  return target.roots[root] as string
}
