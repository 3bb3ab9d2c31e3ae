/**
 * Who is believed: the newest key list of an unbroken chain, signed by the root key whose
 * fingerprint a person gave. Nothing about trust is taken from a store.
 */
import type { Signer, Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import { keyListKey, keysPrefix } from '../domain/object-keys.ts'
import type { KeyList, SignedKind, TrustedKey } from '../domain/repository-format.ts'
import { documentLimitBytes, openDocument, signDocument } from './signed-document.ts'

export interface TrustTools {
  readonly createVerifier: (
    trusted: readonly { publicKey: string; kinds: readonly SignedKind[]; validFrom?: string; revokedSince?: string | null }[],
  ) => Verifier
  /** A verifier that accepts any key with this fingerprint, for key lists only. */
  readonly createRootVerifier: (fingerprint: string) => Verifier
}

const kindsOfRole: Record<TrustedKey['role'], readonly SignedKind[]> = {
  control: ['config', 'record'],
  host: ['manifest', 'wal', 'record'],
}

export interface Trust {
  readonly list: KeyList
  readonly verifier: Verifier
}

/** @throws MusterError KeyNotTrusted when the store has no list that the root key signed */
export async function readTrust(store: Store, rootFingerprint: string, tools: TrustTools): Promise<Trust> {
  const rootVerifier = tools.createRootVerifier(rootFingerprint)
  let previous = '0'.repeat(64)
  let newest: KeyList | null = null
  for await (const { key } of store.list(keysPrefix)) {
    const document = openDocument<KeyList>(rootVerifier, 'keys', await store.readBytes(key, documentLimitBytes), `${store.name}:${key}`)
    if (document.value.format !== 'muster-keys-1' || document.value.previous !== previous || key !== keyListKey(document.value.sequence)) {
      throw new MusterError('KeyNotTrusted', `the chain of key lists is broken [${store.name}:${key}]`)
    }
    previous = document.textSha256
    newest = document.value
  }
  if (!newest) {
    throw new MusterError('KeyNotTrusted', `store "${store.name}" has no key list`, {
      hint: 'run muster apply where the keys are; or compare the root fingerprint with the one you hold',
    })
  }
  return trustOf(newest, tools)
}

export function trustOf(list: KeyList, tools: TrustTools): Trust {
  const verifier = tools.createVerifier(
    list.keys.map((key) => ({
      publicKey: key.publicKey,
      kinds: kindsOfRole[key.role],
      validFrom: key.validFrom,
      revokedSince: key.revokedSince,
    })),
  )
  return { list, verifier }
}

/** The first key list; further ones (rotation) extend the chain. */
export function firstKeyList(root: Signer, keys: readonly TrustedKey[], at: string): { key: string; bytes: Buffer; list: KeyList } {
  const list: KeyList = { format: 'muster-keys-1', sequence: 1, previous: '0'.repeat(64), at, keys }
  return { key: keyListKey(1), bytes: signDocument(root, 'keys', list), list }
}
