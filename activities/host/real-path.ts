/** Where a path leads, and whether one lies in another. */
import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** Links resolved as far as the path exists. */
export async function realOf(path: string): Promise<string> {
  const real = await realpath(path).catch(() => null)
  if (real !== null || path === dirname(path)) return real ?? path
  return join(await realOf(dirname(path)), basename(path))
}

/** Of real paths. */
export function isInside(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`)
}
