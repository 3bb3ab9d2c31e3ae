import { MusterError } from '../../domain/failures.ts'
import { type SignedKind, signatureNamespaces } from '../../domain/repository-format.ts'
import type { Signer, Verifier, VerifiedSigner } from './crypto.ts'
import { parsePrivateKey, type PrivateKey, readPrivateKey } from './private-key.ts'
import { parsePublicKey, publicKeyText } from './public-key.ts'
import { matches, parseArmored, type SshSignature, signArmored } from './sshsig.ts'

export { fingerprint, readPublicKey } from './public-key.ts'
export { createSigningKey } from './signing-key.ts'

/** Whose signatures count, for which kinds of documents, and when. */
export interface TrustedSigner {
  /** `ssh-ed25519 AAAA…`; a comment is ignored. */
  readonly publicKey: string
  readonly kinds: readonly SignedKind[]
  /** Whose it is: a host, or `control`. */
  readonly name?: string
  /** First moment at which it counts; always when left out. */
  readonly validFrom?: string
  /** First moment at which it no longer counts; null or left out: never revoked. */
  readonly revokedSince?: string | null
}

/**
 * A signer with an unencrypted ed25519 key file of OpenSSH.
 * @throws MusterError SecretMissing (no such file), PreconditionFailed (passphrase, other type, damaged)
 */
export async function loadSigner(privateKeyFile: string): Promise<Signer> {
  return signerWith(await readPrivateKey(privateKeyFile))
}

/** The same with the text of such a file. `place` is for messages. @throws MusterError PreconditionFailed */
export function parseSigner(text: string, place: string): Signer {
  return signerWith(parsePrivateKey(text, place))
}

function signerWith({ key, rawPublicKey }: PrivateKey): Signer {
  return {
    publicKey: publicKeyText(rawPublicKey),
    sign: (kind, text) => signArmored(key, rawPublicKey, signatureNamespaces[kind], text),
  }
}

/**
 * A verifier that trusts exactly these keys. It believes the time that a document states: who holds a
 * revoked key can still date a document back, so that the order of control records has to show it.
 * @throws MusterError InvalidInput when a key or a time in the list is none
 */
export function createVerifier(trusted: readonly TrustedSigner[]): Verifier {
  const signers = trusted.map((signer) => ({
    kinds: signer.kinds,
    name: signer.name ?? null,
    validFrom: signer.validFrom ?? null,
    publicKey: publicKeyText(parsePublicKey(signer.publicKey)),
    fromMs: signer.validFrom === undefined ? Number.NEGATIVE_INFINITY : moment(signer.validFrom),
    untilMs: signer.revokedSince ? moment(signer.revokedSince) : Number.POSITIVE_INFINITY,
  }))
  return {
    verify(kind, text, armor, at) {
      const signature = readSignature(kind, armor)
      if (!matches(signature, text)) {
        throw new MusterError('SignatureInvalid', `the signature of the ${wordsFor(kind)} is not of this text`)
      }
      const publicKey = publicKeyText(signature.rawPublicKey)
      const candidates = signers.filter((signer) => signer.publicKey === publicKey && signer.kinds.includes(kind))
      if (candidates.length === 0) {
        throw new MusterError('KeyNotTrusted', `the ${wordsFor(kind)} was signed by ${publicKey}, which is not trusted for it`)
      }
      const atMs = at === undefined ? undefined : moment(at)
      const found = candidates.find((signer) => countsAt(signer, atMs))
      if (!found) {
        const when = at === undefined ? 'now' : `at ${at}`
        throw new MusterError('KeyNotTrusted', `the ${wordsFor(kind)} was signed by ${publicKey}, which is not valid ${when}`)
      }
      return { publicKey, name: found.name, validFrom: found.validFrom } satisfies VerifiedSigner
    },
  }
}

function countsAt(signer: { readonly fromMs: number; readonly untilMs: number }, atMs: number | undefined): boolean {
  if (atMs !== undefined) return signer.fromMs <= atMs && atMs < signer.untilMs
  return signer.fromMs <= Date.now() && signer.untilMs === Number.POSITIVE_INFINITY
}

function readSignature(kind: SignedKind, armor: string): SshSignature {
  let signature: SshSignature
  try {
    signature = parseArmored(armor)
  } catch (cause) {
    throw new MusterError('SignatureInvalid', `the signature of the ${wordsFor(kind)} cannot be read: ${(cause as Error).message}`, {
      cause,
    })
  }
  const expected = signatureNamespaces[kind]
  if (signature.namespace === expected) return signature
  const found = JSON.stringify(signature.namespace.slice(0, 60))
  throw new MusterError('SignatureInvalid', `the signature of the ${wordsFor(kind)} is made for ${found}, not for ${expected}`)
}

/** `recoveryKit` → `recovery kit`. */
function wordsFor(kind: SignedKind): string {
  return signatureNamespaces[kind].slice('muster-'.length).replaceAll('-', ' ')
}

function moment(time: string): number {
  const ms = Date.parse(time)
  if (Number.isNaN(ms)) throw new MusterError('InvalidInput', `${JSON.stringify(time)} is not a time in ISO-8601 UTC`)
  return ms
}
