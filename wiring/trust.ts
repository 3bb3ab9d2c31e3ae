/** Whom this host believes: the key list that the pinned root key signed. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Verifier } from '../adapters/crypto/crypto.ts'
import { publicKeyText } from '../adapters/crypto/public-key.ts'
import { createVerifier, fingerprint } from '../adapters/crypto/signature.ts'
import { parseArmored } from '../adapters/crypto/sshsig.ts'
import { MusterError } from '../domain/failures.ts'
import { type KeyDocument, openKeyChain, type Trust, type TrustTools, trustOf } from '../repository/trust.ts'
import { keyFiles, type Places } from './places.ts'

export const trustTools: TrustTools = { createVerifier, createRootVerifier }

/** Accepts whichever key made the signature, as long as it has the fingerprint that a person gave. */
function createRootVerifier(expected: string): Verifier {
  return {
    verify(kind, text, armor, at) {
      let publicKey: string
      try {
        publicKey = publicKeyText(parseArmored(armor).rawPublicKey)
      } catch (error) {
        throw new MusterError('SignatureInvalid', 'the key list has no readable signature', { cause: error })
      }
      if (fingerprint(publicKey) !== expected) {
        throw new MusterError('KeyNotTrusted', `the key list was signed by ${fingerprint(publicKey)}, pinned is ${expected}`)
      }
      return createVerifier([{ publicKey, kinds: ['keys'] }]).verify(kind, text, armor, at)
    },
  }
}

/** The pinned fingerprint. @throws MusterError KeyNotTrusted */
export async function pinnedFingerprint(places: Places): Promise<string> {
  const path = join(places.keys, keyFiles.fingerprint)
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null)
    throw new MusterError('KeyNotTrusted', `no root fingerprint is pinned: ${path} is not there`, { hint: 'on a new installation run: muster init' })
  return text.trim()
}

function keyFolder(places: Places): string {
  return join(places.home, 'keys')
}

export function keyListFile(places: Places, sequence = 1): string {
  return join(keyFolder(places), `${String(sequence).padStart(8, '0')}.json`)
}

/** This host's own copies of the key lists, in order; none where it was never given one. */
export async function localKeyDocuments(places: Places): Promise<readonly KeyDocument[]> {
  const documents: KeyDocument[] = []
  for (;;) {
    const place = keyListFile(places, documents.length + 1)
    const bytes = await readFile(place).catch(() => null)
    if (bytes === null) return documents
    documents.push({ place, bytes })
  }
}

/** This host's own copy of the key lists. */
export async function localTrust(places: Places): Promise<Trust> {
  const documents = await localKeyDocuments(places)
  const newest = openKeyChain(documents, await pinnedFingerprint(places), trustTools).lists.at(-1)
  if (!newest) throw new MusterError('KeyNotTrusted', `this host has no key list yet: ${keyListFile(places)} is not there`, { hint: 'run: muster apply' })
  return trustOf(newest, trustTools)
}
