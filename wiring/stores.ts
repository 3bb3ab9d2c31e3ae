/** Concrete stores from their configuration. One line per type. */
import type { SecretResolver } from '../adapters/secret/secret.ts'
import { createDirectoryStore } from '../adapters/store/directory.ts'
import { createS3Store } from '../adapters/store/s3.ts'
import type { Store } from '../adapters/store/store.ts'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import { accessKey } from './access-key.ts'

export function createStore(config: Config, name: string, secrets: SecretResolver): Store {
  const store = config.stores[name]
  if (!store) throw new MusterError('UnknownName', `there is no store "${name}"; configured are: ${Object.keys(config.stores).join(', ')}`)
  switch (store.type) {
    case 'directory':
      return createDirectoryStore(name, store)
    case 's3':
      return createS3Store(name, store, {
        read: () => accessKey(secrets, store.credentials.read),
        write: () => accessKey(secrets, store.credentials.write),
      })
  }
}
