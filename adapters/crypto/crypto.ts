/**
 * The `crypto` port: encryption to public keys, and signatures. Nothing here ever
 * sees a private age identity except `decrypt*`, which run on restore hosts only.
 */
import type { Readable } from 'node:stream'
import type { SignedKind } from '../../domain/repository-format.ts'

export interface EncryptedFile {
  readonly path: string
  readonly sizeBytes: number
  readonly sha256: string
  readonly plainSizeBytes: number
  readonly plainSha256: string
}

export interface CryptoOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (plainBytes: number) => void
  /** Label put on child processes; see adapters/process. */
  readonly label?: string
}

export interface Encryption {
  readonly recipients: readonly string[]
  /** Encrypts a stream into a new file (0600, flushed). The file is absent when this throws. */
  encryptToFile(source: Readable, path: string, options?: CryptoOptions): Promise<EncryptedFile>
}

export interface Decryption {
  /**
   * Decrypts; `plain` ends only after the whole ciphertext was authenticated, and `done` rejects
   * when it was not: nothing read from `plain` may be used before `done` has resolved.
   */
  decrypt(source: Readable, options?: CryptoOptions): { readonly plain: Readable; readonly done: Promise<void> }
}

/** Signs one line of text in a namespace (SSHSIG, ed25519). */
export interface Signer {
  readonly publicKey: string
  sign(kind: SignedKind, text: Uint8Array): string
}

/** Whose signatures count for a kind of document at a time. */
export interface Verifier {
  /**
   * `at` is the time that the document itself states (ISO-8601 UTC): the key must have been trusted then.
   * Without it the key must be trusted now and must never have been revoked.
   * @throws MusterError SignatureInvalid | KeyNotTrusted
   */
  verify(kind: SignedKind, text: Uint8Array, armor: string, at?: string): VerifiedSigner
}

export interface VerifiedSigner {
  readonly publicKey: string
  /** Whose key it is, as the key list says; null where keys have no names. */
  readonly name: string | null
  /** ISO-8601 UTC; null: since ever. */
  readonly validFrom: string | null
}

/** Proves what a person signed. */
export interface ApprovalVerifier {
  /**
   * @param request `publicKey` as the configuration has it, `text` as the person must have signed it
   * @returns fingerprint of the key
   * @throws MusterError ApprovalRejected
   */
  verify(request: {
    readonly person: string
    readonly publicKey: string
    readonly text: string
    readonly signature: string
    readonly signal?: AbortSignal
  }): Promise<string>
}

/** Signs in the name of the person at the terminal. */
export interface ApprovalSigner {
  /** `keyFile` null: the usual file of that key, else the SSH agent. @throws MusterError SecretMissing */
  sign(request: { readonly publicKey: string; readonly keyFile: string | null; readonly text: string }): Promise<string>
}
