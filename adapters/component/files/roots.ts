import { lstat, readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import type { TreeIndexRoot } from '../../../domain/tree-index.ts'

/** A configured path as it is on this host now. */
export interface TreeRoot extends TreeIndexRoot {
  /** Of the filesystem that it is on. */
  readonly deviceId: string
  /** As in an entry. */
  readonly inode: string
  readonly isMountPoint: boolean
  /** The directory that entries are relative to: the root, or the directory of a `file` root. */
  readonly base: string
}

/**
 * Looks at each configured path; a link is followed once, here.
 * @throws MusterError SourceUnreadable naming the first path that is missing, unreadable or neither
 * a directory nor a file
 */
export async function openRoots(paths: readonly string[]): Promise<TreeRoot[]> {
  const mounts = await mountPoints()
  const roots: TreeRoot[] = []
  for (const [root, path] of paths.entries()) roots.push(await openRoot(root, path, mounts))
  return roots
}

async function openRoot(root: number, path: string, mounts: ReadonlySet<string>): Promise<TreeRoot> {
  try {
    const real = await realpath(path)
    const { dev, ino, isDirectory, isFile } = await shapeOf(real)
    if (!isDirectory && !isFile) {
      throw new MusterError('SourceUnreadable', `${path} is neither a directory nor a file`)
    }
    return {
      root,
      path,
      realpath: real,
      type: isDirectory ? 'directory' : 'file',
      deviceId: String(dev),
      inode: `${dev}:${ino}`,
      isMountPoint: mounts.has(real) || (isDirectory && (await isOnOtherDevice(real, dev))),
      base: isDirectory ? real : dirname(real),
    }
  } catch (cause) {
    if (cause instanceof MusterError) throw cause
    const { code } = cause as NodeJS.ErrnoException
    const what = code === 'ENOENT' || code === 'ENOTDIR' ? 'does not exist' : `cannot be read (${code})`
    throw new MusterError('SourceUnreadable', `${path} ${what}`, { cause })
  }
}

/** The one entry of a `file` root. */
export function fileRootEntryPath(root: TreeIndexRoot): string {
  return basename(root.realpath)
}

async function shapeOf(path: string): Promise<{ dev: bigint; ino: bigint; isDirectory: boolean; isFile: boolean }> {
  const found = await stat(path, { bigint: true })
  return { dev: found.dev, ino: found.ino, isDirectory: found.isDirectory(), isFile: found.isFile() }
}

async function isOnOtherDevice(path: string, dev: bigint): Promise<boolean> {
  return (await lstat(dirname(path), { bigint: true })).dev !== dev
}

/** Bind mounts of the same filesystem have the same device: only this list shows them. */
async function mountPoints(): Promise<ReadonlySet<string>> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')
  const points = text.split('\n').flatMap((line) => line.split(' ')[4] ?? [])
  return new Set(points.map((point) => point.replace(/\\([0-7]{3})/g, (_match, code: string) => String.fromCharCode(Number.parseInt(code, 8)))))
}
