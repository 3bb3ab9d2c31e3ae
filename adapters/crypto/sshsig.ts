import { createHash, type KeyObject, sign, verify } from 'node:crypto'
import { keyType, publicKeyBlob, publicKeyObject, rawPublicKey, signatureBytes } from './ed25519.ts'
import { WireReader, wireNumber, wireString } from './openssh-wire.ts'

const begin = '-----BEGIN SSH SIGNATURE-----'
const end = '-----END SSH SIGNATURE-----'
const magic = Buffer.from('SSHSIG')
const version = 1
const lineLength = 70
const longestArmor = 16_384

/** A signature as `ssh-keygen -Y sign` writes it, taken apart but not yet verified. */
export interface SshSignature {
  readonly rawPublicKey: Buffer
  readonly namespace: string
  readonly hash: 'sha256' | 'sha512'
  readonly signature: Buffer
}

/** Signs like `ssh-keygen -Y sign -n NAMESPACE`; the same text and key always give the same armor. */
export function signArmored(key: KeyObject, rawKey: Uint8Array, namespace: string, text: Uint8Array): string {
  const signature = sign(null, signedData(namespace, 'sha512', text), key)
  const blob = Buffer.concat([
    magic,
    wireNumber(version),
    wireString(publicKeyBlob(rawKey)),
    wireString(namespace),
    wireString(''),
    wireString('sha512'),
    wireString(Buffer.concat([wireString(keyType), wireString(signature)])),
  ])
  const lines = blob.toString('base64').match(new RegExp(`.{1,${lineLength}}`, 'g')) ?? []
  return `${[begin, ...lines, end].join('\n')}\n`
}

/** @throws RangeError when it is anything else than one whole ed25519 signature */
export function parseArmored(armor: string): SshSignature {
  if (armor.length > longestArmor) throw new RangeError('it is too long')
  const body = armor.trim()
  if (!body.startsWith(begin) || !body.endsWith(end)) throw new RangeError('it is not an SSH signature')
  const base64 = body.slice(begin.length, -end.length).replaceAll(/\s/g, '')
  const blob = Buffer.from(base64, 'base64')
  if (blob.toString('base64') !== base64) throw new RangeError('it is not base64')
  const reader = new WireReader(blob)
  if (!reader.take(magic.length).equals(magic)) throw new RangeError('it is not an SSH signature')
  if (reader.number() !== version) throw new RangeError('it has another version')
  const publicKey = rawPublicKey(reader.string())
  const namespace = reader.text()
  reader.string()
  const hash = reader.text()
  const inner = new WireReader(reader.string())
  reader.end()
  if (hash !== 'sha256' && hash !== 'sha512') throw new RangeError('it uses an unknown hash')
  const type = inner.text()
  const signature = inner.string()
  inner.end()
  if (type !== keyType || signature.length !== signatureBytes) throw new RangeError('it is not an ed25519 signature')
  return { rawPublicKey: publicKey, namespace, hash, signature }
}

/** Whether the signature is of this text, in the namespace it states, by the key it states. */
export function matches(signature: SshSignature, text: Uint8Array): boolean {
  const data = signedData(signature.namespace, signature.hash, text)
  return verify(null, data, publicKeyObject(signature.rawPublicKey), signature.signature)
}

function signedData(namespace: string, hash: string, text: Uint8Array): Buffer {
  const digest = createHash(hash).update(text).digest()
  return Buffer.concat([magic, wireString(namespace), wireString(''), wireString(hash), wireString(digest)])
}
