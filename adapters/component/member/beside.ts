/** Directories that a restore leaves where they are and makes a new one beside: tablespaces, and WAL on its own disk. */
import { access, constants, readdir, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { PlaceBeside } from '../../../domain/target.ts'
import { isMountPoint } from './member.ts'
import { sizeOf } from './remains.ts'

/** @param dataDirectory its disk, or that of the nearest directory above that is there, is compared */
export async function inspectBeside(path: string, dataDirectory: string): Promise<PlaceBeside> {
  const above = dirname(path)
  const [own, parent] = await Promise.all([deviceOf(path), deviceOf(above)])
  const there = own !== null || parent !== null
  const place = own !== null ? path : above
  const free = there ? await statfs(place) : null
  return {
    path,
    sizeBytes: await besideSize(path),
    freeBytes: free === null ? 0 : free.bavail * free.bsize,
    inside: own !== null && ((await isMountPoint(path)) || !(await canWrite(above))),
    there,
    sameDisk: there && (own ?? parent) === (await nearestDevice(dataDirectory)),
  }
}

const ofAnotherLife = /^muster-[0-9a-f]{8}$/

/**
 * A new directory for what must not share files with the old one, named by the restore: beside it, or inside where
 * nothing can be made beside it. Names do not grow from restore to restore.
 */
export function newPathBeside(oldPath: string, inside: boolean, short: string): string {
  if (inside) return join(oldPath, `muster-${short}`)
  return `${oldPath.replace(/-[0-9a-f]{8}$/, '').replace(/\/muster-[0-9a-f]{8}$/, '/muster')}-${short}`
}

/** Names directly in a directory that were made there for other lives of the database. */
export async function otherLivesIn(path: string): Promise<readonly string[]> {
  return (await readdir(path).catch(() => [])).filter((name) => ofAnotherLife.test(name)).sort()
}

/** Bytes on the disk, without what was made inside for other lives. */
export async function besideSize(path: string): Promise<number> {
  const others = await Promise.all((await otherLivesIn(path)).map((name) => sizeOf(join(path, name))))
  return others.reduce((size, other) => size - other, await sizeOf(path))
}

async function deviceOf(path: string): Promise<number | null> {
  return stat(path).then(
    ({ dev }) => dev,
    () => null,
  )
}

async function nearestDevice(path: string): Promise<number | null> {
  for (let at = path; ; at = dirname(at)) {
    const device = await deviceOf(at)
    if (device !== null || at === dirname(at)) return device
  }
}

async function canWrite(directory: string): Promise<boolean> {
  return access(directory, constants.W_OK).then(
    () => true,
    () => false,
  )
}
