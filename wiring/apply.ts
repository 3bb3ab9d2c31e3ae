/** `muster apply` on this machine: keys, stores and Temporal handed to the client that applies. */
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@temporalio/client'
import { createAgeEncryption } from '../adapters/crypto/age.ts'
import { loadSigner } from '../adapters/crypto/signature.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import { createDirectoryStoreRoot } from '../adapters/store/directory.ts'
import { applyConfig, type ApplyResult } from '../clients/apply.ts'
import type { Config } from '../domain/config.ts'
import { keyListKey } from '../domain/object-keys.ts'
import { newestHere } from './applied-config.ts'
import { gatherKitValues } from './kit-values.ts'
import { ensureKeyList } from './keys.ts'
import { makeAttributesKnown } from './known-attributes.ts'
import { keyFiles, type Places } from './places.ts'
import { createStore } from './stores.ts'
import { takeConfig } from './take-config.ts'
import { localKeyDocuments, localTrust } from './trust.ts'

export interface ApplyHere {
  readonly config: Config
  /** Null leaves schedules and the agents of other hosts out. */
  readonly temporal: Client | null
  readonly dryRun?: boolean
  readonly requestedBy?: string
  readonly waitSeconds?: number
}

export async function applyHere(places: Places, { config, temporal, dryRun = false, requestedBy, waitSeconds }: ApplyHere): Promise<ApplyResult> {
  const secrets = createSecretResolver()
  if (temporal && !dryRun) await makeAttributesKnown(temporal)
  await ensureKeyList(places, config)
  const { verifier, controlVerifier } = await localTrust(places)
  return applyConfig(
    {
      config,
      control: await loadSigner(join(places.keys, keyFiles.control)),
      verifier,
      controlVerifier,
      keyLists: (await localKeyDocuments(places)).map(({ bytes }, index) => ({ key: keyListKey(index + 1), bytes: Buffer.from(bytes) })),
      store: async (name) => createStore(config, name, secrets),
      async prepareStore(name) {
        const store = config.stores[name]
        if (store?.type === 'directory') await createDirectoryStoreRoot(store)
      },
      numberHere: (await newestHere(places))?.number ?? 0,
      encryption: createAgeEncryption,
      gatherKit: (site) => gatherKitValues(places, config, site),
      saveLocally: (documents) => takeConfig(places, documents),
      temporal,
      by: 'control',
      requestedBy: requestedBy ?? userInfo().username,
      now: () => new Date(),
      ...(waitSeconds !== undefined && { waitSeconds }),
    },
    dryRun,
  )
}
