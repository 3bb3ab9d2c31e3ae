import assert from 'node:assert/strict'
import { access, chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { BackupSystemResult } from '../../workflows/backup-system.ts'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { databaseConfig } from '../support/database-config.ts'
import { askPostgres } from '../support/ask-postgres.ts'
import { createCluster, freePort, type TestCluster } from '../support/postgres-cluster.ts'
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
    assert.deepEqual(
      result.components.map(({ component, copies }) => [component, copies.map(({ store }) => store).sort()]),
      [
        ['database', ['local', 'nas']],
        ['uploads', ['local', 'nas']],
      ],
    )
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
    const { loss } = planned.plan.forecast
    assert.ok(loss.nowSeconds !== null && loss.nowSeconds >= 0.05 && loss.nowSeconds < 60, `${loss.nowSeconds} s since the moment that comes back`)
    const newest = (await run<RestoreResult>('restoreSystem', { system: 'shop', planOnly: true })).plan.forecast.loss
    assert.ok(newest.nowSeconds !== null && newest.nowSeconds < 60, `${newest.nowSeconds} s since the newest commit in a store`)
    assert.equal(newest.afterTailSeconds, 0)
    const handle = await env.client.workflow.start('recoverToPointInTime', { taskQueue: 'muster', workflowId: 'target/shop', args: [input] })
    await waitFor('approval', async () => (await handle.describe()).memo?.['phase'] === 'waiting for approval')
    const { memo } = await handle.describe()
    await handle.executeUpdate('approve', { args: [{ plan: memo?.['plan'], person: 'bob' }] })
    const result = await followed((await handle.result()) as RestoreResult)
    assert.equal(result.outcome, 'succeeded')
    const [{ count }] = (await cluster.sql<{ count: string }>('select count(*) from markers')) as [{ count: string }]
    assert.equal(Number(count), 20)
    assert.equal(await readFile(join(uploads, 'logo.png'), 'utf8'), 'first')
    assert.equal(result.safety.length, 2)
    const old = result.safety.find(({ path }) => path === uploads)
    assert.equal(await readFile(join(old?.safetyPath ?? '', 'logo.png'), 'utf8'), 'overwritten')
    await cluster.sql('insert into markers (n) values (100)')
  })

  it('recovers the newest moment when data directory and uploads are gone, from what the stores have', async () => {
    await cluster.sql('insert into markers (n) values (101)')
    await run('archiveWal', { system: 'shop' })
    await cluster.kill()
    await inBothStores()
    await rm(cluster.directory, { recursive: true, force: true })
    await rm(join(rig.base, 'uploads'), { recursive: true, force: true })
    const result = await run<RestoreResult>('restoreSystem', { system: 'shop', requestedBy: 'alice', ...(await planFor('restoreSystem', {})) }, 'target/shop')
    await followed(result)
    assert.equal(result.outcome, 'succeeded')
    assert.deepEqual(await numbers(), [...Array.from({ length: 20 }, (_, i) => i + 1), 100, 101])
    assert.equal(result.safety.filter(({ sizeBytes }) => sizeBytes > 0).length, 0)
  })

  it('recovers to a moment after the second of two point-in-time recoveries', async () => {
    const first = await momentAfter('insert into markers (n) values (200)')
    await cluster.sql('insert into markers (n) values (201)')
    await pitr(first)
    assert.deepEqual(
      (await numbers()).filter((n) => n >= 200),
      [200],
    )
    const second = await momentAfter('insert into markers (n) values (210)')
    await cluster.sql('insert into markers (n) values (211)')
    await pitr(second)
    const third = await momentAfter('insert into markers (n) values (220)')
    await cluster.sql('insert into markers (n) values (221)')
    await run('archiveWal', { system: 'shop' })
    await cluster.kill()
    await rm(cluster.directory, { recursive: true, force: true })
    await pitr(third)
    assert.deepEqual(
      (await numbers()).filter((n) => n >= 200),
      [200, 210, 220],
    )
  })

  it('refuses a moment on a branch that was left, and says which', async () => {
    const moment = new Date(Date.now() - 1).toISOString()
    await assert.rejects(run('recoverToPointInTime', { system: 'shop', to: { time: '2020-01-01T00:00:00Z' }, planOnly: true }), causeMatches(/too early/))
    await assert.rejects(
      run('recoverToPointInTime', { system: 'shop', to: { time: '2099-01-01T00:00:00Z' }, planOnly: true }),
      causeMatches(/unbroken only to/),
    )
    assert.ok(moment)
  })

  it('restores a database elsewhere, on a port of its own, without touching the service', async () => {
    const directory = join(rig.base, 'copy')
    const port = await freePort()
    const result = await run<RestoreResult>(
      'restoreSystem',
      { system: 'shop', components: ['database'], into: { directory, port } },
      'aside/shop/localhost/test',
    )
    assert.equal(result.outcome, 'succeeded')
    const copied = await queryAt(port, 'select count(*)::int as n from markers')
    assert.equal(copied, (await numbers()).length)
    await cluster.kill(directory)
  })

  it('brings back the safety set of an earlier restore', async () => {
    const moment = await momentAfter('insert into markers (n) values (300)')
    await cluster.sql('insert into markers (n) values (301)')
    const restored = await pitr(moment)
    await cluster.sql('insert into markers (n) values (302)')
    const handle = await env.client.workflow.getHandle('target/shop').describe()
    const back = `target/shop:${handle.runId}`
    assert.equal(restored.outcome, 'succeeded')
    const approval = await planFor('restoreSystem', { back, components: ['database'] })
    const result = await run<RestoreResult>(
      'restoreSystem',
      { system: 'shop', back, components: ['database'], requestedBy: 'alice', ...approval },
      'target/shop',
    )
    assert.equal(result.outcome, 'succeeded')
    assert.deepEqual(
      (await numbers()).filter((n) => n >= 300),
      [300, 301],
    )
    await cluster.sql('insert into markers (n) values (303)')
    await followed(result)
    await run('archiveWal', { system: 'shop' })
  })

  it('leaves the safety sets alone when it restores beside what is in service', async () => {
    const moment = await momentAfter('insert into markers (n) values (350)')
    const { safety } = await pitr(moment)
    const kept = safety.filter(({ sizeBytes }) => sizeBytes > 0).map(({ safetyPath }) => safetyPath)
    assert.equal(kept.length, 2)
    for (const [component, directory] of [
      ['database', join(cluster.base, 'beside')],
      ['uploads', join(rig.base, 'beside')],
    ] as const) {
      const input = { system: 'shop', components: [component], into: { directory } }
      const result = await run<RestoreResult>('restoreSystem', input, `aside/shop/localhost/beside-${component}`)
      assert.equal(result.outcome, 'succeeded')
      await access(directory)
    }
    for (const path of kept) await access(path)
    assert.deepEqual(
      [...(await readdir(cluster.base)), ...(await readdir(rig.base))].filter((name) => name.includes('-into-')),
      [],
    )
  })

  it('replays what only the stopped server had, although its last segment holds no commit', async () => {
    await rig.stopShipper()
    await cluster.sql('insert into markers (n) values (400)')
    await cluster.sql('select pg_switch_wal()')
    await cluster.sql('checkpoint')
    const approval = await planFor('restoreSystem', { components: ['database'] })
    const input = { system: 'shop', components: ['database'], requestedBy: 'alice', ...approval }
    const handle = await env.client.workflow.start('restoreSystem', { taskQueue: 'muster', workflowId: 'target/shop', args: [input] })
    await waitFor('the swap', async () => {
      const { memo, status } = await handle.describe()
      if (status.name !== 'RUNNING') await handle.result()
      return ['swap', 'start closed', 'protect again'].includes(String(memo?.['phase']))
    })
    await rig.startShipper()
    const result = await followed((await handle.result()) as RestoreResult)
    assert.equal(result.outcome, 'succeeded')
    assert.deepEqual(
      (await numbers()).filter((n) => n >= 400),
      [400],
    )
  })

  async function numbers(): Promise<number[]> {
    return (await cluster.sql<{ n: number }>('select n from markers order by n')).map(({ n }) => n)
  }

  async function momentAfter(sql: string): Promise<string> {
    await cluster.sql(sql)
    await new Promise((resolve) => setTimeout(resolve, 30))
    const [row] = await cluster.sql<{ now: Date }>('select clock_timestamp() as now')
    await new Promise((resolve) => setTimeout(resolve, 30))
    return (row as { now: Date }).now.toISOString()
  }

  async function planFor(type: string, more: object): Promise<{ approve: string; expiresAt: string }> {
    const { plan } = await run<RestoreResult>(type, { system: 'shop', requestedBy: 'alice', planOnly: true, ...more })
    return { approve: plan.decisionHash, expiresAt: plan.decision.expiresAt }
  }

  async function pitr(time: string): Promise<RestoreResult> {
    const handle = await env.client.workflow.start('recoverToPointInTime', {
      taskQueue: 'muster',
      workflowId: 'target/shop',
      args: [{ system: 'shop', to: { time }, requestedBy: 'alice' }],
    })
    await waitFor('approval', async () => {
      const { memo, status } = await handle.describe()
      if (status.name !== 'RUNNING') await handle.result()
      return memo?.['phase'] === 'waiting for approval'
    })
    const { memo } = await handle.describe()
    await handle.executeUpdate('approve', { args: [{ plan: memo?.['plan'], person: 'bob' }] })
    return followed((await handle.result()) as RestoreResult)
  }

  /** The full backup that follows a restore is a new base: a plan made before it ends has another hash after. */
  async function followed(result: RestoreResult): Promise<RestoreResult> {
    if (result.backup) await env.client.workflow.getHandle(result.backup).result()
    return result
  }

  /** Enough copies are one; as long as one store has more than the other, the next plan may name another store, and has another hash. */
  async function inBothStores(): Promise<void> {
    const { postgresql, shipperSocket } = rig.agent
    await postgresql.shipperRequest(shipperSocket, 'flush', { system: 'shop', component: 'database', stores: ['local', 'nas'], timeoutSeconds: 60 })
  }

  async function queryAt(port: number, sql: string): Promise<number> {
    const role = { user: 'muster', password: "it's: a \\\\secret" }
    return (await askPostgres<{ n: number }>({ host: '127.0.0.1', port, database: 'postgres', ...role }, sql))[0]?.n as number
  }
})

function causeMatches(pattern: RegExp): (error: Error) => boolean {
  return (error) => pattern.test(String((error.cause as Error | undefined)?.message))
}

async function prepareTree(base: string): Promise<void> {
  await mkdir(join(base, 'uploads'))
  await chmod(join(base, 'uploads'), 0o755)
  await writeFile(join(base, 'uploads', 'logo.png'), 'first')
}

function yamlFor(base: string, cluster: TestCluster): string {
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
        checks: [{ sql: "select count(*) from markers", min: 1 }]
      uploads: { type: files, paths: [${base}/uploads], follows: database }
    restore: { commitAfter: 0 }
`
}
