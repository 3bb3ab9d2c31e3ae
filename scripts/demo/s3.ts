/** A real S3 server on loopback, standing for another site. */
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { untilListening } from './notices.ts'
import type { DemoPlaces } from './places.ts'
import { freePort } from './ports.ts'
import { startPart } from './processes.ts'
import { s3ServerProgram } from './programs.ts'

export interface OffsiteStore {
  readonly endpoint: string
  readonly bucket: string
  /** Reference to the key of the server. */
  readonly credentials: string
}

export async function startOffsite(places: DemoPlaces): Promise<OffsiteStore> {
  const port = await freePort()
  const [accessKeyId, secretAccessKey] = ['demo', randomBytes(16).toString('hex')]
  await startPart(places, 's3', [await s3ServerProgram(), '--port', `127.0.0.1:${port}`, '--quiet', 'posix', join(places.s3, 'buckets')], {
    ROOT_ACCESS_KEY: accessKeyId,
    ROOT_SECRET_KEY: secretAccessKey,
  })
  await untilListening(port)
  const endpoint = `http://127.0.0.1:${port}`
  const bucket = 'shop-dr'
  const client = new S3Client({ region: 'us-east-1', endpoint, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } })
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
  } finally {
    client.destroy()
  }
  const file = join(places.secrets, 's3')
  await writeFile(file, `${accessKeyId}:${secretAccessKey}`, { mode: 0o600 })
  return { endpoint, bucket, credentials: `file:${file}` }
}
