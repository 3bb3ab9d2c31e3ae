/** A shop on one host, for the scenarios that need no other site: a real PostgreSQL, a tree, a service, two stores, and `muster`. */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { databaseConfig } from './database-config.ts'
import { createCluster, type TestCluster } from './postgres-cluster.ts'
import { createRig, type Rig, startTemporal } from './rig.ts'
import { type Muster, typedMuster } from './typed-muster.ts'

export interface ScenarioRig {
  readonly rig: Rig
  readonly cluster: TestCluster
  readonly muster: Muster
  /** The tree that is protected. */
  readonly uploads: string
  /** Values of the column `n` of `orders`, in order. */
  orders(): Promise<readonly number[]>
  /** The server's clock, to the microsecond, at least some milliseconds after what was committed before and before what follows. */
  moment(): Promise<string>
  stop(): Promise<void>
}

/** @param checks of the database, as in muster.yaml */
export async function createScenarioRig(checks: string): Promise<ScenarioRig> {
  const env: TestWorkflowEnvironment = await startTemporal()
  const cluster = await createCluster()
  await cluster.sql('create table orders (n int primary key, amount int not null default 1); grant select on orders to muster')
  const rig = await createRig({ env, yaml: (base) => yamlFor(base, cluster, checks), prepare })
  const muster = typedMuster(rig.places, env.client)
  return {
    rig,
    cluster,
    muster,
    uploads: join(rig.base, 'uploads'),
    orders: async () => (await cluster.sql<{ n: number }>('select n from orders order by n')).map(({ n }) => n),
    async moment() {
      await new Promise((resolve) => setTimeout(resolve, 50))
      const [row] = await cluster.sql<{ at: string }>(`select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at`)
      await new Promise((resolve) => setTimeout(resolve, 50))
      return (row as { at: string }).at
    },
    async stop() {
      muster.stop()
      await rig.stop()
      await cluster.destroy()
      await env.teardown()
    },
  }
}

async function prepare(base: string): Promise<void> {
  await mkdir(join(base, 'uploads'))
  await chmod(join(base, 'uploads'), 0o755)
  await writeFile(join(base, 'uploads', 'logo.txt'), 'first')
  const file = join(base, 'service.running')
  await writeFile(
    join(base, 'service'),
    `#!/bin/sh\ncase "$1" in\nstart) echo running > '${file}' ;;\nstop) rm -f '${file}' ;;\nstatus) test -f '${file}' ;;\nhealth) grep -q working '${base}/uploads/release.txt' ;;\nesac\n`,
    { mode: 0o755 },
  )
  await writeFile(join(base, 'uploads', 'release.txt'), 'working')
  await writeFile(file, 'running')
}

function yamlFor(base: string, cluster: TestCluster, checks: string): string {
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/stores/local }
  nas: { type: directory, path: ${base}/stores/nas }
encryption: { identity: "file:${base}/keys/identity.txt" }
systems:
  shop:
    components:
      database:
        ${databaseConfig(cluster)}
        checks: ${checks}
      uploads: { type: files, paths: [${base}/uploads], follows: database }
    services:
      web: { type: command, start: [${base}/service, start], stop: [${base}/service, stop], status: [${base}/service, status] }
    restore: { commitAfter: 0 }
`
}
