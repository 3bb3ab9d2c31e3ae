/**
 * Staging: what one attempt produced, encrypted and hashed, waiting on the host's disk to be
 * copied to each store. `staged.json` is written last; without it the folder is a remain.
 */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Encryption } from '../adapters/crypto/crypto.ts'
import { canonicalJson } from '../domain/canonical-json.ts'
import { MusterError } from '../domain/failures.ts'
import { backupObjectKey, runbookKey, runbookName } from '../domain/object-keys.ts'
import type { BackupObject, Manifest } from '../domain/repository-format.ts'
import { runbookText } from '../domain/runbook.ts'
import { sha256Hex } from './signed-document.ts'

export interface StagingSink {
  add(object: { readonly role: string; readonly name: string }, plain: Readable): Promise<void>
  readonly objects: readonly BackupObject[]
}

export interface StagingPlace {
  readonly directory: string
  readonly system: string
  readonly component: string
  readonly backup: string
}

/** Encrypts each added object into the staging folder; ciphertext bytes so far go to `onBytes`. */
export function createStagingSink(
  place: StagingPlace,
  encryption: Encryption,
  options: { readonly signal?: AbortSignal; readonly label?: string; readonly onPlainBytes?: (bytes: number) => void } = {},
): StagingSink {
  const objects: BackupObject[] = []
  return {
    objects,
    async add({ role, name }, plain) {
      if (objects.some((object) => object.role === role)) throw new MusterError('MusterBug', `two objects have the role "${role}"`)
      await mkdir(place.directory, { recursive: true, mode: 0o700 })
      const file = await encryption.encryptToFile(plain, join(place.directory, `${name}.age`), {
        ...(options.signal && { signal: options.signal }),
        ...(options.label && { label: options.label }),
        ...(options.onPlainBytes && { onProgress: options.onPlainBytes }),
      })
      objects.push({
        role,
        key: backupObjectKey(place.system, place.component, place.backup, name),
        sizeBytes: file.sizeBytes,
        sha256: file.sha256,
        plainSizeBytes: file.plainSizeBytes,
        plainSha256: file.plainSha256,
      })
    },
  }
}

/** Makes the folder a finished one: the runbook, and the manifest that names it, complete but for the signature. */
export async function writeStaged(directory: string, manifest: Manifest): Promise<void> {
  const runbook = Buffer.from(runbookText(manifest))
  await writeFile(join(directory, runbookName), runbook, { mode: 0o600, flush: true })
  const key = runbookKey(manifest.system, manifest.component, manifest.backup)
  const named: Manifest = { ...manifest, runbook: { key, sizeBytes: runbook.length, sha256: sha256Hex(runbook) } }
  const temporary = join(directory, 'staged.json.tmp')
  await writeFile(temporary, canonicalJson(named), { mode: 0o600, flush: true })
  await rename(temporary, join(directory, 'staged.json'))
}

/** @throws MusterError ObjectMissing when the folder is gone or was never finished */
export async function readStaged(directory: string): Promise<Manifest> {
  try {
    return JSON.parse(await readFile(join(directory, 'staged.json'), 'utf8')) as Manifest
  } catch (error) {
    throw new MusterError('ObjectMissing', `nothing finished is staged in ${directory}`, {
      cause: error,
      hint: 'run the backup again: muster backup SYSTEM',
    })
  }
}

/** Where a staged object's bytes are. */
export function stagedPath(directory: string, object: BackupObject): string {
  return join(directory, object.key.split('/').at(-1) as string)
}

export async function removeStaging(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true })
}

/** Removes folders of `root` that nothing has written to since `before`; returns their names. */
export async function sweepStaging(root: string, before: Date, keep: (name: string) => boolean): Promise<readonly string[]> {
  const swept: string[] = []
  for (const name of await readdir(root).catch(() => [] as string[])) {
    const path = join(root, name)
    const facts = await stat(path).catch(() => null)
    if (!facts?.isDirectory() || keep(name) || facts.mtime >= before) continue
    await rm(path, { recursive: true, force: true })
    swept.push(name)
  }
  return swept
}
