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
  control: ['config', 'record', 'recoveryKit'],
  host: ['manifest', 'wal', 'record', 'forecast', 'evidence', 'begun', 'audit', 'kit'],
}

export interface Trust {
  readonly list: KeyList
  readonly verifier: Verifier
  /** Control keys alone: for records that a host must not be able to make. */
  readonly controlVerifier: Verifier
}

export interface KeyDocument {
  /** For messages. */
  readonly place: string
  readonly bytes: Uint8Array
}

export interface KeyChain {
  readonly lists: readonly KeyList[]
  /** Hash of each list's text: two chains agree where these do. */
  readonly hashes: readonly string[]
}

/**
 * Proves a chain of key lists, first to last.
 * @throws MusterError KeyNotTrusted when one was not signed by the root key or does not follow the one before; SignatureInvalid
 */
export function openKeyChain(documents: readonly KeyDocument[], rootFingerprint: string, tools: TrustTools): KeyChain {
  const rootVerifier = tools.createRootVerifier(rootFingerprint)
  const lists: KeyList[] = []
  const hashes: string[] = []
  for (const { place, bytes } of documents) {
    const { value, textSha256 } = openDocument<KeyList>(rootVerifier, 'keys', bytes, place)
    const previous = hashes.at(-1) ?? '0'.repeat(64)
    if (value.format !== 'muster-keys-1' || value.previous !== previous || value.sequence !== lists.length + 1) {
      throw new MusterError('KeyNotTrusted', `the chain of key lists is broken [${place}]`)
    }
    lists.push(value)
    hashes.push(textSha256)
  }
  return { lists, hashes }
}

/** The key lists of a store as they are stored, in order. */
export async function readKeyDocuments(store: Store): Promise<readonly KeyDocument[]> {
  const documents: KeyDocument[] = []
  for await (const { key } of store.list(keysPrefix)) {
    const place = `${store.name}:${key}`
    if (key !== keyListKey(documents.length + 1)) throw new MusterError('KeyNotTrusted', `the chain of key lists is broken [${place}]`)
    documents.push({ place, bytes: await store.readBytes(key, documentLimitBytes) })
  }
  return documents
}

/** @throws MusterError KeyNotTrusted when the store has no list that the root key signed */
export async function readTrust(store: Store, rootFingerprint: string, tools: TrustTools): Promise<Trust> {
  const newest = openKeyChain(await readKeyDocuments(store), rootFingerprint, tools).lists.at(-1)
  if (!newest) {
    throw new MusterError('KeyNotTrusted', `store "${store.name}" has no key list`, {
      hint: 'run muster apply where the keys are; or compare the root fingerprint with the one you hold',
    })
  }
  return trustOf(newest, tools)
}

export function trustOf(list: KeyList, tools: TrustTools): Trust {
  const verifierOf = (keys: readonly TrustedKey[]) =>
    tools.createVerifier(
      keys.map(({ role, name, publicKey, validFrom, revokedSince }) => ({ publicKey, name, kinds: kindsOfRole[role], validFrom, revokedSince })),
    )
  return { list, verifier: verifierOf(list.keys), controlVerifier: verifierOf(list.keys.filter(({ role }) => role === 'control')) }
}

/** The first key list; further ones (rotation) extend the chain. */
export function firstKeyList(root: Signer, keys: readonly TrustedKey[], at: string): { key: string; bytes: Buffer; list: KeyList } {
  const list: KeyList = { format: 'muster-keys-1', sequence: 1, previous: '0'.repeat(64), at, keys }
  return { key: keyListKey(1), bytes: signDocument(root, 'keys', list), list }
}
