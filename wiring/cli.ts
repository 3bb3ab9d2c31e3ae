/** The command line: builds the desk from this machine, runs one verb, turns what is thrown into words and an exit code. */
import { access } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { approvalSigner } from '../adapters/crypto/approval-signature.ts'
import { runInFront } from '../adapters/process/run-in-front.ts'
import { shipperRequest } from '../adapters/component/postgresql/shipper-client.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import { connectTemporal } from '../clients/connection.ts'
import type { Desk } from '../clients/cli/desk.ts'
import { createOutput, explain } from '../clients/cli/output.ts'
import { placedWhereActive } from '../clients/active-sites.ts'
import { createProgram } from '../clients/cli/program.ts'
import { MusterError } from '../domain/failures.ts'
import { createDocumentCache } from '../repository/document-cache.ts'
import { adoptingHere, hasControlKey, standingOrNull } from './adoption.ts'
import { decryptionOf, musterVersion } from './agent.ts'
import { readAppliedConfig } from './applied-config.ts'
import { applyHere } from './apply.ts'
import { divergedHere } from './diverged.ts'
import { examine } from './doctor.ts'
import { guardHere } from './guard.ts'
import { lookAtStores } from './guard-look.ts'
import { guardUnits } from './guard-units.ts'
import { heldBackHere } from './held-here.ts'
import { initialise } from './init.ts'
import { loadKitEnvironment } from './kit-environment.ts'
import { openRepository } from './open-repository.ts'
import { hostDirectory, type Places, placesOf, shipperSocket } from './places.ts'
import { runHostShipper } from './shipper.ts'
import { untilStopped } from './stop-signal.ts'
import { createStore } from './stores.ts'
import { loadHere } from './load-here.ts'
import { treeEntries } from './tree-entries.ts'
import { localTrust } from './trust.ts'
import { goOffline } from './offline.ts'
import { useTemporalHere } from './up-here.ts'
import { auditWitnesses } from './audit-witnesses.ts'
import { liftSuspicion } from './lift-suspicion.ts'
import { recordReview } from './record-review.ts'
import { restoredCopies } from './restored-copies.ts'
import { createReplayer } from './replay.ts'
import { runUp } from './up.ts'
import { runWorker } from './worker.ts'

/** Runs one command line. @returns the exit code */
export async function runCli(argv: readonly string[]): Promise<number> {
  let desk: Desk | null = null
  const connections: Promise<Awaited<ReturnType<typeof connectTemporal>>>[] = []
  const temporal = () => {
    if (connections.length === 0) connections.push(connectTemporal())
    return connections[0] as (typeof connections)[number]
  }
  const globals = { config: process.env['MUSTER_CONFIG'] ?? 'muster.yaml', json: false, debug: false }
  const openDesk = (): Desk => {
    if (desk) return desk
    const places = placesOf(globals.config)
    loadKitEnvironment(places)
    useTemporalHere(places)
    desk = createDesk(places, globals.json, temporal)
    return desk
  }
  const program = createProgram(openDesk, globals, musterVersion)
  endWithReader(process.stdout)
  endWithReader(process.stderr)
  try {
    await program.parseAsync([...argv])
    return typeof process.exitCode === 'number' ? process.exitCode : 0
  } catch (error) {
    // A command line that was not understood has not set anything yet.
    return report(error, { ...globals, json: globals.json || argv.includes('--json') })
  } finally {
    for (const one of connections) {
      await one.then(
        (client) => client.connection.close(),
        () => undefined,
      )
    }
  }
}

function report(error: unknown, globals: { readonly json: boolean; readonly debug: boolean }): number {
  if (isCommanderExit(error)) {
    if (globals.json && error.exitCode !== 0) {
      const message = error.message.replace(/^error: /, '')
      process.stdout.write(
        `${JSON.stringify({ error: { type: 'InvalidInput', message, hint: 'muster help shows all verbs', exitCode: error.exitCode } }, null, 2)}\n`,
      )
    }
    return error.exitCode
  }
  const told = explain(error)
  if (globals.json) process.stdout.write(`${JSON.stringify({ error: told }, null, 2)}\n`)
  else process.stderr.write(`${told.message}\n  → ${told.hint}\n`)
  if (globals.debug && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return told.exitCode
}

/** `muster list shop | head` is no accident. */
function endWithReader(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(typeof process.exitCode === 'number' ? process.exitCode : 0)
  })
}

function isCommanderExit(error: unknown): error is Error & { readonly exitCode: number } {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.') && 'exitCode' in error
}

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

function createDesk(places: Places, json: boolean, temporal: Desk['temporal']): Desk {
  const secrets = createSecretResolver()
  const user = process.env['MUSTER_USER'] ?? userInfo().username
  return {
    out: createOutput({ json }),
    places,
    user,
    uiUrl: process.env['MUSTER_UI'] ?? 'http://127.0.0.1:8233',
    load: () => loadHere(places),
    treeEntries: async function* (manifest, store, identity) {
      yield* treeEntries((await loadHere(places)).config, secrets, manifest, store, identity)
    },
    applied: async (hash) => {
      await refuseWhereNothingIs(places)
      const { verifier } = await localTrust(places)
      const { config: whole, hash: found } = await readAppliedConfig(places, verifier, hash)
      const stores = (names: readonly string[]) => Promise.all(names.map(async (name) => createStore(whole, name, secrets)))
      return { config: await placedWhereActive(whole, { stores: await stores(Object.keys(whole.stores)), verifier }), whole, hash: found }
    },
    store: async (config, name) => createStore(config, name, secrets),
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
    recordReview: (config, system, review) => recordReview(places, { config, system, by: user, ...review }),
    liftSuspicion: (config, system, lift) => liftSuspicion(places, { config, system, by: user, ...lift }),
    async apply({ dryRun, withoutTemporal }) {
      const { config } = await loadHere(places)
      return applyHere(places, { config, temporal: withoutTemporal ? null : await temporal(), dryRun, requestedBy: user })
    },
    adopting: async () => adoptingHere(places, await temporal()),
    standing: () => standingOrNull(places, temporal),
    heldBack: (options) => heldBackHere(places, temporal, options),
    canApply: () => hasControlKey(places),
    init: (options) => initialise(places, options),
    openRepository: (options) => openRepository(places, options),
    doctor: (options) => examine(places, options),
    up: (options) => runUp(places, options),
    goOffline: (options) => goOffline(places, { ...options, by: user }),
    guard: (system, options) => guardHere(places, system, options),
    guardLook: (system, options, say) => lookAtStores(places, system, options, say),
    guardUnits: (system, options) => guardUnits(places, system, options),
    diverged: (system, options) => divergedHere(places, system, options),
    runInFront,
    shipper: ({ host, site }) => runHostShipper(places, host, site, untilStopped()),
    worker: (options) => runWorker(places, options),
  }
}
