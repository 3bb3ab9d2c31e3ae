// Makes a bucket where there is none yet: node make-bucket.mjs ENDPOINT BUCKET
import { readFileSync } from 'node:fs'
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3'

const [endpoint, Bucket] = process.argv.slice(2)
const [accessKeyId, secretAccessKey] = readFileSync('/run/secrets/s3-credentials', 'utf8').trim().split(':')
const s3 = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } })
try {
  await s3.send(new HeadBucketCommand({ Bucket }))
} catch (error) {
  if (error.name !== 'NotFound') throw error
  await s3.send(new CreateBucketCommand({ Bucket }))
}
