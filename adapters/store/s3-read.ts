/** Objects of a bucket as streams. */
import type { Readable } from 'node:stream'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import { cancelled, guardStream } from './guarded-stream.ts'
import type { S3Connection } from './s3-client.ts'
import { explain, isNotFound } from './s3-failures.ts'
import { missing } from './small-object.ts'

/** As Store.read. */
export async function readFromBucket(s3: S3Connection, store: string, key: string, signal: AbortSignal | undefined): Promise<Readable> {
  const doing = `reading ${key}`
  const body = await s3.with('read', doing, async (client) => {
    const request = new GetObjectCommand({ Bucket: s3.bucket, Key: s3.inBucket(key) })
    const answer = await client.send(request, signal && { abortSignal: signal }).catch((error: unknown) => {
      if (signal?.aborted) throw cancelled(doing, signal.reason)
      throw isNotFound(error) ? missing(key, store, error) : error
    })
    return answer.Body as Readable
  })
  return guardStream(body, (error) => explain(error, s3.place, doing, 'read'), doing, signal)
}
