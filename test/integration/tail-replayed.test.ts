import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { databaseConfig } from '../support/database-config.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { createRig, type Rig, startTemporal, waitFor } from '../support/rig.ts'

/** The newest moment is what every source together has; none of them alone does. */
describe('a recovery to the newest moment', function () {
  this.timeout(180_000)
  let env: TestWorkflowEnvironment
  let cluster: TestCluster
  let rig: Rig

  before(async () => {
    env = await startTemporal()
    cluster = await createCluster({ settings: { min_wal_size: '32MB', checkpoint_timeout: '1h' } })
    await cluster.sql('create table markers (n int primary key); grant select on markers to muster')
    rig = await createRig({ env, yaml: (base) => yamlFor(base, cluster) })
    await run('backupSystem', { system: 'shop' })
  })

  after(async () => {
    await rig?.stop()
    await cluster?.destroy()
    await env?.teardown()
  })

  it('replays what was written and let go of by the server while the copy was restored', async () => {
    await cluster.sql('insert into markers values (1)')
    const result = await run<RestoreResult>('restoreSystem', { system: 'shop' }, 'target/shop')
    assert.equal(result.outcome, 'succeeded')
    assert.deepEqual(await numbers(), [1, 2, 3, 4, 5, 6, 7, 8])
    await followed(result)
  })

  it('replays what only the spool had when the disk of the database was lost', async () => {
    await cluster.sql('insert into markers values (20)')
    const [committed] = await cluster.sql<{ lsn: string }>('select pg_current_wal_lsn() as lsn')
    // A commit does not wait for the spool.
    const received = `select exists (select from pg_stat_replication where flush_lsn >= '${committed?.lsn}') as is`
    await waitFor('the spool', async () => (await cluster.sql<{ is: boolean }>(received))[0]?.is === true)
    await cluster.kill()
    await rm(cluster.directory, { recursive: true, force: true })
    const result = await run<RestoreResult>('restoreSystem', { system: 'shop', components: ['database'] }, 'target/shop')
    assert.equal(result.outcome, 'succeeded')
    assert.equal((await numbers()).at(-1), 20)
    await followed(result)
  })

  async function run<T>(type: string, input: object, workflowId = `${type}/${Math.random()}`): Promise<T> {
    return (await env.client.workflow.execute(type, { taskQueue: 'muster', workflowId, args: [input] })) as T
  }

  async function followed(result: RestoreResult): Promise<void> {
    if (result.backup) await env.client.workflow.getHandle(result.backup).result()
  }

  async function numbers(): Promise<number[]> {
    return (await cluster.sql<{ n: number }>('select n from markers order by n')).map(({ n }) => n)
  }
})

/** Stopping the service commits in several segments, waits until none is held back, and lets the server drop them. */
function yamlFor(base: string, cluster: TestCluster): string {
  const { connection, binDirectory } = cluster.config
  const psql = `${binDirectory}/psql -X -q -h ${connection.host} -p ${connection.port} -U postgres -d postgres`
  const write = [2, 3, 4, 5, 6, 7].map((n) => `insert into markers values (${n}); select pg_switch_wal();`).join(' ')
  const settled = `select min(restart_lsn) > '0/0'::pg_lsn + pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') - 20000000 from pg_replication_slots`
  const drop = [
    `${psql} -c "${write.replaceAll('; ', '" -c "').replace(/;$/, '')}"`,
    `for n in $(seq 1 100); do test "$(${psql} -At -c "${settled}")" = t && break; sleep 0.1; done`,
    `${psql} -c "checkpoint" -c "checkpoint" -c "insert into markers values (8)"`,
  ].join('; ')
  const stop = `test -e ${base}/once || { touch ${base}/once; ${drop}; } >> ${base}/stop.log 2>&1`
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/stores/local }
encryption: { identity: "file:${base}/keys/identity.txt" }
systems:
  shop:
    components:
      database:
        ${databaseConfig(cluster, '60s')}
    services:
      api:
        type: command
        start: [/bin/sh, -c, "rm -f ${base}/stopped"]
        stop: [/bin/sh, -c, '${stop.replaceAll("'", "''")}; touch ${base}/stopped']
        status: [/bin/sh, -c, "test ! -e ${base}/stopped"]
    restore: { commitAfter: 0, approvals: { count: 0 } }
`
}
