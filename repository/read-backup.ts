/**
 * A published backup's objects, decrypted. The ciphertext hash is checked while the bytes
 * arrive and the plaintext hash when they end; `done` settles only after both and age agree.
 */
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { PassThrough, type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Decryption } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import type { BackupObject, Manifest, ObjectReference } from '../domain/repository-format.ts'

export interface BackupSource {
  readonly roles: readonly string[]
  open(role: string): { readonly plain: Readable; readonly done: Promise<void> }
  toFile(role: string, path: string): Promise<void>
}

export interface ReadOptions {
  readonly signal?: AbortSignal
  readonly label?: string
  /** Ciphertext bytes read so far, over all objects. */
  readonly onProgress?: (bytes: number) => void
}

export function createBackupSource(store: Store, decryption: Decryption, manifest: Manifest, options: ReadOptions = {}): BackupSource {
  let readBytes = 0
  const count = (bytes: number) => {
    readBytes += bytes
    options.onProgress?.(readBytes)
  }
  const objectOf = (role: string): BackupObject => {
    const object = manifest.objects.find((candidate) => candidate.role === role)
    if (!object) throw new MusterError('ManifestInvalid', `backup "${manifest.backup}" has no object with the role "${role}"`)
    return object
  }
  return {
    roles: manifest.objects.map((object) => object.role),
    open: (role) => openObject(store, decryption, objectOf(role), options, count),
    async toFile(role, path) {
      const { plain, done } = openObject(store, decryption, objectOf(role), options, count)
      try {
        const written = pipeline(plain, createWriteStream(path, { flags: 'wx', mode: 0o600 }))
        await Promise.all([written, done])
        const handle = await open(path, 'r')
        try {
          await handle.sync()
        } finally {
          await handle.close()
        }
      } catch (error) {
        await rm(path, { force: true })
        await done
        throw error
      }
    },
  }
}

/** One object as a plain stream; nothing read from `plain` may be used before `done` resolved. */
export function openObject(
  store: Store,
  decryption: Decryption,
  object: ObjectReference,
  options: ReadOptions,
  count: (bytes: number) => void = () => {},
): { readonly plain: Readable; readonly done: Promise<void> } {
  const cipher = hashing(count)
  const plainSide = hashing(() => {})
  const out = new PassThrough()
  const done = (async () => {
    const signal = options.signal
    const source = await store.read(object.key, signal ? { signal } : {})
    const feed = pipeline(source, cipher.through)
    // Looked at below, unless the decryption cannot even begin.
    feed.catch(() => {})
    const decrypted = decryption.decrypt(cipher.through, { ...(signal && { signal }), ...(options.label && { label: options.label }) })
    // A decryption that gives up reads no further; what feeds it must not wait for ever.
    decrypted.done.catch((error: unknown) => cipher.through.destroy(error instanceof Error ? error : new Error(String(error))))
    const drain = pipeline(decrypted.plain, plainSide.through, out)
    const results = await Promise.allSettled([feed, drain, decrypted.done])
    signal?.throwIfAborted()
    refuseChanged(object, store.name, cipher.digest(), results)
    const plain = plainSide.digest()
    if (plain.sha256 !== object.plainSha256) {
      throw new MusterError('ChecksumMismatch', `object ${object.key} decrypts to other bytes than its manifest says [${store.name}]`)
    }
  })()
  done.catch((error: unknown) => out.destroy(error instanceof Error ? error : new Error(String(error))))
  return { plain: out, done }
}

function refuseChanged(
  object: ObjectReference,
  store: string,
  got: { sha256: string; sizeBytes: number },
  results: readonly PromiseSettledResult<unknown>[],
): void {
  const [fed] = results
  // A ciphertext that arrived whole with another hash explains every later failure, so it is named first.
  if (fed?.status === 'fulfilled' && (got.sha256 !== object.sha256 || got.sizeBytes !== object.sizeBytes)) {
    throw new MusterError('ChecksumMismatch', `object ${object.key} fails its hash: ${got.sizeBytes} bytes, ${object.sizeBytes} expected [${store}]`)
  }
  // What feeds a decryption that gave up fails only because of it.
  const rejected = [...results].reverse().find((result) => result.status === 'rejected')
  if (rejected) throw named(rejected.reason, object, store)
}

/** A tool knows no object: what it could not decrypt is named here. */
function named(error: unknown, object: ObjectReference, store: string): unknown {
  if (!(error instanceof MusterError) || error.message.includes(object.key)) return error
  return new MusterError(error.type, `${error.message} (object ${object.key}) [${store}]`, { cause: error, hint: error.hint })
}

function hashing(onBytes: (bytes: number) => void) {
  const hash = createHash('sha256')
  let sizeBytes = 0
  let result: { sha256: string; sizeBytes: number } | null = null
  const through = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      hash.update(chunk)
      sizeBytes += chunk.length
      onBytes(chunk.length)
      callback(null, chunk)
    },
  })
  return {
    through,
    digest() {
      result ??= { sha256: hash.digest('hex'), sizeBytes }
      return result
    },
  }
}
