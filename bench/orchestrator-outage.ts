/**
 * Does protection depend on the orchestrator? Temporal is killed for a while under a constant load of commits, and the
 * off-site loss (age of the newest commit that is not in the off-site store) is sampled every second before, during
 * and after.
 *
 *   npm run bench -- orchestrator-outage [--outage-seconds 600] [--ship-every-seconds 30]
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { NativeConnection } from '@temporalio/worker'
import { createCluster, freePort, type TestCluster } from '../test/support/postgres-cluster.ts'
import { createRig, type Rig } from '../test/support/rig.ts'
import { temporalPath } from '../test/support/tools.ts'
import { quietTemporal } from '../wiring/quiet-temporal.ts'

export interface OutageFigures {
  readonly shipEverySeconds: number
  readonly outageSeconds: number
  /** 95th percentile of the off-site loss in seconds. */
  readonly before: number
  readonly during: number
  readonly after: number
  readonly worstDuring: number
  /** During ÷ before. */
  readonly ratio: number
  /** Commits acknowledged during the outage. */
  readonly commits: number
}

export async function measureOutage(options: {
  readonly outageSeconds: number
  readonly shipEverySeconds: number
  readonly steadySeconds: number
}): Promise<OutageFigures> {
  quietTemporal()
  const folder = await mkdtemp(join(tmpdir(), 'muster-outage-'))
  const port = await freePort()
  let temporal = await startServer(folder, port)
  const address = `127.0.0.1:${port}`
  const connection = await Connection.connect({ address })
  const nativeConnection = await NativeConnection.connect({ address })
  const cluster = await createCluster()
  await cluster.sql('create table markers (n serial primary key, at timestamptz default clock_timestamp())')
  const rig = await createRig({
    env: { client: new Client({ connection }), nativeConnection, namespace: 'default' },
    yaml: (base) => yamlFor(base, cluster, options.shipEverySeconds),
  })
  const load = startLoad(cluster)
  try {
    await rig.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'bench/backup', args: [{ system: 'shop' }] })
    await sample(rig, options.shipEverySeconds * 2)
    const before = await sample(rig, options.steadySeconds)
    temporal.kill('SIGKILL')
    const committed = load.commits()
    const during = await sample(rig, options.outageSeconds)
    const commits = load.commits() - committed
    temporal = await startServer(folder, port)
    const after = await sample(rig, options.steadySeconds)
    const p95 = { before: percentile(before), during: percentile(during), after: percentile(after) }
    return { ...options, ...p95, worstDuring: Math.max(...during), ratio: p95.during / p95.before, commits }
  } finally {
    await load.stop()
    await rig.stop()
    await cluster.destroy()
    await nativeConnection.close().catch(() => undefined)
    await connection.close().catch(() => undefined)
    temporal.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
}

async function startServer(folder: string, port: number): Promise<ChildProcess> {
  const args = [
    'server',
    'start-dev',
    '--headless',
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--db-filename',
    join(folder, 'temporal.db'),
    '--log-level',
    'never',
  ]
  const server = spawn(await temporalPath(), args, { stdio: 'ignore' })
  for (let tries = 0; tries < 100; tries++) {
    const up = await Connection.connect({ address: `127.0.0.1:${port}`, connectTimeout: 1000 }).then(
      (one) => one.close().then(() => true),
      () => false,
    )
    if (up) return server
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error('the Temporal server did not come up')
}

/** A commit every few milliseconds, one after the other. */
function startLoad(cluster: TestCluster): { commits(): number; stop(): Promise<void> } {
  let commits = 0
  let stopped = false
  const running = (async () => {
    while (!stopped) {
      await cluster.sql('insert into markers default values')
      commits++
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  return {
    commits: () => commits,
    async stop() {
      stopped = true
      await running.catch(() => undefined)
    },
  }
}

/** Seconds since the newest commit that the off-site store has, once a second. */
async function sample(rig: Rig, seconds: number): Promise<readonly number[]> {
  const samples: number[] = []
  for (let n = 0; n < seconds; n++) {
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const status = await rig.agent.postgresql.shipperRequest(rig.agent.shipperSocket, 'status', undefined)
    const offsite = status.instances[0]?.stores.find(({ store }) => store === 'offsite')
    if (offsite?.lastCommitAt) samples.push((Date.now() - Date.parse(offsite.lastCommitAt)) / 1000)
  }
  return samples
}

function percentile(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN
}

function yamlFor(base: string, cluster: TestCluster, shipEverySeconds: number): string {
  const { connection } = cluster.config
  return `
organisation: Bench
sites: { primary: { hosts: [localhost] }, cloud: { hosts: [] } }
stores:
  local: { type: directory, path: ${base}/stores/local, site: primary, hosts: [localhost] }
  offsite: { type: directory, path: ${base}/stores/offsite, site: cloud, host: elsewhere, hosts: [localhost] }
encryption: { identity: "file:${base}/keys/identity.txt", restoreHosts: [localhost] }
systems:
  shop:
    copies: { required: { total: 1, offSite: 1 } }
    components:
      database:
        type: postgresql
        host: localhost
        dataDirectory: ${cluster.directory}
        connection: { host: ${connection.host}, port: ${connection.port}, user: ${connection.user}, database: ${connection.database} }
        runAs: ${cluster.config.runAs ?? 'postgres'}
        binDirectory: ${cluster.config.binDirectory}
        checkpoint: fast
        wal: { shipEvery: ${shipEverySeconds}s }
`
}
