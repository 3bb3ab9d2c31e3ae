/**
 * One system under Muster for a bench: a PostgreSQL that really flushes, a small tree, two stores, Temporal, and
 * `muster worker` and `muster shipper` in processes of their own. `stop` leaves nothing.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import type { Store } from '../adapters/store/store.ts'
import { createCluster, type TestCluster } from '../test/support/postgres-cluster.ts'
import { createRig, type Rig, waitFor } from '../test/support/rig.ts'
import { type S3Server, startS3Server } from '../test/support/s3-server.ts'
import { createStore } from '../wiring/stores.ts'
import { untilDone } from './clean-up.ts'
import { type Build, type MusterProcess, startMuster } from './muster-process.ts'
import { makeSecondFilesystem, type SecondFilesystem } from './second-filesystem.ts'
import { startTemporalServer, type TemporalServer } from './temporal-server.ts'

export type OffsiteKind = 'directory' | 's3'

export interface BenchSystemOptions {
  readonly offsite: OffsiteKind
  readonly build: Build
  readonly shipEverySeconds?: number
  /** Fills the database before Muster sees it. */
  readonly fill?: (cluster: TestCluster) => Promise<void>
  /** Of the tree beside the database; none by default. */
  readonly treeMegabytes?: number
}

export interface BenchSystem {
  readonly cluster: TestCluster
  readonly rig: Rig
  readonly client: Client
  readonly temporal: TemporalServer
  readonly worker: MusterProcess
  readonly shipper: MusterProcess
  /** The local store, the tree, and a place on another filesystem, where an off-site directory store lies. */
  readonly folders: { readonly local: string; readonly uploads: string; readonly second: SecondFilesystem }
  readonly s3: S3Server | null
  store(name: 'local' | 'offsite'): Store
  /** A new worker where the old one has ended, as `muster up` would do it. */
  keepWorker(): Promise<void>
  stop(): Promise<void>
}

const bucket = 'muster'

export async function createBenchSystem(options: BenchSystemOptions): Promise<BenchSystem> {
  const undo: (() => Promise<void>)[] = []
  const stop = untilDone(async () => {
    for (let one = undo.pop(); one; one = undo.pop()) await one()
  })
  try {
    return await assemble(options, undo, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function assemble(options: BenchSystemOptions, undo: (() => Promise<void>)[], stop: () => Promise<void>): Promise<BenchSystem> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-'))
  undo.push(() => rm(folder, { recursive: true, force: true }))
  // Figures of a server that does not flush would flatter every ratio.
  const cluster = await createCluster({ settings: { fsync: 'on', max_wal_size: '4GB' } })
  undo.push(() => cluster.destroy())
  await options.fill?.(cluster)
  const second = await makeSecondFilesystem()
  undo.push(() => rm(second.path, { recursive: true, force: true }))
  const s3 = options.offsite === 's3' ? await startS3Server() : null
  if (s3) {
    undo.push(() => s3.stop())
    await s3.createBucket(bucket)
  }
  const temporal = await startTemporalServer(folder)
  undo.push(() => temporal.kill())
  const connection = await Connection.connect({ address: temporal.address })
  undo.push(() => connection.close().catch(() => undefined))
  const client = new Client({ connection })
  const rig = await createRig({
    env: { client, namespace: 'default' },
    yaml: (base) => yamlFor(base, cluster, options, s3, second),
    prepare: (base) => prepare(base, options, s3),
    withWorkers: false,
    withShipper: false,
  })
  undo.push(() => rig.stop())
  let worker = await startWorker(rig, options.build, temporal)
  undo.push(() => worker.end())
  const shipper = startMuster('shipper', options.build, rig.places, temporal.address)
  undo.push(() => shipper.end())
  const asked = () => rig.agent.postgresql.shipperRequest(rig.agent.shipperSocket, 'status', undefined)
  await waitFor(`the WAL shipper (see ${shipper.logFile})`, async () => (await asked().catch(() => null)) !== null)
  const secrets = createSecretResolver()
  return {
    cluster,
    rig,
    client,
    temporal,
    get worker() {
      return worker
    },
    shipper,
    folders: { local: join(rig.base, 'stores', 'local'), uploads: join(rig.base, 'uploads'), second },
    s3,
    store: (name) => createStore(rig.config, name, secrets),
    async keepWorker() {
      if (!worker.isRunning()) worker = await startWorker(rig, options.build, temporal)
    },
    stop,
  }
}

async function startWorker(rig: Rig, build: Build, temporal: TemporalServer): Promise<MusterProcess> {
  const worker = startMuster('worker', build, rig.places, temporal.address)
  const queues = ['muster-host-localhost', 'muster-host-localhost-urgent', 'muster-site-primary', 'muster']
  await waitFor(`the worker (see ${worker.logFile})`, async () => {
    if (!worker.isRunning()) throw new Error(`muster worker ended by itself, see ${worker.logFile}`)
    return (await Promise.all(queues.map((queue) => isPolled(rig.client, queue, worker.pid)))).every(Boolean)
  })
  return worker
}

async function isPolled(client: Client, queue: string, pid: number): Promise<boolean> {
  const taskQueueType = queue === 'muster' ? 1 : 2
  const { pollers } = await client.workflowService.describeTaskQueue({ namespace: 'default', taskQueue: { name: queue }, taskQueueType })
  return (pollers ?? []).some(({ identity }) => identity?.startsWith(`${pid}@`))
}

async function prepare(base: string, { treeMegabytes = 0 }: BenchSystemOptions, s3: S3Server | null): Promise<void> {
  if (s3) await writeFile(join(base, 'keys', 's3'), `${s3.accessKeyId}:${s3.secretAccessKey}`, { mode: 0o600 })
  if (treeMegabytes === 0) return
  await mkdir(join(base, 'uploads'), { mode: 0o755 })
  const filesPerMegabyte = 10
  for (let n = 0; n < treeMegabytes * filesPerMegabyte; n++) {
    await writeFile(join(base, 'uploads', `upload-${n}.txt`), `upload ${n}: ${'some text of an upload\n'.repeat(4500)}`)
  }
}

function yamlFor(base: string, cluster: TestCluster, options: BenchSystemOptions, s3: S3Server | null, second: SecondFilesystem): string {
  const { connection } = cluster.config
  const credentials = `{ read: "file:${base}/keys/s3", write: "file:${base}/keys/s3" }`
  const offsite = s3
    ? `{ type: s3, bucket: ${bucket}, region: ${s3.region}, endpoint: "${s3.endpoint}", forcePathStyle: true, site: cloud, hosts: [localhost], credentials: ${credentials} }`
    : `{ type: directory, path: ${second.path}/store, site: cloud, host: elsewhere, hosts: [localhost] }`
  return `
organisation: Bench
sites: { primary: { hosts: [localhost] }, cloud: { hosts: [] } }
stores:
  local: { type: directory, path: ${base}/stores/local, site: primary, hosts: [localhost] }
  offsite: ${offsite}
encryption: { identity: "file:${base}/keys/identity.txt", restoreHosts: [localhost] }
systems:
  shop:
    copies: { required: { total: 1, offSite: ${s3 ? 1 : 0} } }
    components:
      database:
        type: postgresql
        host: localhost
        dataDirectory: ${cluster.directory}
        connection: { host: ${connection.host}, port: ${connection.port}, user: ${connection.user}, database: ${connection.database} }
        runAs: ${cluster.config.runAs ?? 'postgres'}
        binDirectory: ${cluster.config.binDirectory}
        checkpoint: fast
        wal: { shipEvery: ${options.shipEverySeconds ?? 30}s }
      ${options.treeMegabytes ? `uploads: { type: files, host: localhost, paths: [${base}/uploads], follows: database }` : ''}
    restore: { commitAfter: 0, approvals: { count: 0 } }
`
}
