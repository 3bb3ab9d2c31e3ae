/** What one store says about configuration and control records, proven from the root fingerprint alone. Writes nothing. */
import type { Store } from '../../adapters/store/store.ts'
import { newestApplied } from '../../domain/applied-config.ts'
import type { Config } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import { configKey, installationChain } from '../../domain/object-keys.ts'
import type { ConfigDocuments } from '../../repository/config-documents.ts'
import { readChain, type RecordChain } from '../../repository/control-records.ts'
import { documentLimitBytes } from '../../repository/signed-document.ts'
import { openKeyChain, readKeyDocuments, type Trust, trustOf } from '../../repository/trust.ts'
import { openConfig } from '../applied-config.ts'
import { trustTools } from '../trust.ts'

export interface ProvenStore {
  readonly store: Store
  readonly trust: Trust
  readonly config: Config
  readonly configHash: string
  readonly number: number
  readonly appliedAt: string
  readonly documents: ConfigDocuments
  readonly installation: RecordChain
  /** Of every system of the configuration. */
  readonly chains: ReadonlyMap<string, RecordChain>
}

const otherStore = 'open another store; what is wrong here stays as it is, for examination'

/**
 * @throws MusterError KeyNotTrusted when the root key of this fingerprint does not stand behind it; SignatureInvalid |
 *   ManifestInvalid | ConfigInvalid | ObjectMissing naming the object; what the store throws
 */
export async function proveStore(store: Store, rootFingerprint: string): Promise<ProvenStore> {
  const keyLists = await readKeyDocuments(store)
  if (keyLists.length === 0) {
    throw new MusterError('ObjectMissing', `store "${store.name}" has no key list, so nothing in it can be proven`, { hint: otherStore })
  }
  const newestKeys = openKeyChain(keyLists, rootFingerprint, trustTools).lists.at(-1)
  if (!newestKeys) throw new MusterError('KeyNotTrusted', `store "${store.name}" has no key list`)
  const trust = trustOf(newestKeys, trustTools)
  return explained(async () => {
    const installation = await readChain(store, installationChain, trust.controlVerifier)
    const newest = newestApplied(installation.records)
    const applied = installation.documents[installation.records.findLastIndex(({ body }) => body.kind === 'config' && body.number === newest?.number)]
    if (!newest || !applied) throw new MusterError('ObjectMissing', `store "${store.name}" does not say which configuration was applied`)
    const bytes = await store.readBytes(configKey(newest.configHash), documentLimitBytes)
    const config = openConfig(trust.verifier, bytes, `${store.name}:${configKey(newest.configHash)}`, newest.configHash)
    const chains = new Map<string, RecordChain>()
    for (const system of Object.keys(config.systems)) chains.set(system, await readChain(store, system, trust.verifier))
    return {
      store,
      trust,
      config,
      configHash: newest.configHash,
      number: newest.number,
      appliedAt: newest.at,
      documents: { keyLists: keyLists.map((one) => Buffer.from(one.bytes)), applied, config: bytes },
      installation,
      chains,
    }
  })
}

/** The hints of the failure table are for a host that has a configuration. */
async function explained<T>(prove: () => Promise<T>): Promise<T> {
  try {
    return await prove()
  } catch (error) {
    if (!(error instanceof MusterError) || !['SignatureInvalid', 'ManifestInvalid', 'ConfigInvalid', 'ObjectMissing', 'KeyNotTrusted'].includes(error.type))
      throw error
    throw new MusterError(error.type, error.message, { cause: error, hint: otherStore })
  }
}
