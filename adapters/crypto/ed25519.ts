import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { WireReader, wireString } from './openssh-wire.ts'

export const keyType = 'ssh-ed25519'
export const publicKeyBytes = 32
export const signatureBytes = 64

/** What stands before the raw bytes of an ed25519 key in the encodings that node:crypto reads (RFC 8410). */
const spkiHead = Buffer.from('302a300506032b6570032100', 'hex')
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex')

/** @param raw 32 bytes */
export function publicKeyObject(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([spkiHead, raw]), format: 'der', type: 'spki' })
}

/** @param seed 32 bytes */
export function privateKeyObject(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' })
}

/** The public key as OpenSSH encodes it: type and raw key. */
export function publicKeyBlob(raw: Uint8Array): Buffer {
  return Buffer.concat([wireString(keyType), wireString(raw)])
}

/**
 * The raw 32 bytes of an encoded public key.
 * @throws RangeError when it is of another type or malformed
 */
export function rawPublicKey(blob: Uint8Array): Buffer {
  const reader = new WireReader(blob)
  const type = reader.text()
  if (type !== keyType) throw new RangeError(`the key is of type ${JSON.stringify(type.slice(0, 40))}, not ${keyType}`)
  const raw = reader.string()
  reader.end()
  if (raw.length !== publicKeyBytes) throw new RangeError(`the key has ${raw.length} bytes instead of ${publicKeyBytes}`)
  return raw
}
