/** WAL that a host under suspicion shipped after the moment: it may tell of commits before the moment what never was. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import { parseWalIndexKey, type WalShipmentName, walIndexPrefix } from '../domain/object-keys.ts'
import type { Suspicion, WalIndex } from '../domain/repository-format.ts'
import { suspectText } from '../domain/suspicion.ts'
import { isBefore } from '../domain/times.ts'
import type { DocumentCache } from './document-cache.ts'
import { openDocument } from './signed-document.ts'

export interface WalPlace {
  readonly system: string
  readonly component: string
  readonly incarnation: string
}

/** What is left of the shipments of a life: what the store took before the moments, and what nobody under suspicion signed. */
export async function believedShipments(
  deps: { readonly verifier: Verifier; readonly cache: DocumentCache; readonly suspicions: readonly Suspicion[] },
  store: Store,
  { system, component, incarnation }: WalPlace,
  shipments: readonly WalShipmentName[],
): Promise<readonly WalShipmentName[]> {
  const doubtful = new Set<string>()
  for await (const { key, modifiedAt, takenAt = modifiedAt } of store.list(walIndexPrefix(system, component, incarnation))) {
    const name = parseWalIndexKey(key)
    if (name !== null && deps.suspicions.some(({ since }) => isBefore(since, takenAt)) && (await isDoubtful(deps, store, key, takenAt))) {
      doubtful.add(textOf(name))
    }
  }
  return shipments.filter((name) => !doubtful.has(textOf(name)))
}

async function isDoubtful({ verifier, cache, suspicions }: Parameters<typeof believedShipments>[0], store: Store, key: string, at: string): Promise<boolean> {
  try {
    const { signer } = openDocument<WalIndex>(verifier, 'wal', await cache.read(store, key), `${store.name}:${key}`)
    return suspectText(suspicions, { host: signer.name, keyValidFrom: signer.validFrom, at }) !== null
  } catch (error) {
    if (error instanceof MusterError && (error.type === 'SignatureInvalid' || error.type === 'KeyNotTrusted' || error.type === 'ManifestInvalid')) return true
    throw error
  }
}

function textOf({ segment, startLsn, endLsn, kind, nonce }: WalShipmentName): string {
  return [segment, startLsn, endLsn, kind, nonce].join(' ')
}
