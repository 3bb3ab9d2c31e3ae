/**
 * A signed document: one line of canonical JSON, then an armoured SSH signature over that
 * line, newline included. docs/repository-format.md has the commands that check one by hand.
 */
import { createHash } from 'node:crypto'
import type { Signer, Verifier, VerifiedSigner } from '../adapters/crypto/crypto.ts'
import { canonicalJson } from '../domain/canonical-json.ts'
import { MusterError } from '../domain/failures.ts'
import type { SignedKind } from '../domain/repository-format.ts'

export const documentLimitBytes = 1024 * 1024

export interface OpenedDocument<T> {
  readonly value: T
  /** SHA-256 of the signed text; what a control record's `previous` refers to. */
  readonly textSha256: string
  /** The key that signed it. */
  readonly publicKey: string
  readonly signer: VerifiedSigner
}

/** The bytes to store. Deterministic: the same value and key give the same bytes. */
export function signDocument(signer: Signer, kind: SignedKind, value: unknown): Buffer {
  const text = Buffer.from(`${canonicalJson(value)}\n`)
  const armor = signer.sign(kind, text)
  return Buffer.concat([text, Buffer.from(armor.endsWith('\n') ? armor : `${armor}\n`)])
}

/**
 * Checks the signature, then parses.
 * @throws MusterError SignatureInvalid | KeyNotTrusted | ManifestInvalid, each naming `place`
 */
export function openDocument<T>(verifier: Verifier, kind: SignedKind, bytes: Uint8Array, place: string): OpenedDocument<T> {
  const { text, armor } = splitDocument(bytes, place)
  let signer: VerifiedSigner
  try {
    signer = verifier.verify(kind, text, armor)
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    throw new MusterError(error.type, `${error.message} [${place}]`, { cause: error, hint: error.hint })
  }
  return { value: parseText<T>(text, place), textSha256: sha256Hex(text), publicKey: signer.publicKey, signer }
}

/** The text and the signature of a document whose signer is not yet known: key lists only. */
export function splitDocument(bytes: Uint8Array, place: string): { readonly text: Buffer; readonly armor: string } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = buffer.indexOf(0x0a)
  if (end < 0) throw new MusterError('ManifestInvalid', `the document has no signature [${place}]`)
  return { text: buffer.subarray(0, end + 1), armor: buffer.subarray(end + 1).toString('utf8') }
}

export function parseText<T>(text: Buffer, place: string): T {
  try {
    return JSON.parse(text.toString('utf8')) as T
  } catch (error) {
    throw new MusterError('ManifestInvalid', `the signed text is not JSON [${place}]`, { cause: error })
  }
}

export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}
