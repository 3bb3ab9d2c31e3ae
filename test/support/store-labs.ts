/** Stores of each kind for tests: folders, mounts of their own, and buckets of a real server. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDirectoryStore } from '../../adapters/store/directory.ts'
import { createS3Store } from '../../adapters/store/s3.ts'
import type { S3Credentials } from '../../adapters/store/s3-client.ts'
import type { Store } from '../../adapters/store/store.ts'
import type { DirectoryStoreConfig, S3StoreConfig } from '../../domain/config.ts'
import type { S3Server } from './s3-server.ts'

export function directoryConfig(path: string, mountRequired = false): DirectoryStoreConfig {
  return { type: 'directory', path, mountRequired, hosts: ['localhost'], site: 'primary' }
}

export function s3Config(server: Pick<S3Server, 'region'>, endpoint: string): S3StoreConfig {
  const credentials = { read: 'env:READ', write: 'env:WRITE' }
  const { region } = server
  return { type: 's3', bucket: 'muster', region, prefix: 'prod', endpoint, forcePathStyle: true, credentials, hosts: ['localhost'], site: 'primary' }
}

/** A store in the bucket `muster` of a server. @param endpoint where it is reached, if not directly */
export function s3Store(server: S3Server, endpoint = server.endpoint, changes: Partial<S3StoreConfig> = {}): Store {
  const secret = (): Promise<S3Credentials> => Promise.resolve(server)
  const config = { ...s3Config(server, endpoint), ...changes }
  return createS3Store('offsite', config, { read: secret, write: secret }, { pageSize: 3 })
}

export function directoryStore(path: string, mountRequired = false): Store {
  return createDirectoryStore('local', directoryConfig(path, mountRequired))
}

export async function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'muster-store-'))
}

export async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true })
}
