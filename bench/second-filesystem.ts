/** A new folder on another filesystem than the temporary directory: a store there takes a real copy, not a hard link. */
import { mkdtemp, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface SecondFilesystem {
  readonly path: string
  /** What a reader of the figures should know of it. */
  readonly note: string
}

const candidate = '/dev/shm'

export async function makeSecondFilesystem(): Promise<SecondFilesystem> {
  const other = await stat(candidate).catch(() => null)
  const isOther = other !== null && other.dev !== (await stat(tmpdir())).dev
  const path = await mkdtemp(join(isOther ? candidate : tmpdir(), 'muster-bench-second-'))
  const note = isOther
    ? `the first store is on the filesystem of the staging (a hard link, in both ways), the second on ${candidate} (a copy)`
    : 'both stores are on the filesystem of the staging: both copies are hard links, in both ways'
  return { path, note }
}
