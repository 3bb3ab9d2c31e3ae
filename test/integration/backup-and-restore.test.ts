import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { BackupSystemResult } from '../../workflows/backup-system.ts'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { createRig, type Rig, startTemporal, waitFor } from '../support/rig.ts'

describe('backup and restore of a database and a tree, nothing scripted', function () {
  this.timeout(180_000)
  let env: TestWorkflowEnvironment
  let cluster: TestCluster
  let rig: Rig

  before(async () => {
    env = await startTemporal()
    cluster = await createCluster()
    await cluster.sql('create table markers (n int primary key, at timestamptz not null default now()); grant select on markers to muster')
    rig = await createRig({ env, yaml: (base) => yamlFor(base, cluster), prepare: prepareTree })
  })

  after(async () => {
    await rig?.stop()
    await cluster?.destroy()
    await env?.teardown()
  })

  async function run<T>(type: string, input: object, workflowId = `${type}/${Math.random()}`): Promise<T> {
    return (await env.client.workflow.execute(type, { taskQueue: 'muster', workflowId, args: [input] })) as T
  }

  it('publishes one backup of each component in both stores', async () => {
    await cluster.sql('insert into markers (n) select generate_series(1, 10)')
    const result = await run<BackupSystemResult>('backupSystem', { system: 'shop' })
    assert.equal(result.outcome, 'succeeded')
    assert.deepEqual(result.components.map(({ component, copies }) => [component, copies.map(({ store }) => store).sort()]), [
      ['database', ['local', 'nas']],
      ['uploads', ['local', 'nas']],
    ])
  })

  it('recovers in place to a moment before a wrong DELETE, and keeps a file that is newer than the backup', async () => {
    await cluster.sql('insert into markers (n) select generate_series(11, 20)')
    const [row] = await cluster.sql<{ now: Date }>('select clock_timestamp() as now')
    const moment = (row as { now: Date }).now.toISOString()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const uploads = join(rig.base, 'uploads')
    await cluster.sql('delete from markers where n > 5')
    await writeFile(join(uploads, 'logo.png'), 'overwritten')
    const input = { system: 'shop', to: { time: moment }, requestedBy: 'alice' }
    const planned = await run<RestoreResult>('recoverToPointInTime', { ...input, planOnly: true })
    assert.match(planned.plan.decisionHash, /^[0-9a-f]{64}$/)
    const handle = await env.client.workflow.start('recoverToPointInTime', { taskQueue: 'muster', workflowId: 'target/shop', args: [input] })
    await waitFor('approval', async () => (await handle.describe()).memo?.['phase'] === 'waiting for approval')
    const { memo } = await handle.describe()
    await handle.executeUpdate('approve', { args: [{ plan: memo?.['plan'], person: 'bob' }] })
    const result = (await handle.result()) as RestoreResult
    assert.equal(result.outcome, 'succeeded')
    const [{ count }] = (await cluster.sql<{ count: string }>('select count(*) from markers')) as [{ count: string }]
    assert.equal(Number(count), 20)
    assert.equal(await readFile(join(uploads, 'logo.png'), 'utf8'), 'first')
    assert.equal(result.safety.length, 2)
    const old = result.safety.find(({ path }) => path === uploads)
    assert.equal(await readFile(join(old?.safetyPath ?? '', 'logo.png'), 'utf8'), 'overwritten')
    await cluster.sql('insert into markers (n) values (100)')
  })
})

async function prepareTree(base: string): Promise<void> {
  await mkdir(join(base, 'uploads'))
  await chmod(join(base, 'uploads'), 0o755)
  await writeFile(join(base, 'uploads', 'logo.png'), 'first')
}

function yamlFor(base: string, cluster: TestCluster): string {
  const { connection } = cluster.config
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
        type: postgresql
        dataDirectory: ${cluster.directory}
        connection: { host: ${connection.host}, port: ${connection.port}, user: ${connection.user}, database: ${connection.database} }
        runAs: ${cluster.config.runAs ?? 'postgres'}
        binDirectory: ${cluster.config.binDirectory}
        checkpoint: fast
        wal: { shipEvery: 1s }
        checks: [{ sql: "select count(*) from markers", min: 1 }]
      uploads: { type: files, paths: [${base}/uploads], follows: database }
    restore: { commitAfter: 0 }
`
}
