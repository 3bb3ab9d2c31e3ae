/** A store that a person names on a machine that knows nothing: a directory, or a small file that declares it. */
import { readFile, stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import type { SecretResolver } from '../../adapters/secret/secret.ts'
import { createDirectoryStore } from '../../adapters/store/directory.ts'
import { createS3Store } from '../../adapters/store/s3.ts'
import type { Store } from '../../adapters/store/store.ts'
import { parseStore } from '../../config/load-store.ts'
import type { StoreConfig } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import { storeMarkerKey } from '../../domain/object-keys.ts'
import type { StoreMarker } from '../../domain/repository-format.ts'
import { accessKey } from '../access-key.ts'

export interface DeclaredStore {
  readonly declared: StoreConfig
  readonly store: Store
  readonly marker: StoreMarker
}

/** @throws MusterError InvalidInput | ConfigInvalid for what was named; ObjectMissing when it is no store of Muster; what the store throws */
export async function openDeclaredStore(named: string, secrets: SecretResolver): Promise<DeclaredStore> {
  const declared = await declaration(named)
  const marker = await readMarker(storeAt('the named store', declared, secrets), named)
  return { declared, store: storeAt(marker.store, declared, secrets), marker }
}

async function declaration(named: string): Promise<StoreConfig> {
  const path = resolve(named)
  const facts = await stat(path).catch(() => null)
  if (facts?.isDirectory()) return { type: 'directory', path, hosts: ['here'], site: 'here', mountRequired: false }
  if (facts?.isFile()) return parseStore(await readFile(path, 'utf8'), basename(path))
  throw new MusterError('InvalidInput', `${path} is neither a directory nor a file`, {
    hint: 'name the directory of the store, or a file that declares it as under stores: in muster.yaml, such as { type: s3, bucket: …, credentials: … }',
  })
}

function storeAt(name: string, declared: StoreConfig, secrets: SecretResolver): Store {
  if (declared.type === 'directory') return createDirectoryStore(name, declared)
  const { read, write } = declared.credentials
  return createS3Store(name, declared, { read: () => accessKey(secrets, read), write: () => accessKey(secrets, write) })
}

async function readMarker(store: Store, named: string): Promise<StoreMarker> {
  let bytes: Buffer
  try {
    bytes = await store.readBytes(storeMarkerKey)
  } catch (error) {
    if (!(error instanceof MusterError) || error.type !== 'ObjectMissing') throw error
    throw new MusterError('ObjectMissing', `${named} is no store of Muster: it has no ${storeMarkerKey}`, {
      cause: error,
      hint: 'look whether it is mounted, and whether path, bucket and prefix are right',
    })
  }
  const marker = parsed(bytes)
  if (marker?.format === 'muster-store-1' && typeof marker.store === 'string' && typeof marker.organisation === 'string') return marker
  throw new MusterError('ManifestInvalid', `${storeMarkerKey} of ${named} is damaged`, { hint: 'open another store' })
}

function parsed(bytes: Buffer): (Partial<StoreMarker> & StoreMarker) | null {
  try {
    return JSON.parse(bytes.toString('utf8')) as StoreMarker
  } catch {
    return null
  }
}
