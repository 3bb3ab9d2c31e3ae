/** The store that is a bucket of an S3 server. */
import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { AbortMultipartUploadCommand, DeleteObjectCommand, ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3'
import type { S3StoreConfig } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import { checkKey, checkPrefix } from './object-key.ts'
import { S3Connection, type S3CredentialSources } from './s3-client.ts'
import { explain, isNotFound, nameOf } from './s3-failures.ts'
import { findObject, proveBucket } from './s3-object.ts'
import { listUploads } from './s3-parts.ts'
import { putSmallInBucket } from './s3-put-bytes.ts'
import { readFromBucket } from './s3-read.ts'
import { putFileInBucket } from './s3-upload.ts'
import { checkSmall, readAtMost, smallObjectBytes } from './small-object.ts'
import type { ObjectStat, PutFile, PutOutcome, Store, StoreProbe, TransferOptions } from './store.ts'

/** One for all probes, so that buckets which keep every object do not fill with them. */
const probeKey = 'muster-probe'
const probeAttempts = 3

export interface S3StoreOptions {
  /** Objects asked for at a time when listing. */
  readonly pageSize?: number
}

/**
 * A store in a bucket. Credentials are resolved at the first request that needs them, and
 * again after they were refused. Listing and reading use `read`, everything else `write`.
 * Every call throws MusterError CredentialsRejected, Throttled, Unreachable, or
 * PreconditionFailed where there is no such bucket.
 */
export function createS3Store(name: string, config: S3StoreConfig, credentials: S3CredentialSources, options: S3StoreOptions = {}): Store {
  return new S3Store(name, new S3Connection(config, credentials), options.pageSize ?? 1000)
}

class S3Store implements Store {
  readonly name: string
  private readonly s3: S3Connection
  private readonly pageSize: number

  constructor(name: string, s3: S3Connection, pageSize: number) {
    this.name = name
    this.s3 = s3
    this.pageSize = pageSize
  }

  async putFile(key: string, file: PutFile, options: TransferOptions = {}): Promise<PutOutcome> {
    checkKey(key)
    return putFileInBucket(this.s3, key, file, options)
  }

  async putBytes(key: string, bytes: Uint8Array): Promise<PutOutcome> {
    checkKey(key)
    checkSmall(key, bytes)
    return putSmallInBucket(this.s3, key, Buffer.from(bytes), randomUUID())
  }

  async stat(key: string): Promise<ObjectStat | null> {
    checkKey(key)
    const found = await findObject(this.s3, key)
    return found && { key, sizeBytes: found.sizeBytes, modifiedAt: found.modifiedAt }
  }

  async read(key: string, options: { readonly signal?: AbortSignal } = {}): Promise<Readable> {
    checkKey(key)
    return readFromBucket(this.s3, this.name, key, options.signal)
  }

  async readBytes(key: string, maxBytes = smallObjectBytes): Promise<Buffer> {
    const stream = await this.read(key)
    return readAtMost(key, this.name, stream, maxBytes)
  }

  async *list(prefix: string): AsyncGenerator<ObjectStat> {
    checkPrefix(prefix)
    let token: string | undefined
    do {
      const page = await this.page(prefix, token)
      for (const { Key: key, Size: sizeBytes = 0, LastModified: modified = new Date(0) } of page.Contents ?? []) {
        // a key that ends in / is what consoles show as an empty folder
        if (key === undefined || key.endsWith('/')) continue
        yield { key: this.s3.fromBucket(key), sizeBytes, modifiedAt: modified.toISOString() }
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
      if (page.IsTruncated && token === undefined) {
        throw new MusterError('Unreachable', `${this.s3.place.server} broke off the listing of ${prefix}`)
      }
    } while (token !== undefined)
  }

  async remove(key: string): Promise<void> {
    checkKey(key)
    await this.s3.with('write', `removing ${key}`, async (client) => {
      const request = new DeleteObjectCommand({ Bucket: this.s3.bucket, Key: this.s3.inBucket(key) })
      await client.send(request).catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
    })
  }

  async sweepUnfinished(prefix: string, before: Date): Promise<number> {
    checkPrefix(prefix)
    return this.s3.with('write', `sweeping ${prefix}`, async (client) => {
      let swept = 0
      for await (const { Key, UploadId, Initiated } of listUploads(this.s3, client, this.s3.inBucket(prefix))) {
        if (Key === undefined || UploadId === undefined || !Initiated || Initiated >= before) continue
        const request = new AbortMultipartUploadCommand({ Bucket: this.s3.bucket, Key, UploadId })
        const finishedMeanwhile = (error: unknown) => {
          if (nameOf(error) === 'NoSuchUpload') return null
          throw error
        }
        if (await client.send(request).catch(finishedMeanwhile)) swept += 1
      }
      return swept
    })
  }

  async place(): Promise<string> {
    const { server, bucket } = this.s3.place
    return `s3:${server.toLowerCase().replace(/\/+$/, '')}/${bucket}`
  }

  async probe(options: { readonly write: boolean }): Promise<StoreProbe> {
    const facts = { freeBytes: null, place: await this.place() }
    let reachable = false
    try {
      await proveBucket(this.s3)
      reachable = true
      if (options.write) await this.tryWriting()
      return { reachable, writable: true, ...facts, problem: null }
    } catch (error) {
      return { reachable, writable: false, ...facts, problem: explain(error, this.s3.place, 'probing', 'write').message }
    }
  }

  /** The second write must be refused: a server that overwrites keeps no backup safe. */
  private async tryWriting(): Promise<void> {
    for (let attempt = 1; attempt <= probeAttempts; attempt += 1) {
      await this.putBytes(probeKey, Buffer.from('muster'))
      const again = await this.putBytes(probeKey, Buffer.from('muster'))
      await this.remove(probeKey).catch((error: unknown) => {
        // who may write but not delete is as it should be
        if (!(error instanceof MusterError) || error.type !== 'CredentialsRejected') throw error
      })
      // otherwise another probe may have removed the object between the two
      if (again === 'exists') return
    }
    throw new MusterError('PreconditionFailed', `${this.s3.place.server} overwrites objects: it ignores If-None-Match`)
  }

  private page(prefix: string, token: string | undefined): Promise<ListObjectsV2CommandOutput> {
    return this.s3.with('read', `listing ${prefix}`, (client) =>
      client.send(
        new ListObjectsV2Command({
          Bucket: this.s3.bucket,
          Prefix: this.s3.inBucket(prefix),
          MaxKeys: this.pageSize,
          ...(token !== undefined && { ContinuationToken: token }),
        }),
      ),
    )
  }
}
