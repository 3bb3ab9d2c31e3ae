/** What is in a folder, to see that nobody changed it. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** @returns the hash of each file below, by its path */
export async function contentOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const names = files.map((entry) => join(entry.parentPath, entry.name)).sort()
  return new Map(
    await Promise.all(
      names.map(
        async (name) =>
          [
            name,
            createHash('sha256')
              .update(await readFile(name))
              .digest('hex'),
          ] as const,
      ),
    ),
  )
}
