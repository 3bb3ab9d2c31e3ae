import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { databaseConfig } from '../support/database-config.ts'
import { type Mount, mountTmpfs } from '../support/mounts.ts'
import { contentOf } from '../support/content-of.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { createRig, type Rig, startTemporal, waitFor } from '../support/rig.ts'

describe('restore of a database with a tablespace whose data directory is a mount point', function () {
  this.timeout(240_000)
  let env: TestWorkflowEnvironment
  let cluster: TestCluster
  let rig: Rig
  let mount: Mount
  let yaml: (checks: string) => string

  before(async () => {
    env = await startTemporal()
    cluster = await createCluster({ tablespace: true })
    await cluster.sql('create table markers (n int primary key) tablespace side; grant select on markers to muster')
    mount = await moveOntoMount(cluster)
    rig = await createRig({
      env,
      yaml: (base) => {
        yaml = (checks) => yamlFor(base, cluster, checks)
        return yaml('')
      },
    })
  })

  after(async () => {
    await rig?.stop()
    await cluster?.stop().catch(() => undefined)
    await mount?.unmount()
    await cluster?.destroy()
    await env?.teardown()
  })

  async function recover(time: string): Promise<RestoreResult> {
    const input = { system: 'shop', to: { time }, requestedBy: 'alice' }
    const { plan } = (await env.client.workflow.execute('recoverToPointInTime', {
      taskQueue: 'muster',
      workflowId: `plan/${time}`,
      args: [{ ...input, planOnly: true }],
    })) as RestoreResult
    const approval = { approve: plan.decisionHash, expiresAt: plan.decision.expiresAt }
    return (await env.client.workflow.execute('recoverToPointInTime', {
      taskQueue: 'muster',
      workflowId: 'target/shop',
      args: [{ ...input, ...approval }],
    })) as RestoreResult
  }

  it('rolls back by itself when a check fails after the swap, and the newest row is there', async () => {
    await cluster.sql('insert into markers select generate_series(1, 10)')
    await env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup/1', args: [{ system: 'shop' }] })
    const [row] = await cluster.sql<{ now: Date }>('select clock_timestamp() as now')
    await cluster.sql('insert into markers values (11)')
    // Holds aside, where the copy is read-only, and fails in place, where it is writable.
    await rig.reconfigure(
      yaml(`[{ sql: "select case when current_setting('transaction_read_only') = 'on' and pg_is_in_recovery() then 1 else 0 end", min: 1 }]`),
    )
    await assert.rejects(recover((row as { now: Date }).now.toISOString()), (error: Error) =>
      /rolled back: what ran before is running again/.test(String((error.cause as Error).message)),
    )
    assert.deepEqual(await cluster.sql('select max(n) as n from markers'), [{ n: 11 }])
    await cluster.sql('insert into markers values (12)')
    const left = (await readdir(cluster.directory)).filter((name) => name.startsWith('pgsql_tmp.muster'))
    assert.ok(left.length <= 1)
  })

  it('recovers in place by renaming contents, keeps the old data and tablespace, and goes on from there', async () => {
    await rig.reconfigure(yaml(''))
    const [row] = await cluster.sql<{ now: Date }>('select clock_timestamp() as now')
    const moment = (row as { now: Date }).now.toISOString()
    await new Promise((resolve) => setTimeout(resolve, 50))
    await cluster.sql('delete from markers')
    const result = await recover(moment)
    assert.equal(result.outcome, 'succeeded')
    assert.deepEqual(await cluster.sql('select count(*)::int as n from markers'), [{ n: 12 }])
    const database = result.safety.find(({ path }) => path === cluster.directory)
    assert.equal(await readFile(join(database?.safetyPath ?? '', 'PG_VERSION'), 'utf8'), '15\n')
    const [space] = await cluster.sql<{ path: string }>("select pg_tablespace_location(oid) as path from pg_tablespace where spcname = 'side'")
    assert.notEqual(space?.path, join(cluster.base, 'side'))
    assert.ok((await readdir(join(cluster.base, 'side'))).length > 0, 'the old tablespace is still there')
    // The full backup that follows holds the component; what comes next would find it held.
    await env.client.workflow.getHandle(result.backup ?? '').result()
  })

  it('gives a tablespace that is younger than the backup a directory of its own, and keeps the old one as it was', async () => {
    const before = await momentNow()
    // A recovery stops at the first commit after its moment, and making a tablespace is in the WAL before its commit.
    await cluster.sql('insert into markers values (50)')
    const place = await cluster.makeDirectory('young')
    await cluster.sql(`create tablespace young location '${place}'`)
    await cluster.sql('create table late (n int) tablespace young; insert into late select generate_series(1, 1000)')
    const good = await momentNow()
    await cluster.sql('update late set n = n + 1000')
    await cluster.sql('checkpoint')
    const kept = await contentOf(place)
    if (process.geteuid?.() !== 0) {
      await assert.rejects(recover(good), (error: Error) => /made after the backup/.test(String((error.cause as Error).message)))
      await cluster.sql('drop table late')
      await cluster.sql('drop tablespace young')
      return
    }
    const result = await recover(good)
    assert.equal(result.outcome, 'succeeded')
    assert.deepEqual(await cluster.sql('select min(n), max(n), count(*)::int from late'), [{ min: 1, max: 1000, count: 1000 }])
    const youngs = await youngPlaces()
    assert.equal(youngs.length, 1)
    assert.notEqual(youngs[0], place)
    assert.deepEqual(await contentOf(place), kept)
    assert.ok(result.safety.some(({ safetyPath }) => safetyPath === place))
    // The backup that follows looks at the server: it is started again only after it.
    await env.client.workflow.getHandle(result.backup ?? '').result()
    await cluster.stop()
    await cluster.start()
    await cluster.sql('insert into late values (7)')

    // Pinned to the backup before it was made: its directory is not replayed, and none is left.
    const earlier = await recover(before)
    assert.deepEqual(await youngPlaces(), [])
    assert.deepEqual((await readdir(cluster.base)).filter((name) => name.startsWith('young')).sort(), ['young', basename(youngs[0] ?? '')].sort())
    await env.client.workflow.getHandle(earlier.backup ?? '').result()
  })

  async function momentNow(): Promise<string> {
    const [row] = await cluster.sql<{ now: Date }>('select clock_timestamp() as now')
    await new Promise((resolve) => setTimeout(resolve, 50))
    return (row as { now: Date }).now.toISOString()
  }

  const youngPlaces = async () =>
    (await cluster.sql<{ path: string }>("select pg_tablespace_location(oid) as path from pg_tablespace where spcname = 'young'")).map(({ path }) => path)

  it('leaves its work directory out of the next base backup, and that backup restores', async () => {
    await cluster.sql('insert into markers values (100)')
    await env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup/2', args: [{ system: 'shop' }] })
    const directory = join(rig.base, 'copy')
    const result = (await env.client.workflow.execute('restoreSystem', {
      taskQueue: 'muster',
      workflowId: 'aside/shop/localhost/copy',
      args: [{ system: 'shop', into: { directory } }],
    })) as RestoreResult
    assert.equal(result.outcome, 'succeeded')
    assert.deepEqual(
      (await readdir(directory)).filter((name) => name.startsWith('pgsql_tmp')),
      [],
    )
    await waitFor('the copy to be complete', async () => (await readdir(directory)).includes('PG_VERSION'))
  })
})

/** Puts the data directory on a filesystem of its own. */
async function moveOntoMount(cluster: TestCluster): Promise<Mount> {
  await cluster.stop()
  const kept = join(cluster.base, 'data.before')
  await runTool('mv', [cluster.directory, kept])
  const mount = await mountTmpfs(cluster.directory, 600)
  await runTool('cp', ['--archive', '--no-target-directory', kept, cluster.directory])
  await runTool('rm', ['-rf', kept])
  await cluster.start()
  return mount
}

function yamlFor(base: string, cluster: TestCluster, checks: string): string {
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/stores/local }
encryption: { identity: "file:${base}/keys/identity.txt" }
systems:
  shop:
    components:
      database:
        ${databaseConfig(cluster)}
        ${checks ? `checks: ${checks}` : ''}
    restore: { commitAfter: 0 }
`
}
