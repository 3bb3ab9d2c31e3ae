/** A system whose worker can be lost: PostgreSQL, a tree, a service, two stores, the shipper, and worker processes. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { bundleWorker } from './worker-bundle.ts'
import { type FaultWorker, spawnFaultWorker } from './worker-process.ts'
import { databaseConfig } from '../database-config.ts'
import { saveReplayKit } from '../../../wiring/replay-kits.ts'
import { createCluster, type TestCluster } from '../postgres-cluster.ts'
import { createRig, type Rig, startTemporal, workflowBundle } from '../rig.ts'

export interface FaultRig {
  readonly env: TestWorkflowEnvironment
  readonly cluster: TestCluster
  readonly rig: Rig
  readonly uploads: string
  /** A worker that has loaded everything and waits for `go`. */
  startWorker(): Promise<FaultWorker>
  stop(): Promise<void>
}

/** A frozen worker is handed steps until the server gives its connection up: after 70 s by default. */
export const noticesFrozenClients = { 'frontend.keepAliveTime': '1s', 'frontend.keepAliveTimeout': '1s' }

export async function createFaultRig(): Promise<FaultRig> {
  // What shippers say of servers that come and go would hide the rows.
  process.env['MUSTER_LOG'] ??= 'fatal'
  const env = await startTemporal(noticesFrozenClients)
  const cluster = await createCluster()
  await cluster.sql('create table markers (n int primary key); insert into markers select generate_series(1, 10)')
  // A row in it makes the check fail once the copy is in place, where it is not in recovery any more.
  await cluster.sql('create table spoilt (n int); grant select on markers, spoilt to muster')
  const rig = await createRig({ env, yaml: (base) => yamlFor(base, cluster), prepare: (base) => prepare(base), withWorkers: false })
  const bundlePath = join(rig.base, 'bundle.js')
  await writeFile(bundlePath, (await workflowBundle()).code)
  // As a worker does when it starts.
  await saveReplayKit(rig.places, await workflowBundle())
  const bundled = await bundleWorker()
  const workers: FaultWorker[] = []
  return {
    env,
    cluster,
    rig,
    uploads: join(rig.base, 'uploads'),
    async startWorker() {
      const worker = await spawnFaultWorker(bundled.script, { places: rig.places, address: env.address, bundlePath, host: 'localhost', site: 'primary' })
      workers.push(worker)
      return worker
    },
    async stop() {
      for (const worker of workers) await worker.end()
      await bundled.remove()
      await rig.stop()
      await cluster.destroy()
      await env.teardown()
    },
  }
}

async function prepare(base: string): Promise<void> {
  await mkdir(join(base, 'uploads'), { mode: 0o755 })
  await writeFile(join(base, 'uploads', 'logo.png'), 'first')
  await writeFile(join(base, 'service.state'), 'running')
}

function yamlFor(base: string, cluster: TestCluster): string {
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
        ${databaseConfig(cluster, '15s')}
        checks:
          - { sql: "select count(*) from markers", min: 1 }
          - { sql: "select case when pg_is_in_recovery() or not exists (select 1 from spoilt) then 1 else 0 end", min: 1 }
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
