import { lstat, lutimes } from 'node:fs/promises'
import { ancestorsOf } from '../../../domain/tree-path.ts'
import { codeOf } from './tree-failures.ts'
import { diskPath } from './walk.ts'

/**
 * Gives directories of a restored tree the times that the backup knows of them, as far as numbers carry them. What is gone,
 * or is no directory, or is reached by way of a link, is left alone.
 * @param touched directories whose content was changed @param times by path, of the backup
 */
export async function restoreTimes(root: string, touched: Iterable<string>, times: ReadonlyMap<string, string>): Promise<void> {
  const known = new Map<string, boolean>()
  for (const path of touched) {
    const mtime = times.get(path)
    if (mtime === undefined || !(await isWay(root, path, known))) continue
    const seconds = Number(BigInt(mtime) / 1000n) / 1_000_000
    await lutimes(diskPath(root, path), seconds, seconds)
  }
}

async function isWay(root: string, path: string, known: Map<string, boolean>): Promise<boolean> {
  for (const step of [...ancestorsOf(path), path]) {
    const is = known.get(step) ?? (await isDirectory(root, step))
    known.set(step, is)
    if (!is) return false
  }
  return true
}

async function isDirectory(root: string, path: string): Promise<boolean> {
  try {
    return (await lstat(diskPath(root, path))).isDirectory()
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return false
    throw error
  }
}
