/** Concrete stores from their configuration. One line per type. */
import type { SecretResolver } from '../adapters/secret/secret.ts'
import { createDirectoryStore } from '../adapters/store/directory.ts'
import { createS3Store } from '../adapters/store/s3.ts'
import type { Store } from '../adapters/store/store.ts'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'

export function createStore(config: Config, name: string, secrets: SecretResolver): Store {
  const store = config.stores[name]
  if (!store) throw new MusterError('UnknownName', `there is no store "${name}"; configured are: ${Object.keys(config.stores).join(', ')}`)
  switch (store.type) {
    case 'directory':
      return createDirectoryStore(name, store)
    case 's3':
      return createS3Store(name, store, {
        read: () => credentials(secrets, store.credentials.read),
        write: () => credentials(secrets, store.credentials.write),
      })
  }
}

async function credentials(secrets: SecretResolver, reference: string): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  const text = await secrets.resolve(reference)
  const colon = text.indexOf(':')
  if (colon < 1) throw new MusterError('SecretMissing', `the secret ${reference} is not of the form ACCESS_KEY_ID:SECRET_ACCESS_KEY`)
  return { accessKeyId: text.slice(0, colon), secretAccessKey: text.slice(colon + 1) }
}
