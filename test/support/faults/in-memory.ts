/** A sweep writes and removes thousands of files in each row, and nothing in it outlives the process: it needs no disk. */
import { statfs } from 'node:fs/promises'

const memoryFolder = '/dev/shm'
/** A whole sweep takes about a third of it. */
const enoughBytes = 6 * 1024 ** 3

/** Temporary files are made in memory from now on, where there is room. @returns what ends that */
export async function workInMemory(): Promise<() => void> {
  const facts = await statfs(memoryFolder).catch(() => null)
  if (!facts || facts.bavail * facts.bsize < enoughBytes) return () => undefined
  const before = process.env['TMPDIR']
  process.env['TMPDIR'] = memoryFolder
  return () => {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
  }
}
