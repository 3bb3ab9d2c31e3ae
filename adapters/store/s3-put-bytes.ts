/** The compare-and-set of small objects in a bucket. */
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { MusterError } from '../../domain/failures.ts'
import type { S3Connection } from './s3-client.ts'
import { isTaken } from './s3-failures.ts'
import { findObject } from './s3-object.ts'
import { digest } from './s3-parts.ts'
import type { PutOutcome } from './store.ts'

const writeAttempts = 4

/**
 * As Store.putBytes.
 * @param writer unique to this call: an answer can be lost and the request repeated, so who wrote is read from the object
 */
export async function putSmallInBucket(s3: S3Connection, key: string, bytes: Buffer, writer: string): Promise<PutOutcome> {
  for (let attempt = 1; attempt <= writeAttempts; attempt += 1) {
    const free = await putOnce(s3, key, bytes, writer)
    const found = await findObject(s3, key)
    const author = found?.metadata['writer']
    // a server that keeps no metadata leaves only its answer to go by
    if (found) return author === writer || (free && author === undefined) ? 'created' : 'exists'
    // 409: another write to the key was going on, and has come to nothing
  }
  throw new MusterError('Throttled', `${key} could not be written: the bucket ${s3.bucket} answers with conflicts`)
}

/** Whether the key was free. */
async function putOnce(s3: S3Connection, key: string, bytes: Buffer, writer: string): Promise<boolean> {
  const request = new PutObjectCommand({
    Bucket: s3.bucket,
    Key: s3.inBucket(key),
    IfNoneMatch: '*',
    Body: bytes,
    ContentLength: bytes.length,
    ChecksumSHA256: digest('sha256', bytes, 'base64'),
    Metadata: { sha256: digest('sha256', bytes, 'hex'), writer },
  })
  return s3.with('write', `writing ${key}`, (client) =>
    client.send(request).then(
      () => true,
      (error: unknown) => {
        if (isTaken(error)) return false
        throw error
      },
    ),
  )
}
