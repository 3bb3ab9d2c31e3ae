import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { MusterError } from '../../domain/failures.ts'
import { keyType, publicKeyBlob, rawPublicKey } from './ed25519.ts'

/** `ssh-ed25519 AAAA…`, without a comment. */
export function publicKeyText(raw: Uint8Array): string {
  return `${keyType} ${publicKeyBlob(raw).toString('base64')}`
}

/**
 * The 32 bytes of a public key written as `ssh-ed25519 AAAA… comment`.
 * @throws MusterError InvalidInput when it is anything else
 */
export function parsePublicKey(text: string): Buffer {
  const [type, base64 = ''] = text.trim().split(/\s+/)
  try {
    if (type !== keyType) throw new RangeError(`it begins with ${JSON.stringify(type?.slice(0, 40))}`)
    const blob = Buffer.from(base64, 'base64')
    if (blob.toString('base64') !== base64) throw new RangeError('it is not base64')
    return rawPublicKey(blob)
  } catch (cause) {
    throw new MusterError('InvalidInput', `not an ed25519 public key: ${(cause as Error).message}`, {
      cause,
      hint: `a public key is one line like: ${keyType} AAAAC3Nz…`,
    })
  }
}

/**
 * `SHA256:…` of a public key, as `ssh-keygen -lf` prints it.
 * @throws MusterError InvalidInput when it is no ed25519 public key
 */
export function fingerprint(publicKey: string): string {
  const digest = createHash('sha256')
    .update(publicKeyBlob(parsePublicKey(publicKey)))
    .digest('base64')
  return `SHA256:${digest.replace(/=+$/, '')}`
}

/**
 * The public key of a `.pub` file, without its comment.
 * @throws MusterError SecretMissing when it cannot be read, InvalidInput when it is no ed25519 public key
 */
export async function readPublicKey(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new MusterError('SecretMissing', `the public key file ${path} cannot be read (${cause.code})`, { cause })
  })
  return publicKeyText(parsePublicKey(text))
}
