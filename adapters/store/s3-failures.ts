/** Errors of an S3 server and of the way to it, said as failures of a store. */
import { MusterError } from '../../domain/failures.ts'

/** Where and with what a request was made, for messages. */
export interface S3Place {
  /** Endpoint, or the region where there is none. */
  readonly server: string
  readonly bucket: string
}

const throttling = /^(SlowDown|Throttl|RequestLimitExceeded|TooManyRequests|ServiceUnavailable|RequestThrottled)/
const full = /^(InsufficientStorage|QuotaExceeded|XMinioStorageFull|StorageFull)/
const damaged = /^(BadDigest|InvalidDigest|XAmzContentSHA256Mismatch|XAmzContentChecksumMismatch)/
const rejected = /^(AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|RequestTimeTooSkewed)/

export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}

/** The status of the answer, 0 when there was none. */
export function statusOf(error: unknown): number {
  return (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode ?? 0
}

/** Someone else has, or is just making, the key: 412 and 409. */
export function isTaken(error: unknown): boolean {
  return statusOf(error) === 412 || statusOf(error) === 409 || nameOf(error) === 'PreconditionFailed'
}

/** The key is absent, or for HEAD requests perhaps the whole bucket: their answers have no body that would tell. */
export function isNotFound(error: unknown): boolean {
  return nameOf(error) !== 'NoSuchBucket' && (statusOf(error) === 404 || nameOf(error) === 'NoSuchKey')
}

/**
 * The failure that an error of the SDK means; a MusterError passes unchanged.
 * @param doing what failed, such as `writing backups/…`
 * @param credentials which of the store's credentials the request was signed with
 */
export function explain(error: unknown, place: S3Place, doing: string, credentials: 'read' | 'write'): MusterError {
  if (error instanceof MusterError) return error
  const name = nameOf(error)
  const status = statusOf(error)
  const where = `in the bucket ${place.bucket} at ${place.server}`
  const message = `${doing} ${where} failed: ${describe(error)}`
  const options = { cause: error }
  if (name === 'NoSuchBucket') {
    const hint = 'make the bucket, or correct bucket and endpoint in muster.yaml'
    return new MusterError('PreconditionFailed', `${doing} failed: there is no bucket ${place.bucket} at ${place.server}`, {
      ...options,
      hint,
    })
  }
  if (throttling.test(name) || status === 503 || status === 429) return new MusterError('Throttled', message, options)
  if (full.test(name) || status === 507 || /no space left|ENOSPC/i.test(textOf(error))) {
    return new MusterError('DiskFull', message, options)
  }
  if (rejected.test(name) || status === 403 || status === 401) {
    const hint = name === 'RequestTimeTooSkewed' ? 'set the clock of that host' : undefined
    const said = `${doing} ${where} was refused to the store's ${credentials} credentials: ${describe(error)}`
    return new MusterError('CredentialsRejected', said, { ...options, ...(hint && { hint }) })
  }
  if (damaged.test(name)) return new MusterError('ChecksumMismatch', message, options)
  if (status === 405) return new MusterError('StoreReadOnly', message, options)
  if (status === 301 || status === 307) {
    const hint = 'correct region and endpoint in muster.yaml: the bucket is somewhere else'
    return new MusterError('PreconditionFailed', message, { ...options, hint })
  }
  if (status >= 400 && status < 500 && status !== 408) return new MusterError('PreconditionFailed', message, options)
  return new MusterError('Unreachable', message, options)
}

/** Never the whole error: requests carry signatures. */
function describe(error: unknown): string {
  const status = statusOf(error)
  const code = (error as { code?: unknown } | undefined)?.code
  const said = [nameOf(error), code, textOf(error)].filter((part) => typeof part === 'string' && part !== '')
  const text = [...new Set(said)].join(': ').replaceAll(/\s+/g, ' ').slice(0, 300)
  return status === 0 ? text : `${status} ${text}`
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}
