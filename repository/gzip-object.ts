/** A text as a compressed object: written beside what is staged, then put into stores under a key made of its hash. */
import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import type { ObjectReference } from '../domain/repository-format.ts'
import { sha256Hex } from './signed-document.ts'

export interface GzipObject {
  readonly reference: ObjectReference
  readonly path: string
  remove(): Promise<void>
}

/** @param keyOf from the SHA-256 of the compressed bytes */
export async function gzipObject(directory: string, text: string | Buffer, keyOf: (sha256: string) => string): Promise<GzipObject> {
  const plain = Buffer.from(text)
  const bytes = await promisify(gzip)(plain, { level: 9 })
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, randomBytes(8).toString('hex'))
  await writeFile(path, bytes, { mode: 0o600 })
  const sha256 = sha256Hex(bytes)
  return {
    reference: { key: keyOf(sha256), sizeBytes: bytes.length, sha256, plainSizeBytes: plain.length, plainSha256: sha256Hex(plain) },
    path,
    remove: () => rm(path, { force: true }),
  }
}

/** The text of an object, both hashes proven. @throws MusterError ObjectMissing, ChecksumMismatch, ManifestInvalid (larger than was signed) */
export async function readGzipObject(store: Store, { key, sizeBytes, sha256, plainSizeBytes, plainSha256 }: ObjectReference): Promise<Buffer> {
  const wrong = (what: string) => new MusterError('ChecksumMismatch', `${key} ${what} [${store.name}]`)
  const bytes = await store.readBytes(key, sizeBytes + 1)
  if (sha256Hex(bytes) !== sha256) throw wrong('is not what was signed: it was changed')
  const plain = await promisify(gunzip)(bytes, { maxOutputLength: plainSizeBytes + 1 }).catch(() => null)
  if (!plain || sha256Hex(plain) !== plainSha256) throw wrong('does not unpack to what was signed')
  return plain
}
