/** What is in a restored tree with which somebody could come back: programs, keys and what is run by the clock. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { InventoryItem, InventoryKind } from '../../../domain/breach.ts'
import { encodePath, shownPath } from '../../../domain/tree-path.ts'
import { openRoots } from './roots.ts'
import { newWalkCounts, walkTree } from './walk.ts'

type Found = Pick<InventoryItem, 'kind' | 'name' | 'fingerprint'>

const keyNames = /(^|\/)(authorized_keys2?|known_hosts|id_[a-z0-9]+(\.pub)?|[^/]*\.(pem|key|crt|p12|pfx|jks|asc|gpg)|\.env(\.[^/]*)?|\.netrc|\.pgpass)$/i
const cronNames = /(^|\/)(cron[^/]*(\/|$)|crontabs?\/|[^/]*\.(timer|service)$)/i
const anyoneRuns = 0o111
const setId = 0o6000

/** @param path of the root of a restored tree; links are named with where they lead, never followed @throws MusterError SourceUnreadable */
export async function takeInventory(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<readonly Found[]> {
  const found: Found[] = []
  for (const root of await openRoots([path])) {
    for await (const entry of walkTree(root, { signal: options.signal }, newWalkCounts())) {
      const kind = kindOf(entry.path, entry.type, entry.mode)
      if (kind === null) continue
      const what = entry.type === 'symlink' ? `link to ${entry.linkTarget ?? ''}` : await hashOf(placeOf(root.base, entry.path), options)
      const id = entry.mode & setId ? `${(entry.mode & 0o7777).toString(8)} of ${entry.uid}:${entry.gid}` : ''
      found.push({ kind, name: shownPath(entry.path), fingerprint: createHash('sha256').update(`${what}|${id}`).digest('hex').slice(0, 32) })
    }
  }
  return found
}

function kindOf(path: string, type: 'file' | 'directory' | 'symlink', mode: number): InventoryKind | null {
  if (type === 'directory') return null
  if (keyNames.test(path)) return 'key'
  if (cronNames.test(path)) return 'cron'
  if (type === 'file' && (mode & anyoneRuns) !== 0) return 'binary'
  return null
}

/** A name may have bytes that no text has. */
function placeOf(base: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${base}/`), encodePath(path)])
}

async function hashOf(path: Buffer, { signal }: { readonly signal?: AbortSignal }): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash, signal ? { signal } : {})
  return hash.digest('hex')
}
