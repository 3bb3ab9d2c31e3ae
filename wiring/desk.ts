/**
 * What the verbs work with on this machine. What takes long to load (Temporal, S3, the adapters of every kind of
 * component) is loaded by the verb that needs it: help, and a guard that starts with a service, are there at once.
 */
import { access } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { approvalSigner } from '../adapters/crypto/approval-signature.ts'
import { runInFront } from '../adapters/process/run-in-front.ts'
import { shipperRequest } from '../adapters/component/postgresql/shipper-client.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import type { Desk } from '../clients/cli/desk.ts'
import { createOutput } from '../clients/cli/output.ts'
import { placedWhereActive } from '../clients/active-sites.ts'
import { MusterError } from '../domain/failures.ts'
import { createDocumentCache } from '../repository/document-cache.ts'
import { readAppliedConfig } from './applied-config.ts'
import { auditWitnesses } from './audit-witnesses.ts'
import { decryptionOf } from './decryption.ts'
import { hostDirectory, type Places, shipperSocket } from './places.ts'
import { createReplayer } from './replay.ts'
import { untilStopped } from './stop-signal.ts'
import { restoredCopies } from './restored-copies.ts'
import { localTrust } from './trust.ts'

/** In the wrong directory it is the file that is missing, not a key or an earlier `apply`. */
async function refuseWhereNothingIs({ configFile, home }: Places): Promise<void> {
  const isThere = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    )
  if ((await isThere(home)) || (await isThere(configFile))) return
  throw new MusterError('ConfigInvalid', `there is no ${configFile}`, { hint: 'name it: muster --config FILE, or write one with: muster init' })
}

/** @param temporal connects when it is asked first */
export function createDesk(places: Places, json: boolean, temporal: Desk['temporal']): Desk {
  const secrets = createSecretResolver()
  const user = process.env['MUSTER_USER'] ?? userInfo().username
  return {
    out: createOutput({ json }),
    places,
    user,
    uiUrl: process.env['MUSTER_UI'] ?? 'http://127.0.0.1:8233',
    load: async () => (await import('./load-here.ts')).loadHere(places),
    treeEntries: async function* (manifest, store, identity) {
      const [{ loadHere }, { treeEntries }] = await Promise.all([import('./load-here.ts'), import('./tree-entries.ts')])
      yield* treeEntries((await loadHere(places)).config, secrets, manifest, store, identity)
    },
    applied: async (hash) => {
      await refuseWhereNothingIs(places)
      const { createStore } = await import('./stores.ts')
      const { verifier } = await localTrust(places)
      const { config: whole, hash: found } = await readAppliedConfig(places, verifier, hash)
      const stores = (names: readonly string[]) => Promise.all(names.map(async (name) => createStore(whole, name, secrets)))
      return { config: await placedWhereActive(whole, { stores: await stores(Object.keys(whole.stores)), verifier }), whole, hash: found }
    },
    store: async (config, name) => (await import('./stores.ts')).createStore(config, name, secrets),
    verifier: async () => (await localTrust(places)).verifier,
    controlVerifier: async () => (await localTrust(places)).controlVerifier,
    decryption: (config, identityFile) => decryptionOf(config, identityFile),
    signApproval: approvalSigner.sign,
    cacheOf: (host) => createDocumentCache(join(hostDirectory(places, host), 'catalog')),
    shipperStatus: (host) => shipperRequest(shipperSocket(places, host), 'status', undefined).catch(() => null),
    temporal,
    restoredCopies: restoredCopies(places),
    auditWitnesses: () => auditWitnesses(places),
    replayer: createReplayer(places),
    recordReview: async (config, system, review) => (await import('./record-review.ts')).recordReview(places, { config, system, by: user, ...review }),
    liftSuspicion: async (config, system, lift) => (await import('./lift-suspicion.ts')).liftSuspicion(places, { config, system, by: user, ...lift }),
    async apply({ dryRun, withoutTemporal }) {
      const [{ loadHere }, { applyHere }] = await Promise.all([import('./load-here.ts'), import('./apply.ts')])
      const { config } = await loadHere(places)
      return applyHere(places, { config, temporal: withoutTemporal ? null : await temporal(), dryRun, requestedBy: user })
    },
    adopting: async () => (await import('./adoption.ts')).adoptingHere(places, await temporal()),
    standing: async () => (await import('./adoption.ts')).standingOrNull(places, temporal),
    heldBack: async (options) => (await import('./held-here.ts')).heldBackHere(places, temporal, options),
    canApply: async () => (await import('./adoption.ts')).hasControlKey(places),
    init: async (options) => (await import('./init.ts')).initialise(places, options),
    openRepository: async (options) => (await import('./open-repository.ts')).openRepository(places, options),
    doctor: async (options) => (await import('./doctor.ts')).examine(places, options),
    up: async (options) => (await import('./up.ts')).runUp(places, options),
    goOffline: async (options) => (await import('./offline.ts')).goOffline(places, { ...options, by: user }),
    guard: async (system, options) => (await import('./guard.ts')).guardHere(places, system, options),
    guardLook: async (system, options, say) => (await import('./guard-look.ts')).lookAtStores(places, system, options, say),
    guardUnits: async (system, options) => (await import('./guard-units.ts')).guardUnits(places, system, options),
    diverged: async (system, options) => (await import('./diverged.ts')).divergedHere(places, system, options),
    runInFront,
    shipper: async ({ host, site }) => (await import('./shipper.ts')).runHostShipper(places, host, site, untilStopped()),
    worker: async (options) => (await import('./worker.ts')).runWorker(places, options),
  }
}
