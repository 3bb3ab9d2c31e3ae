/** The command line: builds the desk from this machine, runs one verb, turns what is thrown into words and an exit code. */
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { loadSigner } from '../adapters/crypto/signature.ts'
import { shipperRequest } from '../adapters/component/postgresql/shipper-client.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import { createDirectoryStoreRoot } from '../adapters/store/directory.ts'
import { applyConfig } from '../clients/apply.ts'
import { connectTemporal } from '../clients/connection.ts'
import type { Desk } from '../clients/cli/desk.ts'
import { createOutput, explain } from '../clients/cli/output.ts'
import { createProgram } from '../clients/cli/program.ts'
import type { Config } from '../domain/config.ts'
import { createDocumentCache } from '../repository/document-cache.ts'
import { decryptionOf } from './agent.ts'
import { readAppliedConfig, saveAppliedConfig } from './applied-config.ts'
import { examine } from './doctor.ts'
import { initialise } from './init.ts'
import { ensureKeyList } from './keys.ts'
import { hostDirectory, keyFiles, type Places, placesOf, shipperSocket } from './places.ts'
import { runHostShipper } from './shipper.ts'
import { untilStopped } from './stop-signal.ts'
import { createStore } from './stores.ts'
import { loadHere } from './load-here.ts'
import { treeEntries } from './tree-entries.ts'
import { localTrust } from './trust.ts'
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
    desk ??= createDesk(placesOf(globals.config), globals.json, temporal)
    return desk
  }
  const program = createProgram(openDesk, globals)
  try {
    await program.parseAsync([...argv])
    return typeof process.exitCode === 'number' ? process.exitCode : 0
  } catch (error) {
    return report(error, globals)
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
  if (isCommanderExit(error)) return error.exitCode
  const told = explain(error)
  if (globals.json) process.stdout.write(`${JSON.stringify({ error: told }, null, 2)}\n`)
  else process.stderr.write(`${told.message}\n  → ${told.hint}\n`)
  if (globals.debug && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return told.exitCode
}

function isCommanderExit(error: unknown): error is { readonly exitCode: number } {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.') && 'exitCode' in error
}

function createDesk(places: Places, json: boolean, temporal: Desk['temporal']): Desk {
  const secrets = createSecretResolver()
  const prepareStore = async (config: Config, name: string) => {
    const store = config.stores[name]
    if (store?.type === 'directory') await createDirectoryStoreRoot(store)
  }
  return {
    out: createOutput({ json }),
    places,
    user: process.env['MUSTER_USER'] ?? userInfo().username,
    uiUrl: process.env['MUSTER_UI'] ?? 'http://127.0.0.1:8233',
    load: () => loadHere(places),
    treeEntries: async function* (manifest, store, identity) {
      yield* treeEntries((await loadHere(places)).config, secrets, manifest, store, identity)
    },
    applied: async (hash) => readAppliedConfig(places, (await localTrust(places)).verifier, hash),
    store: async (config, name) => createStore(config, name, secrets),
    verifier: async () => (await localTrust(places)).verifier,
    decryption: (config, identityFile) => decryptionOf(config, identityFile),
    cacheOf: (host) => createDocumentCache(join(hostDirectory(places, host), 'catalog')),
    shipperStatus: (host) => shipperRequest(shipperSocket(places, host), 'status', undefined).catch(() => null),
    temporal,
    async apply({ dryRun, withoutTemporal }) {
      const { config } = await loadHere(places)
      const keyList = await ensureKeyList(places, config)
      return applyConfig(
        {
          config,
          control: await loadSigner(join(places.keys, keyFiles.control)),
          verifier: (await localTrust(places)).verifier,
          keyList,
          store: async (name) => createStore(config, name, secrets),
          prepareStore: (name) => prepareStore(config, name),
          saveLocally: (hash, bytes) => saveAppliedConfig(places, hash, bytes),
          temporal: withoutTemporal ? null : await temporal(),
          by: 'control',
          now: () => new Date(),
        },
        dryRun,
      )
    },
    init: (options) => initialise(places, options),
    doctor: (options) => examine(places, options),
    up: (options) => runUp(places, options),
    shipper: ({ host, site }) => runHostShipper(places, host, site, untilStopped()),
    worker: (options) => runWorker(places, options),
  }
}
