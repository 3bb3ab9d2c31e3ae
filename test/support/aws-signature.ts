/** Checks that a request to one of Amazon's services was signed with the right secret (Signature Version 4). */
import { createHash, createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** The name of Amazon's error, or null when the signature is right. */
export function signatureError(request: IncomingMessage, body: Buffer, keys: Readonly<Record<string, string>>): string | null {
  const { authorization = '' } = request.headers
  const parts = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
    authorization,
  )
  if (!parts) return 'MissingAuthenticationToken'
  const [, id = '', day = '', region = '', service = '', signed = '', signature] = parts
  const secret = keys[id]
  if (secret === undefined) return 'InvalidClientTokenId'
  const url = new URL(request.url ?? '/', 'http://localhost')
  const query = [...url.searchParams].map(([name, value]) => `${escaped(name)}=${escaped(value)}`).sort()
  const headers = signed.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}\n`)
  const canonical = [request.method, url.pathname, query.join('&'), headers.join(''), signed, sha256(body)].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], `${day}/${region}/${service}/aws4_request`, sha256(canonical)].join('\n')
  const key = [region, service, 'aws4_request'].reduce<Buffer>((above, part) => hmac(above, part), hmac(`AWS4${secret}`, day))
  return hmac(key, toSign).toString('hex') === signature ? null : 'SignatureDoesNotMatch'
}

function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}

function sha256(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
