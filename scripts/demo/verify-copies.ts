/** Reads every object back that a signed manifest or WAL index names, in each store, and compares it with what is written there. */
import { createHash } from 'node:crypto'
import type { Verifier } from '../../adapters/crypto/crypto.ts'
import { createSecretResolver } from '../../adapters/secret/resolver.ts'
import type { Store } from '../../adapters/store/store.ts'
import { loadConfig } from '../../config/load.ts'
import { backupsPrefix, walPrefix } from '../../domain/object-keys.ts'
import type { Manifest, ObjectReference, WalIndex } from '../../domain/repository-format.ts'
import { openDocument } from '../../repository/signed-document.ts'
import { createStore } from '../../wiring/stores.ts'
import { localTrust } from '../../wiring/trust.ts'
import type { DemoPlaces } from './places.ts'

export interface StoreCopies {
  readonly store: string
  /** Published backups. */
  readonly backups: number
  /** Objects that backups and WAL indexes of this store name. */
  readonly objects: number
  /** Of these, read back now with the size and hash that are written. */
  readonly verified: number
  readonly sizeBytes: number
  /** A sentence where something is wrong, else null. */
  readonly problem: string | null
}

export async function verifyCopies(places: DemoPlaces): Promise<readonly StoreCopies[]> {
  const { config } = await loadConfig(places.muster.configFile)
  const { verifier } = await localTrust(places.muster)
  const secrets = createSecretResolver()
  const copies: StoreCopies[] = []
  for (const name of Object.keys(config.stores)) copies.push(await verifyStore(createStore(config, name, secrets), verifier))
  return copies
}

async function verifyStore(store: Store, verifier: Verifier): Promise<StoreCopies> {
  const seen = { backups: 0, objects: 0, verified: 0, sizeBytes: 0 }
  const problems: string[] = []
  try {
    for (const object of await namedObjects(store, verifier, () => seen.backups++)) {
      seen.objects++
      const problem = await readBack(store, object)
      if (problem === null) {
        seen.verified++
        seen.sizeBytes += object.sizeBytes
      } else problems.push(problem)
    }
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error))
  }
  return { store: store.name, ...seen, problem: problems[0] ?? null }
}

async function namedObjects(store: Store, verifier: Verifier, onBackup: () => void): Promise<readonly ObjectReference[]> {
  const named: ObjectReference[] = []
  for await (const { key } of store.list(backupsPrefix)) {
    if (!key.endsWith('/manifest.json')) continue
    onBackup()
    named.push(...openDocument<Manifest>(verifier, 'manifest', await store.readBytes(key), `${store.name}:${key}`).value.objects)
  }
  for await (const { key } of store.list(walPrefix)) {
    if (!key.includes('/index/')) continue
    named.push(openDocument<WalIndex>(verifier, 'wal', await store.readBytes(key), `${store.name}:${key}`).value.object)
  }
  return named
}

async function readBack(store: Store, { key, sizeBytes, sha256 }: ObjectReference): Promise<string | null> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const chunk of await store.read(key)) {
      hash.update(chunk as Buffer)
      bytes += (chunk as Buffer).length
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  if (bytes !== sizeBytes) return `${key} is ${bytes} bytes long, ${sizeBytes} are written`
  return hash.digest('hex') === sha256 ? null : `${key} has another hash than is written`
}
