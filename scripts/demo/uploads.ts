/** The shop's uploads: a few files, known by their hashes. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export const logo = 'logo.png'
export const lateUpload = 'invoice-after-the-backup.pdf'

export async function fillUploads(directory: string): Promise<void> {
  await mkdir(join(directory, 'products'), { recursive: true, mode: 0o755 })
  await writeFile(join(directory, logo), randomBytes(40_000))
  for (let index = 1; index <= 40; index++) await writeFile(join(directory, 'products', `photo-${index}.jpg`), randomBytes(100_000))
}

/** Path below the directory → SHA-256. */
export async function hashUploads(directory: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    found.set(
      path.slice(directory.length + 1),
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    )
  }
  return found
}

/** Names whose content is not the same on both sides; empty when all is well. */
export function differences(wanted: ReadonlyMap<string, string>, found: ReadonlyMap<string, string>): readonly string[] {
  return [...new Set([...wanted.keys(), ...found.keys()])].filter((name) => wanted.get(name) !== found.get(name)).sort()
}
