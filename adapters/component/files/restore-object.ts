import { randomUUID } from 'node:crypto'
import { rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import type { TreeEntry } from '../../../domain/tree-index.ts'
import { ancestorsOf, shownPath } from '../../../domain/tree-path.ts'
import type { ObjectSource, WorkOptions } from '../component.ts'
import { only } from './create-archive.ts'
import { checkArchive, extractArchive } from './extract-archive.ts'
import { hashFiles } from './hash-files.ts'
import { type IndexedObject, isWanted, type RestorePlan, type TreeSelection } from './restore-plan.ts'
import { asDiskFull } from './tree-failures.ts'
import { diskPath } from './walk.ts'

export interface ObjectContext {
  readonly source: ObjectSource
  readonly plan: RestorePlan
  readonly stagingDirectory: string
  readonly only: TreeSelection | undefined
  readonly verifyContent: boolean
}

/**
 * One object: fetched and proven, its members checked, extracted, its files hashed while their pages are
 * still in memory. The fetched file is gone when this returns or throws.
 */
export async function restoreObject(context: ObjectContext, object: IndexedObject, directory: string, options: WorkOptions): Promise<void> {
  const file = join(context.stagingDirectory, `${object.role.replaceAll(':', '-')}-${randomUUID()}.tar.zst`)
  try {
    await context.source.toFile(object.role, file)
    const directories = context.plan.directories.get(object.root) ?? new Set()
    await checkArchive(file, { object: object.role, entries: object.entries, directories }, options)
    const { members, wanted, extra } = select(object, context.only)
    await extractArchive(file, directory, members, options)
    for (const path of extra) await dropExtra(directory, path, context.only)
    if (context.verifyContent) await verifyContent(directory, wanted, options)
  } catch (error) {
    throw asDiskFull(error, context.stagingDirectory)
  } finally {
    await rm(file, { force: true })
  }
}

interface Members {
  /** Undefined: all of the object. */
  readonly members: readonly string[] | undefined
  readonly wanted: readonly TreeEntry[]
  /** The file behind a wanted hard link, itself not wanted. */
  readonly extra: readonly string[]
}

function select(object: IndexedObject, selection: TreeSelection | undefined): Members {
  const wanted = [...object.entries.values()].filter((entry) => isWanted(entry, selection))
  if (wanted.length === object.entries.size) return { members: undefined, wanted, extra: [] }
  const names = new Set(wanted.map((entry) => entry.path))
  const targets = wanted.filter((entry) => entry.type === 'hardlink').map((entry) => entry.linkTarget as string)
  const extra = [...new Set(targets)].filter((path) => !names.has(path))
  return { members: [...names, ...extra], wanted, extra }
}

async function dropExtra(directory: string, path: string, selection: TreeSelection | undefined): Promise<void> {
  await rm(diskPath(directory, path))
  const needed = new Set(ancestorsOf(selection?.path ?? '.'))
  for (const parent of ancestorsOf(path).reverse()) {
    if (needed.has(parent) || parent === '.') return
    // Not empty: something that is wanted is in it.
    const gone = await rmdir(diskPath(directory, parent)).then(
      () => true,
      () => false,
    )
    if (!gone) return
  }
}

/** @throws MusterError ChecksumMismatch naming the first file whose content is not what was backed up */
async function verifyContent(directory: string, entries: readonly TreeEntry[], options: WorkOptions): Promise<void> {
  const files = entries.filter((entry) => entry.type === 'file' && entry.sha256 !== null)
  const { hashes } = await hashFiles(directory, files, only(options, ['label', 'signal']))
  const wrong = files.find((entry) => hashes.get(entry.path) !== entry.sha256)
  if (wrong) throw new MusterError('ChecksumMismatch', `the restored ${shownPath(wrong.path)} is not what was backed up`)
}
