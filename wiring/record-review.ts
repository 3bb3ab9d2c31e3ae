/** Notes that a person has looked at a run: a control record of the system, by the control key, as what is applied. */
import { join } from 'node:path'
import { loadSigner } from '../adapters/crypto/signature.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import type { Config } from '../domain/config.ts'
import { appendRecord } from '../repository/control-records.ts'
import { keyFiles, type Places } from './places.ts'
import { createStore } from './stores.ts'
import { localTrust } from './trust.ts'

export interface Review {
  readonly config: Config
  readonly system: string
  readonly workflowId: string
  /** Temporal's run id. */
  readonly run: string
  readonly by: string
  readonly note: string
}

/** Once for each run. @throws MusterError SecretMissing where the control key is not here; Unreachable */
export async function recordReview(places: Places, { config, system, workflowId, run, by, note }: Review): Promise<void> {
  const secrets = createSecretResolver()
  const signer = await loadSigner(join(places.keys, keyFiles.control))
  const { verifier } = await localTrust(places)
  const stores = Object.entries(config.stores).map(([name]) => createStore(config, name, secrets))
  await appendRecord({ stores, verifier, signer, organisation: config.organisation, by: 'control', now: () => new Date() }, system, (records) =>
    records.some(({ body }) => body.kind === 'review' && body.run === run) ? null : { kind: 'review', workflowId, run, by, note },
  )
}
