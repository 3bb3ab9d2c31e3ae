/** Uploads of a file to S3: at once when it is small, else in parts that a later call need not send again. */
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { MusterError } from '../../domain/failures.ts'
import { cancelled } from './guarded-stream.ts'
import type { S3Connection } from './s3-client.ts'
import { isTaken, nameOf, statusOf } from './s3-failures.ts'
import { isStored } from './s3-object.ts'
import { type FilePart, type StoredPart, type Upload, digest, divide, findUpload, partBytes, readPart } from './s3-parts.ts'
import { openSource, proveSource } from './source-file.ts'
import type { PutFile, PutOutcome, TransferOptions } from './store.ts'

const partsAtOnce = 2

/** As Store.putFile. */
export async function putFileInBucket(s3: S3Connection, key: string, file: PutFile, options: TransferOptions): Promise<PutOutcome> {
  const small = file.sizeBytes <= partBytes
  if (!small && (await isStored(s3, key, file, options))) return 'exists'
  const source = await openSource(file)
  try {
    const created = await s3.with('write', `writing ${key}`, async (client) => {
      const transfer: Transfer = { s3, client, key, file, source, options }
      return small ? putWhole(transfer) : putParts(transfer)
    })
    if (await isStored(s3, key, file, options)) {
      options.onProgress?.(file.sizeBytes)
      return created ? 'created' : 'exists'
    }
    throw new MusterError('Unreachable', `${key} is not in the bucket ${s3.bucket} right after it was written`, {
      hint: 'try again; if it stays so, look what removes objects there',
    })
  } finally {
    await source.close()
  }
}

interface Transfer {
  readonly s3: S3Connection
  readonly client: S3Client
  readonly key: string
  readonly file: PutFile
  readonly source: FileHandle
  readonly options: TransferOptions
}

/** Whether this call made the object; false when something was there before. */
async function putWhole(transfer: Transfer): Promise<boolean> {
  const { s3, key, file, source, options } = transfer
  const bytes = await readPart(source, file, { number: 1, position: 0, sizeBytes: file.sizeBytes }, options.signal)
  proveSource(createHash('sha256').update(bytes), file)
  const request = new PutObjectCommand({
    Bucket: s3.bucket,
    Key: s3.inBucket(key),
    IfNoneMatch: '*',
    Body: bytes,
    ContentLength: bytes.length,
    ChecksumSHA256: Buffer.from(file.sha256, 'hex').toString('base64'),
    Metadata: { sha256: file.sha256 },
  })
  return unlessTaken(cancellable(transfer, (signal) => transfer.client.send(request, { abortSignal: signal })))
}

async function putParts(transfer: Transfer): Promise<boolean> {
  const { s3, client, key, file, source, options } = transfer
  const upload = (await findUpload(s3, client, key, file, source, options)) ?? (await begin(transfer))
  try {
    const parts = await sendParts(transfer, upload)
    const created = await unlessTaken(complete(transfer, upload, parts))
    if (!created) await abort(transfer, upload)
    return created
  } catch (error) {
    // the bytes that were read are not the promised ones: nothing of this upload is of use
    if (error instanceof MusterError && error.type === 'ChecksumMismatch') await abort(transfer, upload)
    // another attempt has finished or ended this upload: what is in the store now decides
    if (nameOf(error) === 'NoSuchUpload') return false
    throw error
  }
}

async function begin(transfer: Transfer): Promise<Upload> {
  const { s3, client, key, file } = transfer
  const request = { Bucket: s3.bucket, Key: s3.inBucket(key), Metadata: { sha256: file.sha256 } }
  const stated = new CreateMultipartUploadCommand({ ...request, ChecksumAlgorithm: 'SHA256', ChecksumType: 'COMPOSITE' })
  const answer = await client.send(stated).catch((error: unknown) => {
    if (statusOf(error) === 400 || statusOf(error) === 501) return null
    throw error
  })
  if (answer?.UploadId) return { id: answer.UploadId, checksum: 'sha256', parts: new Map() }
  // a server that knows no SHA-256 for parts still compares Content-MD5
  const { UploadId: id } = await client.send(new CreateMultipartUploadCommand(request))
  if (!id) throw new MusterError('Unreachable', `${s3.place.server} gave no id for the upload of ${key}`)
  return { id, checksum: 'md5', parts: new Map() }
}

/** Reads the file once, in order, for its hash; sends what the server does not have yet, some parts at a time. */
async function sendParts(transfer: Transfer, upload: Upload): Promise<StoredPart[]> {
  const { file, source, options } = transfer
  const hash = createHash('sha256')
  const stored: StoredPart[] = []
  const running = new Set<Promise<void>>()
  const failures: unknown[] = []
  let safe = 0
  const keep = (part: FilePart, there: StoredPart) => {
    stored.push(there)
    safe += part.sizeBytes
    options.onProgress?.(safe)
  }
  try {
    for (const part of divide(file.sizeBytes)) {
      const bytes = await readPart(source, file, part, options.signal)
      hash.update(bytes)
      const there = upload.parts.get(part.number)
      if (there) {
        keep(part, there)
        continue
      }
      while (running.size >= partsAtOnce) await Promise.race(running)
      if (failures.length > 0) break
      const job = sendPart(transfer, upload, part, bytes)
        .then(
          (sent) => keep(part, sent),
          (error: unknown) => void failures.push(error),
        )
        .finally(() => running.delete(job))
      running.add(job)
    }
  } finally {
    await Promise.all(running)
  }
  if (failures.length > 0) throw failures[0]
  proveSource(hash, file)
  return stored.sort((left, right) => left.number - right.number)
}

async function sendPart(transfer: Transfer, upload: Upload, part: FilePart, bytes: Buffer): Promise<StoredPart> {
  const { s3, key } = transfer
  const sha256 = upload.checksum === 'sha256' ? digest('sha256', bytes, 'base64') : undefined
  const request = new UploadPartCommand({
    Bucket: s3.bucket,
    Key: s3.inBucket(key),
    UploadId: upload.id,
    PartNumber: part.number,
    Body: bytes,
    ContentLength: bytes.length,
    ...(sha256 === undefined ? { ContentMD5: digest('md5', bytes, 'base64') } : { ChecksumSHA256: sha256 }),
  })
  const { ETag: etag } = await cancellable(transfer, (signal) => transfer.client.send(request, { abortSignal: signal }))
  if (!etag) throw new MusterError('Unreachable', `${s3.place.server} did not confirm part ${part.number} of ${key}`)
  return { number: part.number, etag, ...(sha256 !== undefined && { sha256 }) }
}

async function complete(transfer: Transfer, upload: Upload, parts: readonly StoredPart[]): Promise<unknown> {
  const { s3, client, key } = transfer
  return client.send(
    new CompleteMultipartUploadCommand({
      Bucket: s3.bucket,
      Key: s3.inBucket(key),
      UploadId: upload.id,
      IfNoneMatch: '*',
      MultipartUpload: {
        Parts: parts.map((part) => ({
          PartNumber: part.number,
          ETag: part.etag,
          ...(part.sha256 !== undefined && { ChecksumSHA256: part.sha256 }),
        })),
      },
    }),
  )
}

/** Of no consequence when it fails: sweepUnfinished finds what is left. */
async function abort({ s3, client, key }: Transfer, upload: Upload): Promise<void> {
  const request = { Bucket: s3.bucket, Key: s3.inBucket(key), UploadId: upload.id }
  await client.send(new AbortMultipartUploadCommand(request)).catch(() => undefined)
}

async function unlessTaken(writing: Promise<unknown>): Promise<boolean> {
  try {
    await writing
    return true
  } catch (error) {
    if (isTaken(error)) return false
    throw error
  }
}

async function cancellable<T>(transfer: Transfer, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = transfer.options.signal ?? new AbortController().signal
  try {
    return await send(signal)
  } catch (error) {
    throw signal.aborted ? cancelled(`copying ${transfer.file.path}`, signal.reason) : error
  }
}
