/** What is known about one object of a bucket, and whether it is the file that was to be put there. */
import { createHash } from 'node:crypto'
import { GetObjectCommand, HeadBucketCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { MusterError } from '../../domain/failures.ts'
import type { S3Connection } from './s3-client.ts'
import { isNotFound } from './s3-failures.ts'
import type { ObjectStat, PutFile, TransferOptions } from './store.ts'

export interface S3Object extends ObjectStat {
  /** Names are in lower case. */
  readonly metadata: Readonly<Record<string, string>>
}

/** Null when proved absent: the bucket is there and the key is not. */
export async function findObject(s3: S3Connection, key: string): Promise<S3Object | null> {
  return s3.with('read', `looking for ${key}`, async (client) => {
    const request = new HeadObjectCommand({ Bucket: s3.bucket, Key: s3.inBucket(key) })
    const answer = await client.send(request).catch((error: unknown) => {
      if (isNotFound(error)) return null
      throw error
    })
    if (answer === null) {
      await proveBucket(s3)
      return null
    }
    return {
      key,
      sizeBytes: answer.ContentLength ?? 0,
      modifiedAt: (answer.LastModified ?? new Date(0)).toISOString(),
      metadata: answer.Metadata ?? {},
    }
  })
}

/** @throws MusterError PreconditionFailed when there is no such bucket */
export async function proveBucket(s3: S3Connection): Promise<void> {
  await s3.with('read', 'looking for the bucket', async (client) => {
    await client.send(new HeadBucketCommand({ Bucket: s3.bucket })).catch((error: unknown) => {
      if (!isNotFound(error)) throw error
      throw new MusterError('PreconditionFailed', `there is no bucket ${s3.bucket} at ${s3.place.server}`, {
        cause: error,
        hint: 'make the bucket, or correct bucket and endpoint in muster.yaml',
      })
    })
  })
}

/**
 * Whether the key is there with the size and hash of a file.
 * @throws MusterError ChecksumMismatch when it is there with other content
 */
export async function isStored(s3: S3Connection, key: string, file: PutFile, options: TransferOptions): Promise<boolean> {
  const found = await findObject(s3, key)
  if (!found) return false
  const changed = (what: string) => new MusterError('ChecksumMismatch', `${key} is in the bucket ${s3.bucket} with other content: ${what}`)
  if (found.sizeBytes !== file.sizeBytes) throw changed(`${found.sizeBytes} bytes, not ${file.sizeBytes}`)
  // an object that another tool has copied here does not say its hash
  const sha256 = found.metadata['sha256'] ?? (await hashObject(s3, key, options))
  if (sha256 !== file.sha256) throw changed(`SHA-256 ${sha256}, not ${file.sha256}`)
  return true
}

async function hashObject(s3: S3Connection, key: string, options: TransferOptions): Promise<string> {
  return s3.with('read', `reading ${key}`, async (client) => {
    const request = new GetObjectCommand({ Bucket: s3.bucket, Key: s3.inBucket(key) })
    const { Body } = await client.send(request, options.signal && { abortSignal: options.signal })
    const hash = createHash('sha256')
    let compared = 0
    for await (const piece of Body as AsyncIterable<Buffer>) {
      hash.update(piece)
      compared += piece.length
      options.onProgress?.(compared)
    }
    return hash.digest('hex')
  })
}
