/** A system whose worker can be killed: PostgreSQL, a tree, a service, two stores, the shipper, and worker processes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { createCluster, type TestCluster } from './postgres-cluster.ts'
import { createRig, type Rig, startTemporal, workflowBundle } from './rig.ts'

export interface FaultRig {
  readonly env: TestWorkflowEnvironment
  readonly cluster: TestCluster
  readonly rig: Rig
  readonly uploads: string
  startWorker(fault?: string): Promise<FaultWorker>
  /** Unique marks in both old members, so that the old data is recognised wherever it ends. */
  mark(name: string): Promise<void>
  stop(): Promise<void>
}

export interface FaultWorker {
  readonly process: ChildProcess
  go(): Promise<void>
  readonly ended: Promise<string | number | null>
  end(): Promise<void>
}

export async function createFaultRig(): Promise<FaultRig> {
  const env = await startTemporal()
  const cluster = await createCluster()
  await cluster.sql('create table markers (n int primary key); grant select on markers to muster; insert into markers select generate_series(1, 10)')
  const rig = await createRig({ env, yaml: (base) => yamlFor(base, cluster), prepare: (base) => prepare(base) })
  await rig.stopWorkers()
  const bundlePath = join(rig.base, 'bundle.js')
  await writeFile(bundlePath, (await workflowBundle()).code)
  const workers: FaultWorker[] = []
  const order = JSON.stringify({ places: rig.places, address: env.connection.options.address, bundlePath })
  return {
    env,
    cluster,
    rig,
    uploads: join(rig.base, 'uploads'),
    async startWorker(fault = '') {
      const worker = await spawnWorker(order, fault)
      workers.push(worker)
      return worker
    },
    async mark(name) {
      await writeFile(join(cluster.directory, `mark-${name}`), name)
      await writeFile(join(rig.base, 'uploads', `mark-${name}`), name)
    },
    async stop() {
      for (const worker of workers) await worker.end()
      await rig.stop()
      await cluster.destroy()
      await env.teardown()
    },
  }
}

async function spawnWorker(order: string, fault: string): Promise<FaultWorker> {
  const script = new URL('./fault-worker.ts', import.meta.url).pathname
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    env: { ...process.env, MUSTER_FAULT: fault, MUSTER_FAULT_ORDER: order, MUSTER_LOG: 'fatal' },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const said: string[] = []
  child.stdout?.on('data', (chunk: Buffer) => said.push(chunk.toString('utf8')))
  const ended = new Promise<string | number | null>((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)))
  const hears = async (word: string) => {
    for (let tries = 0; !said.join('').includes(word); tries++) {
      if (tries > 600 || child.exitCode !== null) throw new Error(`the worker did not say "${word}": ${said.join('')}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  await hears('ready')
  return {
    process: child,
    ended,
    async go() {
      child.stdin?.write('go\n')
      await hears('polling')
    },
    async end() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await ended
    },
  }
}

async function prepare(base: string): Promise<void> {
  await mkdir(join(base, 'uploads'), { mode: 0o755 })
  await writeFile(join(base, 'uploads', 'logo.png'), 'first')
  await writeFile(join(base, 'service.state'), 'running')
}

/** Where a mark is found now: in place, or in a safety set. */
export async function findMark(member: string, name: string): Promise<string[]> {
  const found: string[] = []
  const places = [member]
  const parent = join(member, '..')
  for (const work of (await readdir(parent)).filter((entry) => entry.startsWith('.muster-'))) {
    for (const entry of await readdir(join(parent, work))) if (entry.startsWith('safety-')) places.push(join(parent, work, entry))
  }
  for (const place of places)
    if ((await readFile(join(place, `mark-${name}`), 'utf8').catch(() => '')) === name) found.push(place === member ? 'in place' : 'safety set')
  return found
}

/** Old safety sets would fill the disk of a long sweep. */
export async function dropSafetySets(member: string): Promise<void> {
  const parent = join(member, '..')
  for (const work of (await readdir(parent)).filter((entry) => entry.startsWith('.muster-'))) {
    for (const entry of await readdir(join(parent, work)))
      if (entry.startsWith('safety-')) await rm(join(parent, work, entry), { recursive: true, force: true })
  }
}

export type { RestoreResult }

function yamlFor(base: string, cluster: TestCluster): string {
  const { connection } = cluster.config
  const state = `${base}/service.state`
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/stores/local }
  nas: { type: directory, path: ${base}/stores/nas }
encryption: { identity: "file:${base}/keys/identity.txt" }
limits: { heartbeat: 2s, retry: 1s, agent: 30s }
systems:
  shop:
    components:
      database:
        type: postgresql
        dataDirectory: ${cluster.directory}
        connection: { host: ${connection.host}, port: ${connection.port}, user: ${connection.user}, database: ${connection.database} }
        runAs: ${cluster.config.runAs ?? 'postgres'}
        binDirectory: ${cluster.config.binDirectory}
        checkpoint: fast
        wal: { shipEvery: 1s }
        checks: [{ sql: "select count(*) from markers", min: 1 }]
      uploads: { type: files, paths: [${base}/uploads], follows: database }
    services:
      api:
        type: command
        start: [/bin/sh, -c, "echo running > ${state}"]
        stop: [/bin/sh, -c, "echo stopped > ${state}"]
        status: [grep, -q, running, ${state}]
    restore: { commitAfter: 0, approvals: { count: 0 } }
`
}
