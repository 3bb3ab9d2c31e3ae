/** A cluster, two stores, keys, and a WAL shipper that a test can start, kill and ask. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { shipperRequest } from '../../adapters/component/postgresql/shipper-client.ts'
import type { InstanceStatus, ResumeRequest } from '../../adapters/component/postgresql/shipper-protocol.ts'
import { decompressToFile } from '../../adapters/component/postgresql/wal-compression.ts'
import { createAgeDecryption } from '../../adapters/crypto/age.ts'
import { createAgeIdentity } from '../../adapters/crypto/age-identity.ts'
import { createSigningKey, createVerifier, loadSigner } from '../../adapters/crypto/signature.ts'
import type { Store } from '../../adapters/store/store.ts'
import { planFetch } from '../../domain/wal-shipments.ts'
import type { Lsn } from '../../domain/wal.ts'
import { fetchWal, listShipments } from '../../repository/wal-fetch.ts'
import type { FetchParts } from '../../repository/wal-fetch.ts'
import { createFolderStore } from './folder-store.ts'
import { createCluster } from './postgres-cluster.ts'
import type { TestCluster } from './postgres-cluster.ts'
import type { ShipperSetup } from './wal-shipper-process.ts'

export const segmentSizeBytes = 16 * 1024 * 1024

export interface ShipperLab {
  readonly cluster: TestCluster
  readonly setup: ShipperSetup
  readonly stores: readonly Store[]
  start(): Promise<void>
  /** SIGKILL; resolves when gone. */
  kill(): Promise<void>
  stop(): Promise<void>
  status(): Promise<InstanceStatus>
  flush(options?: { untilLsn?: string; stores?: readonly string[]; timeoutSeconds?: number; tick?: boolean }): Promise<string>
  pause(): Promise<InstanceStatus>
  resume(more?: Partial<ResumeRequest>): Promise<InstanceStatus>
  setOut(store: number, out: boolean): Promise<void>
  gaps(): Promise<{ afterLsn: string; beforeLsn: string | null; reason: string }[]>
  log(): Promise<string>
  parts(store: number): Promise<FetchParts>
  /** Fetches all that a store has from an LSN on; the names of the files. */
  fetch(store: number, directory: string, fromLsn: Lsn, life?: string, timelineId?: number): Promise<{ files: readonly string[]; endLsn: Lsn }>
  destroy(): Promise<void>
}

export async function createShipperLab(options: Partial<Omit<ShipperSetup, 'instance'>> & { settings?: Record<string, string> } = {}): Promise<ShipperLab> {
  const cluster = await createCluster(options.settings ? { settings: options.settings } : {})
  await cluster.sql('create table marks (id bigint primary key, at timestamptz default clock_timestamp(), text text)')
  const base = cluster.base
  const state = join(base, 'shipper')
  await mkdir(state)
  await chmod(base, 0o755)
  for (const name of ['one', 'two', 'keys']) await mkdir(join(base, name))
  const recipient = await createAgeIdentity(join(base, 'keys', 'identity.txt'))
  await createSigningKey(join(base, 'keys', 'host'), 'host')
  const setup: ShipperSetup = {
    instance: cluster.instance,
    stores: [
      { name: 'one', directory: join(base, 'one') },
      { name: 'two', directory: join(base, 'two') },
    ],
    requiredCopies: 1,
    recipient,
    signingKey: join(base, 'keys', 'host'),
    stateDirectory: state,
    socketPath: join(base, 'shipper.sock'),
    logPath: join(base, 'shipper.log'),
    gapsPath: join(base, 'gaps.jsonl'),
    shipEverySeconds: 1,
    silentSeconds: 4,
    reserveBytes: 1,
    whenStoresAreOut: 'protectDatabase',
    ...options,
  }
  const setupPath = join(base, 'setup.json')
  await writeFile(setupPath, JSON.stringify(setup))
  const stores = setup.stores.map((store) => createFolderStore(store.name, store.directory))
  const place = { system: cluster.instance.system, component: cluster.instance.component }
  let child: ChildProcess | null = null
  const gone = async (signal: NodeJS.Signals) => {
    const one = child
    child = null
    if (one === null || one.exitCode !== null || one.signalCode !== null) return
    const exited = new Promise((resolve) => one.once('exit', resolve))
    one.kill(signal)
    await exited
  }
  const lab: ShipperLab = {
    cluster,
    setup,
    stores,
    async start() {
      const script = fileURLToPath(new URL('./wal-shipper-process.ts', import.meta.url))
      child = spawn(process.execPath, ['--import', 'tsx', script, setupPath], {
        stdio: ['ignore', 'inherit', 'inherit'],
      })
    },
    kill: () => gone('SIGKILL'),
    stop: () => gone('SIGTERM'),
    async status() {
      const { instances } = await shipperRequest(setup.socketPath, 'status', undefined)
      return instances[0] as InstanceStatus
    },
    async flush(asked = {}) {
      const answer = await shipperRequest(setup.socketPath, 'flush', { ...place, timeoutSeconds: 45, ...asked })
      return answer.untilLsn
    },
    pause: () => shipperRequest(setup.socketPath, 'pause', { ...place, reason: 'a restore' }),
    resume: (more = {}) => shipperRequest(setup.socketPath, 'resume', { ...place, ...more }),
    async setOut(store, out) {
      const flag = join(setup.stores[store]?.directory as string, 'OUT')
      await (out ? writeFile(flag, '') : rm(flag, { force: true }))
    },
    async gaps() {
      if (!existsSync(setup.gapsPath)) return []
      return (await readFile(setup.gapsPath, 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    },
    log: () => readFile(setup.logPath, 'utf8').catch(() => ''),
    async parts(store) {
      const signer = await loadSigner(setup.signingKey)
      return {
        store: stores[store] as Store,
        decryption: createAgeDecryption(join(base, 'keys', 'identity.txt')),
        verifier: createVerifier([{ publicKey: signer.publicKey, kinds: ['wal'] }]),
        decompressToFile,
      }
    },
    async fetch(store, directory, fromLsn, life = 'life1', timelineId = 1) {
      const names = await listShipments(stores[store] as Store, place.system, place.component, life)
      const plan = planFetch(names, { timelineId, fromLsn, segmentSizeBytes })
      const { files } = await fetchWal(await lab.parts(store), { ...place, incarnation: life }, plan, directory)
      return { files, endLsn: plan.endLsn }
    },
    async destroy() {
      await gone('SIGKILL')
      await cluster.destroy()
    },
  }
  return lab
}

/** Asks until it holds. */
export async function eventually(what: string, holds: () => Promise<boolean>, seconds = 45): Promise<void> {
  const deadlineMs = Date.now() + seconds * 1000
  let last: unknown = null
  while (Date.now() < deadlineMs) {
    try {
      if (await holds()) return
      last = null
    } catch (error) {
      last = error
    }
    await sleep(100)
  }
  throw new Error(`did not come true in ${seconds} s: ${what}`, { cause: last })
}

/** Every fetched byte before the end is the server's own. */
export async function compareWithServer(lab: ShipperLab, directory: string, files: readonly string[], endLsn: bigint): Promise<void> {
  for (const [index, file] of files.entries()) {
    const fetched = await readFile(join(directory, file))
    const own = await readFile(join(lab.cluster.directory, 'pg_wal', file))
    assert.equal(fetched.length, segmentSizeBytes)
    const bytes = index === files.length - 1 ? Number(endLsn % BigInt(segmentSizeBytes)) || segmentSizeBytes : segmentSizeBytes
    assert.ok(fetched.subarray(0, bytes).equals(own.subarray(0, bytes)), `${file} differs from pg_wal before its end`)
    assert.ok(
      fetched.subarray(bytes).every((byte) => byte === 0),
      `${file} is not padded with zeros`,
    )
  }
}
