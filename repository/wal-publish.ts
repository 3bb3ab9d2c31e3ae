/**
 * Publishes WAL: the encrypted object first, the signed index record after it. A shipment is in
 * a store when its index is there; what no index names does not exist.
 */
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import type { EncryptedFile, Encryption, Signer } from '../adapters/crypto/crypto.ts'
import type { PutOutcome, Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import { parseWalIndexKey, walIndexKey, walIndexPrefix, walObjectKey } from '../domain/object-keys.ts'
import type { WalShipmentName } from '../domain/object-keys.ts'
import type { WalIndex } from '../domain/repository-format.ts'
import { formatLsn } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'
import { signDocument } from './signed-document.ts'

/** What a shipment will say of itself. */
export interface WalFacts {
  readonly organisation: string
  readonly system: string
  readonly component: string
  readonly incarnation: string
  readonly timelineId: number
  readonly segment: string
  readonly kind: WalShipmentName['kind']
  readonly startLsn: Lsn
  readonly endLsn: Lsn
  readonly firstCommitAt: string | null
  readonly lastCommitAt: string | null
  readonly lastCommitLsn: Lsn | null
  /** Names of the stores it is meant for. */
  readonly stores: readonly string[]
  readonly writer: { readonly host: string; readonly muster: string }
}

/** An encrypted, signed shipment on this host's disk, the same for every store. */
export interface StagedWal {
  readonly facts: WalFacts
  readonly name: WalShipmentName
  readonly file: EncryptedFile
  readonly objectKey: string
  readonly indexKey: string
  readonly indexBytes: Buffer
}

/**
 * Encrypts an already compressed stream into a new file and signs its index.
 * The file is absent when this throws.
 */
export async function stageWal(
  keys: { readonly encryption: Encryption; readonly signer: Signer },
  compressed: Readable,
  facts: WalFacts,
  path: string,
): Promise<StagedWal> {
  const file = await keys.encryption.encryptToFile(compressed, path)
  const { segment, kind, startLsn, endLsn } = facts
  const name: WalShipmentName = { segment, kind, startLsn, endLsn, nonce: randomBytes(4).toString('hex') }
  const objectKey = walObjectKey(facts.system, facts.component, facts.incarnation, name)
  const index: WalIndex = {
    format: 'muster-wal-1',
    ...facts,
    startLsn: formatLsn(startLsn),
    endLsn: formatLsn(endLsn),
    lastCommitLsn: facts.lastCommitLsn === null ? null : formatLsn(facts.lastCommitLsn),
    object: {
      key: objectKey,
      sizeBytes: file.sizeBytes,
      sha256: file.sha256,
      plainSizeBytes: file.plainSizeBytes,
      plainSha256: file.plainSha256,
    },
    shippedAt: new Date().toISOString(),
  }
  return {
    facts,
    name,
    file,
    objectKey,
    indexKey: walIndexKey(facts.system, facts.component, facts.incarnation, name),
    indexBytes: signDocument(keys.signer, 'wal', index),
  }
}

/**
 * Puts one staged shipment into one store. Idempotent; called again after a crash it goes on.
 * @throws MusterError as `Store.putFile`
 */
export async function putWal(store: Store, staged: StagedWal, signal?: AbortSignal): Promise<PutOutcome> {
  const { path, sizeBytes, sha256 } = staged.file
  await store.putFile(staged.objectKey, { path, sizeBytes, sha256 }, signal ? { signal } : {})
  return store.putBytes(staged.indexKey, staged.indexBytes)
}

export interface PublishOutcome {
  readonly store: string
  readonly outcome: PutOutcome | 'failed'
  readonly problem: MusterError | null
}

/**
 * Encrypts once and publishes into each store; one store's failure touches no other. The staged
 * file is removed. Answers per store, in the order given.
 */
export async function publishWal(
  parts: { readonly stores: readonly Store[]; readonly encryption: Encryption; readonly signer: Signer },
  compressed: Readable,
  facts: WalFacts,
  path: string,
): Promise<readonly PublishOutcome[]> {
  const staged = await stageWal(parts, compressed, facts, path)
  try {
    return await Promise.all(parts.stores.map((store) => outcomeOf(store, staged)))
  } finally {
    await rm(path, { force: true })
  }
}

async function outcomeOf(store: Store, staged: StagedWal): Promise<PublishOutcome> {
  try {
    return { store: store.name, outcome: await putWal(store, staged), problem: null }
  } catch (error) {
    if (error instanceof MusterError) return { store: store.name, outcome: 'failed', problem: error }
    throw error
  }
}

/**
 * What a store says it has of an incarnation, by one listing of its keys; names that are none are
 * left out. What a name says is proven only when its index is opened.
 * @throws MusterError when the store cannot be listed to the end
 */
export async function listShipments(store: Store, system: string, component: string, incarnation: string): Promise<readonly WalShipmentName[]> {
  const names: WalShipmentName[] = []
  for await (const { key } of store.list(walIndexPrefix(system, component, incarnation))) {
    const name = parseWalIndexKey(key)
    if (name !== null) names.push(name)
  }
  return names
}
