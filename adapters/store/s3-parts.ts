/** How a file is divided into parts, and which parts an upload that was not finished already has. */
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { ListMultipartUploadsCommand, ListPartsCommand, type MultipartUpload, type Part, type S3Client } from '@aws-sdk/client-s3'
import type { S3Connection } from './s3-client.ts'
import { readAt, throwIfCancelled } from './source-file.ts'
import type { PutFile, TransferOptions } from './store.ts'

const mebibyte = 1024 * 1024
export const partBytes = 16 * mebibyte
const mostParts = 10_000

export interface FilePart {
  /** From 1. */
  readonly number: number
  readonly position: number
  readonly sizeBytes: number
}

/** A part that the server holds; what completes the upload. */
export interface StoredPart {
  readonly number: number
  readonly etag: string
  /** Base64; absent where the server does not check SHA-256. */
  readonly sha256?: string
}

export interface Upload {
  readonly id: string
  /** Which checksum its parts state. */
  readonly checksum: 'sha256' | 'md5'
  readonly parts: ReadonlyMap<number, StoredPart>
}

/** The same parts for the same size, always: that is what makes an upload resumable. */
export function divide(sizeBytes: number): FilePart[] {
  const size = Math.max(partBytes, Math.ceil(sizeBytes / mostParts / mebibyte) * mebibyte)
  const parts: FilePart[] = []
  for (let position = 0; position < sizeBytes; position += size) {
    parts.push({ number: parts.length + 1, position, sizeBytes: Math.min(size, sizeBytes - position) })
  }
  return parts
}

/** @throws MusterError ChecksumMismatch where the file ends early; SourceUnreadable; Cancelled */
export async function readPart(source: FileHandle, file: PutFile, part: FilePart, signal: AbortSignal | undefined): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(part.sizeBytes)
  for (let filled = 0; filled < bytes.length; ) {
    throwIfCancelled(signal, `copying ${file.path}`)
    filled += await readAt(source, file, bytes.subarray(filled, filled + mebibyte), part.position + filled)
  }
  return bytes
}

/**
 * The newest unfinished upload of exactly this key all of whose parts are proven equal to the
 * file's; null when there is none. Uploads of other content are left to sweepUnfinished: someone may be at them.
 */
export async function findUpload(
  s3: S3Connection,
  client: S3Client,
  key: string,
  file: PutFile,
  source: FileHandle,
  options: TransferOptions,
): Promise<Upload | null> {
  const candidates: MultipartUpload[] = []
  for await (const upload of listUploads(s3, client, s3.inBucket(key))) {
    if (upload.Key === s3.inBucket(key)) candidates.push(upload)
  }
  candidates.sort((left, right) => (right.Initiated?.getTime() ?? 0) - (left.Initiated?.getTime() ?? 0))
  for (const { UploadId: id } of candidates) {
    const listed = id === undefined ? null : await listParts(s3, client, key, id)
    if (id === undefined || !listed || listed.parts.length === 0) continue
    const parts = await proveParts(listed.parts, file, source, options)
    if (parts) return { id, checksum: listed.checksum, parts }
  }
  return null
}

/** Unfinished uploads whose key in the bucket begins with a prefix. */
export async function* listUploads(s3: S3Connection, client: S3Client, prefix: string): AsyncGenerator<MultipartUpload> {
  let marker: { KeyMarker?: string; UploadIdMarker?: string } = {}
  for (;;) {
    const answer = await client.send(new ListMultipartUploadsCommand({ Bucket: s3.bucket, Prefix: prefix, ...marker }))
    yield* answer.Uploads ?? []
    if (!answer.IsTruncated || answer.NextKeyMarker === undefined) return
    const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = answer
    marker = { KeyMarker, ...(UploadIdMarker !== undefined && { UploadIdMarker }) }
  }
}

/** Null when the upload was ended meanwhile. */
async function listParts(
  s3: S3Connection,
  client: S3Client,
  key: string,
  id: string,
): Promise<{ readonly parts: readonly Part[]; readonly checksum: 'sha256' | 'md5' } | null> {
  const parts: Part[] = []
  let marker: string | undefined
  for (;;) {
    const request = { Bucket: s3.bucket, Key: s3.inBucket(key), UploadId: id }
    const page = new ListPartsCommand({ ...request, ...(marker !== undefined && { PartNumberMarker: marker }) })
    const answer = await client.send(page).catch((error: unknown) => {
      if ((error as Error).name === 'NoSuchUpload') return null
      throw error
    })
    if (!answer) return null
    parts.push(...(answer.Parts ?? []))
    if (answer.IsTruncated && answer.NextPartNumberMarker) {
      marker = String(answer.NextPartNumberMarker)
      continue
    }
    const stated = answer.ChecksumAlgorithm === 'SHA256' || parts.some((part) => part.ChecksumSHA256)
    return { parts, checksum: stated ? 'sha256' : 'md5' }
  }
}

/** Null when a part is not one of this file. */
async function proveParts(listed: readonly Part[], file: PutFile, source: FileHandle, options: TransferOptions): Promise<Map<number, StoredPart> | null> {
  const wanted = new Map(divide(file.sizeBytes).map((part) => [part.number, part]))
  const proven = new Map<number, StoredPart>()
  for (const { PartNumber: number = 0, Size: size, ETag: etag = '', ChecksumSHA256: sha256 } of listed) {
    const part = wanted.get(number)
    if (!part || part.sizeBytes !== size) return null
    const bytes = await readPart(source, file, part, options.signal)
    options.onProgress?.(0)
    const equal = sha256 ? sha256 === digest('sha256', bytes, 'base64') : etag.replaceAll('"', '') === digest('md5', bytes, 'hex')
    if (!equal) return null
    proven.set(number, { number, etag, ...(sha256 && { sha256 }) })
  }
  return proven
}

export function digest(algorithm: 'sha256' | 'md5', bytes: Buffer, encoding: 'hex' | 'base64'): string {
  return createHash(algorithm).update(bytes).digest(encoding)
}
