/**
 * One copy of a staged backup in one store: objects, confirmation, manifest last.
 * Idempotent and resumable: called again it goes on where the store has proven bytes.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Signer } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import { manifestKey, runbookName } from '../domain/object-keys.ts'
import type { Manifest } from '../domain/repository-format.ts'
import { sha256Hex, signDocument, splitDocument } from './signed-document.ts'
import { stagedPath } from './staging.ts'

export interface PublishedCopy {
  readonly store: string
  readonly backup: string
  /** Of its text: first line, newline included. */
  readonly manifestSha256: string
  readonly objects: number
  readonly sizeBytes: number
}

export async function publishCopy(
  store: Store,
  signer: Signer,
  manifest: Manifest,
  stagingDirectory: string,
  options: { readonly signal?: AbortSignal; readonly onProgress?: (doneBytes: number, totalBytes: number) => void } = {},
): Promise<PublishedCopy> {
  const totalBytes = manifest.objects.reduce((sum, object) => sum + object.sizeBytes, 0)
  let doneBytes = 0
  for (const object of manifest.objects) {
    options.signal?.throwIfAborted()
    await store.putFile(
      object.key,
      { path: stagedPath(stagingDirectory, object), sizeBytes: object.sizeBytes, sha256: object.sha256 },
      {
        ...(options.signal && { signal: options.signal }),
        onProgress: (bytes) => options.onProgress?.(doneBytes + bytes, totalBytes),
      },
    )
    doneBytes += object.sizeBytes
    options.onProgress?.(doneBytes, totalBytes)
  }
  await publishRunbook(store, manifest, stagingDirectory)
  const manifestBytes = await publishManifest(store, signer, manifest)
  return {
    store: store.name,
    backup: manifest.backup,
    manifestSha256: sha256Hex(splitDocument(manifestBytes, manifest.backup).text),
    objects: manifest.objects.length,
    sizeBytes: totalBytes,
  }
}

/** What was staged before there were runbooks has none. */
async function publishRunbook(store: Store, manifest: Manifest, stagingDirectory: string): Promise<void> {
  if (!manifest.runbook) return
  await store.putBytes(manifest.runbook.key, await readFile(join(stagingDirectory, runbookName)))
}

/** Confirms each object once more, then writes the manifest: from then on the backup exists in this store. */
export async function publishManifest(store: Store, signer: Signer, manifest: Manifest): Promise<Buffer> {
  for (const object of manifest.objects) {
    const stat = await store.stat(object.key)
    if (!stat || stat.sizeBytes !== object.sizeBytes) {
      throw new MusterError(
        'ObjectMissing',
        `object ${object.key} is ${stat ? `${stat.sizeBytes} bytes long instead of ${object.sizeBytes}` : 'not there'} [${store.name}]`,
      )
    }
  }
  const key = manifestKey(manifest.system, manifest.component, manifest.backup)
  const bytes = signDocument(signer, 'manifest', manifest)
  if ((await store.putBytes(key, bytes)) === 'exists') {
    const there = await store.readBytes(key)
    if (!there.equals(bytes)) throw new MusterError('ManifestInvalid', `another manifest is already published as ${key} [${store.name}]`)
  }
  return bytes
}
