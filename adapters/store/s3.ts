import type { S3StoreConfig } from '../../domain/config.ts'
import type { Store } from './store.ts'
export function createS3Store(_name: string, _config: S3StoreConfig, _credentials: object): Store {
  throw new Error('placeholder')
}
