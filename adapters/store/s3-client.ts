/** The SDK's clients of one S3 store, made when they are first needed: secrets are resolved no earlier. */
import { S3Client } from '@aws-sdk/client-s3'
import type { S3StoreConfig } from '../../domain/config.ts'
import { type S3Place, explain } from './s3-failures.ts'

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface S3CredentialSources {
  readonly read: () => Promise<S3Credentials>
  readonly write: () => Promise<S3Credentials>
}

// Which Node Muster runs on is said by package.json and doctor, not by a library in the middle of a command's output.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'

const connectionTimeoutMilliseconds = 5_000
/** Without a byte in either direction; a slow line is no failure. */
const silenceMilliseconds = 60_000

export class S3Connection {
  readonly bucket: string
  readonly place: S3Place
  private readonly config: S3StoreConfig
  private readonly sources: S3CredentialSources
  private readonly clients = new Map<'read' | 'write', Promise<S3Client>>()
  private readonly prefix: string

  constructor(config: S3StoreConfig, sources: S3CredentialSources) {
    this.config = config
    this.sources = sources
    this.bucket = config.bucket
    this.prefix = config.prefix.replace(/^\/+|\/+$/g, '')
    this.place = { bucket: config.bucket, server: config.endpoint ?? config.region }
  }

  /** The key in the bucket of a key, or prefix, of the store. */
  inBucket(key: string): string {
    return this.prefix === '' ? key : `${this.prefix}/${key}`
  }

  fromBucket(key: string): string {
    return this.prefix === '' ? key : key.slice(this.prefix.length + 1)
  }

  /**
   * Makes requests with one of the store's credentials; what they throw is explained.
   * Refused credentials are resolved anew by the next call: they may have been replaced.
   */
  async with<T>(credentials: 'read' | 'write', doing: string, act: (client: S3Client) => Promise<T>): Promise<T> {
    try {
      return await act(await this.client(credentials))
    } catch (error) {
      const failure = explain(error, this.place, doing, credentials)
      if (failure.type === 'CredentialsRejected') this.clients.delete(credentials)
      throw failure
    }
  }

  private client(credentials: 'read' | 'write'): Promise<S3Client> {
    const known = this.clients.get(credentials)
    if (known) return known
    const made = this.sources[credentials]().then((secret) => this.connect(secret))
    this.clients.set(credentials, made)
    made.catch(() => this.clients.delete(credentials))
    return made
  }

  private connect(credentials: S3Credentials): S3Client {
    return new S3Client({
      region: this.config.region,
      ...(this.config.endpoint !== undefined && { endpoint: this.config.endpoint }),
      forcePathStyle: this.config.forcePathStyle,
      credentials: { accessKeyId: credentials.accessKeyId, secretAccessKey: credentials.secretAccessKey },
      maxAttempts: 2,
      retryMode: 'standard',
      followRegionRedirects: false,
      // each upload states its own SHA-256, and each reader compares with a signed manifest
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: { connectionTimeout: connectionTimeoutMilliseconds, socketTimeout: silenceMilliseconds },
    })
  }
}
