import type { KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { MusterError } from '../../domain/failures.ts'
import { keyType, privateKeyObject, rawPublicKey } from './ed25519.ts'
import { WireReader } from './openssh-wire.ts'

const begin = '-----BEGIN OPENSSH PRIVATE KEY-----'
const end = '-----END OPENSSH PRIVATE KEY-----'
const magic = 'openssh-key-v1\0'

export interface PrivateKey {
  readonly rawPublicKey: Buffer
  readonly key: KeyObject
}

/**
 * An ed25519 key as `ssh-keygen -t ed25519 -N ''` writes it.
 * @throws MusterError SecretMissing when the file cannot be read, PreconditionFailed when it holds another kind
 * of key, or one that is protected by a passphrase
 */
export async function readPrivateKey(path: string): Promise<PrivateKey> {
  const text = await readFile(path, 'latin1').catch((cause: NodeJS.ErrnoException) => {
    throw new MusterError('SecretMissing', `the private key file ${path} cannot be read (${cause.code})`, { cause })
  })
  return parsePrivateKey(text, path)
}

/** The same for a text; `path` is for messages. @throws MusterError PreconditionFailed */
export function parsePrivateKey(text: string, path: string): PrivateKey {
  try {
    return parse(text)
  } catch (cause) {
    if (cause instanceof Unusable) {
      throw new MusterError('PreconditionFailed', `the private key ${path} ${cause.message}`, { hint: cause.hint })
    }
    // The cause may quote the key: it does not go on.
    throw new MusterError('PreconditionFailed', `the private key ${path} is damaged or not an OpenSSH private key`, {
      hint: 'make one with: ssh-keygen -t ed25519 -N "" -f FILE',
    })
  }
}

function parse(text: string): PrivateKey {
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from < 0 || to < from) throw new RangeError('no OpenSSH private key')
  const outer = new WireReader(Buffer.from(text.slice(from + begin.length, to), 'base64'))
  if (outer.take(magic.length).toString('latin1') !== magic) throw new RangeError('not openssh-key-v1')
  const cipher = outer.text()
  outer.string()
  outer.string()
  if (cipher !== 'none') throw new Unusable('is protected by a passphrase', 'take it off: ssh-keygen -p -N "" -f FILE')
  if (outer.number() !== 1) throw new RangeError('not exactly one key')
  const publicBlob = outer.string()
  const inner = new WireReader(outer.string())
  outer.end()
  return parseUnencrypted(inner, publicBlob)
}

function parseUnencrypted(reader: WireReader, publicBlob: Buffer): PrivateKey {
  if (reader.number() !== reader.number()) throw new RangeError('check numbers differ')
  const type = reader.text()
  if (type !== keyType) throw new Unusable(`is of type ${type}`, 'make one with: ssh-keygen -t ed25519 -N "" -f FILE')
  const raw = reader.string()
  const secret = reader.string()
  reader.string()
  if (!reader.rest().every((byte, index) => byte === index + 1)) throw new RangeError('wrong padding')
  // The secret is the seed followed by the public key; all three mentions of the public key must agree.
  const publicKey = rawPublicKey(publicBlob)
  if (secret.length !== 64 || !raw.equals(publicKey) || !secret.subarray(32).equals(publicKey)) {
    throw new RangeError('private and public key do not belong together')
  }
  return { rawPublicKey: Buffer.from(publicKey), key: privateKeyObject(secret.subarray(0, 32)) }
}

class Unusable extends Error {
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}
