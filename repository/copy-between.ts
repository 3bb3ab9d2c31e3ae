/** Pays debts: gives a store what another store has, byte for byte. Nothing is decrypted or signed anew. */
import { createHash, randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import { manifestKey, walIndexKey, type WalShipmentName } from '../domain/object-keys.ts'
import type { Manifest, ObjectReference, WalIndex } from '../domain/repository-format.ts'
import { documentLimitBytes, openDocument } from './signed-document.ts'

export interface CopyOptions {
  /** Room for one object at a time. */
  readonly stagingDirectory: string
  readonly signal?: AbortSignal
  readonly onProgress?: (bytes: number) => void
}

/** Copies a published backup: objects first, its signed manifest last. Idempotent and resumable. */
export async function copyBackup(from: Store, to: Store, manifest: Manifest, options: CopyOptions): Promise<void> {
  for (const object of manifest.objects) await copyObject(from, to, object, options)
  if (manifest.runbook) await to.putBytes(manifest.runbook.key, await from.readBytes(manifest.runbook.key, documentLimitBytes))
  const key = manifestKey(manifest.system, manifest.component, manifest.backup)
  await to.putBytes(key, await from.readBytes(key, documentLimitBytes))
}

/** Copies one shipment of WAL: the object, then its signed index. @throws MusterError SignatureInvalid, ChecksumMismatch */
export async function copyShipment(
  from: Store,
  to: Store,
  verifier: Verifier,
  place: { readonly system: string; readonly component: string; readonly incarnation: string },
  name: WalShipmentName,
  options: CopyOptions,
): Promise<void> {
  const key = walIndexKey(place.system, place.component, place.incarnation, name)
  const bytes = await from.readBytes(key, documentLimitBytes)
  const { value } = openDocument<WalIndex>(verifier, 'wal', bytes, `${from.name}:${key}`)
  await copyObject(from, to, value.object, options)
  await to.putBytes(key, bytes)
}

/** Copies one object; one that is there with its size is left as it is. @throws MusterError ChecksumMismatch */
export async function copyObject(from: Store, to: Store, object: ObjectReference, options: CopyOptions): Promise<void> {
  options.signal?.throwIfAborted()
  const there = await to.stat(object.key)
  if (there?.sizeBytes === object.sizeBytes) return
  await mkdir(options.stagingDirectory, { recursive: true, mode: 0o700 })
  const path = join(options.stagingDirectory, randomBytes(8).toString('hex'))
  const hash = createHash('sha256')
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      options.onProgress?.(chunk.length)
      done(null, chunk)
    },
  })
  try {
    const only = options.signal ? { signal: options.signal } : {}
    await pipeline(await from.read(object.key, only), meter, createWriteStream(path, { flags: 'wx', mode: 0o600 }))
    if (hash.digest('hex') !== object.sha256) throw new MusterError('ChecksumMismatch', `object ${object.key} fails its hash [${from.name}]`)
    await to.putFile(object.key, { path, sizeBytes: object.sizeBytes, sha256: object.sha256 }, only)
  } finally {
    await rm(path, { force: true })
  }
}
