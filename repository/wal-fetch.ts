/**
 * Brings shipped WAL back as files that a `restore_command` can copy: signatures and both hashes
 * checked, ranges joined, padded to a whole segment. A file appears under its name only when whole.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Decryption, Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import { walIndexKey, walObjectKey } from '../domain/object-keys.ts'
import type { WalShipmentName } from '../domain/object-keys.ts'
import type { ObjectReference, WalIndex } from '../domain/repository-format.ts'
import { parseLsn } from '../domain/wal.ts'
import type { FetchPlan, FetchSegment } from '../domain/wal-shipments.ts'
import { openDocument } from './signed-document.ts'

export { listShipments } from './wal-publish.ts'

export interface WalPlace {
  readonly system: string
  readonly component: string
  readonly incarnation: string
}

export interface FetchParts {
  readonly store: Store
  readonly decryption: Decryption
  readonly verifier: Verifier
  /** Decompresses a zstd stream into a new file and answers with its size; absent when it throws. */
  readonly decompressToFile: (compressed: Readable, path: string, options: { readonly signal?: AbortSignal }) => Promise<number>
}

export interface FetchOptions {
  /** Shipments at a time; default 4. */
  readonly parallel?: number
  readonly signal?: AbortSignal
  /** After each file: how many are there, of how many, and the bytes fetched so far. */
  readonly onProgress?: (progress: { readonly files: number; readonly totalFiles: number; readonly bytes: number }) => void
}

export interface FetchResult {
  /** Names of the files of the plan, segments in replay order, whether fetched now or there before. */
  readonly files: readonly string[]
  /** Time of the last commit in what was fetched; null where the indexes name none. */
  readonly lastCommitAt: string | null
}

/**
 * Fetches what a plan names into a directory. A file that is already there is left and not
 * counted again; what an ended attempt left half-way is removed.
 * @throws MusterError ObjectMissing, ChecksumMismatch, SignatureInvalid, KeyNotTrusted, ManifestInvalid, each naming
 *   key and store; Cancelled; what the store throws
 */
export async function fetchWal(
  parts: FetchParts,
  place: WalPlace,
  plan: FetchPlan<WalShipmentName>,
  directory: string,
  options: FetchOptions = {},
): Promise<FetchResult> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await removeLeftovers(directory)
  const there = new Set(await readdir(directory))
  const jobs = [
    ...plan.segments.map((segment) => ({
      name: segment.segment,
      run: () => fetchSegment(parts, place, segment, plan.segmentSizeBytes, directory, options),
    })),
    ...plan.histories.map((history) => ({
      name: history.segment,
      run: () => fetchHistory(parts, place, history, directory, options),
    })),
  ].filter(({ name }) => !there.has(name))
  let files = 0
  let bytes = 0
  const times: string[] = []
  await inParallel(jobs, options.parallel ?? 4, async (job) => {
    if (options.signal?.aborted) throw new MusterError('Cancelled', `fetching WAL from ${parts.store.name} was cancelled`)
    const fetched = await job.run()
    files += 1
    bytes += fetched.bytes
    if (fetched.lastCommitAt !== null) times.push(fetched.lastCommitAt)
    options.onProgress?.({ files, totalFiles: jobs.length, bytes })
  })
  await flush(directory)
  return { files: [...plan.segments, ...plan.histories].map(({ segment }) => segment), lastCommitAt: times.sort().at(-1) ?? null }
}

/**
 * The signed index of a shipment, proven to be the one its key names.
 * @throws MusterError ObjectMissing, SignatureInvalid, KeyNotTrusted, ManifestInvalid naming key and store
 */
export async function readWalIndex(parts: Pick<FetchParts, 'store' | 'verifier'>, place: WalPlace, name: WalShipmentName): Promise<WalIndex> {
  const key = walIndexKey(place.system, place.component, place.incarnation, name)
  const where = `${key} in ${parts.store.name}`
  const bytes = await parts.store.readBytes(key)
  const { value } = openDocument<WalIndex>(parts.verifier, 'wal', bytes, where)
  const same =
    value.format === 'muster-wal-1' &&
    value.system === place.system &&
    value.component === place.component &&
    value.incarnation === place.incarnation &&
    value.segment === name.segment &&
    value.kind === name.kind &&
    parseLsn(value.startLsn) === name.startLsn &&
    parseLsn(value.endLsn) === name.endLsn &&
    value.object.key === walObjectKey(place.system, place.component, place.incarnation, name)
  if (!same) throw new MusterError('ManifestInvalid', `the WAL index does not say what its key says [${where}]`)
  return value
}

interface Fetched {
  readonly bytes: number
  readonly lastCommitAt: string | null
}

async function fetchSegment(
  parts: FetchParts,
  place: WalPlace,
  segment: FetchSegment<WalShipmentName>,
  segmentSizeBytes: number,
  directory: string,
  options: FetchOptions,
): Promise<Fetched> {
  const temporary = temporaryIn(directory, segment.segment)
  let bytes = 0
  let lastCommitAt: string | null = null
  try {
    await createZeros(temporary, segmentSizeBytes)
    for (const piece of segment.pieces) {
      const fetched = await fetchPiece(parts, place, piece, `${temporary}.piece`, options)
      const start = Number(piece.startLsn - segment.startLsn)
      await pipeline(createReadStream(fetched.path), createWriteStream(temporary, { flags: 'r+', start }))
      await rm(fetched.path)
      bytes += fetched.bytes
      if (fetched.lastCommitAt !== null) lastCommitAt = fetched.lastCommitAt
    }
    await flush(temporary)
    await rename(temporary, join(directory, segment.segment))
  } finally {
    await rm(temporary, { force: true })
    await rm(`${temporary}.piece`, { force: true })
  }
  return { bytes, lastCommitAt }
}

async function fetchHistory(parts: FetchParts, place: WalPlace, name: WalShipmentName, directory: string, options: FetchOptions): Promise<Fetched> {
  const temporary = temporaryIn(directory, name.segment)
  try {
    const fetched = await fetchPiece(parts, place, name, temporary, options)
    await flush(temporary)
    await rename(temporary, join(directory, name.segment))
    return fetched
  } finally {
    await rm(temporary, { force: true })
  }
}

async function fetchPiece(
  parts: FetchParts,
  place: WalPlace,
  name: WalShipmentName,
  path: string,
  options: FetchOptions,
): Promise<Fetched & { readonly path: string }> {
  const index = await readWalIndex(parts, place, name)
  const { object } = index
  const where = `${object.key} in ${parts.store.name}`
  const cipher = hashing()
  const plain = hashing()
  const only = options.signal ? { signal: options.signal } : {}
  const stored = await parts.store.read(object.key, only)
  const fed = pipeline(stored, cipher.stream)
  // Looked at below, unless the decryption cannot even begin.
  fed.catch(() => {})
  const decrypted = parts.decryption.decrypt(cipher.stream, only)
  decrypted.done.catch((error: unknown) => cipher.stream.destroy(error instanceof Error ? error : new Error(String(error))))
  const hashed = pipeline(decrypted.plain, plain.stream)
  const written = parts.decompressToFile(plain.stream, path, only)
  const results = await Promise.allSettled([fed, decrypted.done, hashed, written])
  try {
    const rejected = results.filter((one) => one.status === 'rejected')
    // A stream that only followed another says nothing: whichever of them failed in its own words is the reason.
    const stop = rejected.find(({ reason }) => reason instanceof MusterError) ?? rejected[0]
    // A changed object makes the tools fail in their own words; its hash says what really happened.
    const sameBytes =
      stop === undefined ? cipher.bytes() === object.sizeBytes && cipher.sha256() === object.sha256 : await isUnchanged(parts.store, object, only)
    if (!sameBytes) throw new MusterError('ChecksumMismatch', `the WAL object is not the one that was signed [${where}]`)
    if (stop !== undefined) throw stop.reason as unknown
    if (plain.bytes() !== object.plainSizeBytes || plain.sha256() !== object.plainSha256) {
      throw new MusterError('ChecksumMismatch', `the decrypted WAL object is not the one that was signed [${where}]`)
    }
    const size = (await stat(path)).size
    if (BigInt(size) !== name.endLsn - name.startLsn) {
      throw new MusterError('ChecksumMismatch', `the WAL object holds ${size} bytes and its index says ${name.endLsn - name.startLsn} [${where}]`)
    }
    return { path, bytes: object.sizeBytes, lastCommitAt: index.lastCommitAt }
  } catch (error) {
    await rm(path, { force: true })
    if (options.signal?.aborted) throw new MusterError('Cancelled', `fetching WAL from ${parts.store.name} was cancelled`, { cause: error })
    throw error
  }
}

async function isUnchanged(store: Store, object: ObjectReference, options: { readonly signal?: AbortSignal }): Promise<boolean> {
  if (options.signal?.aborted) return true
  const hash = createHash('sha256')
  for await (const chunk of await store.read(object.key, options)) hash.update(chunk as Buffer)
  return hash.digest('hex') === object.sha256
}

function hashing(): { readonly stream: Transform; bytes(): number; sha256(): string } {
  const hash = createHash('sha256')
  let bytes = 0
  let digest: string | null = null
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      bytes += chunk.length
      done(null, chunk)
    },
  })
  return { stream, bytes: () => bytes, sha256: () => (digest ??= hash.digest('hex')) }
}

async function createZeros(path: string, sizeBytes: number): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.truncate(sizeBytes)
  } finally {
    await handle.close()
  }
}

function temporaryIn(directory: string, name: string): string {
  return join(directory, `.fetch-${name}.${randomBytes(4).toString('hex')}`)
}

async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) if (name.startsWith('.fetch-')) await rm(join(directory, name), { force: true })
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function inParallel<T>(items: readonly T[], parallel: number, run: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items]
  let failed = false
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined && !failed; item = waiting.shift()) {
      await run(item).catch((error: unknown) => {
        failed = true
        throw error
      })
    }
  }
  const lanes = await Promise.allSettled(Array.from({ length: Math.max(1, parallel) }, lane))
  const broken = lanes.find((one) => one.status === 'rejected')
  if (broken !== undefined) throw broken.reason as unknown
}
