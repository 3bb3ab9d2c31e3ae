import assert from 'node:assert/strict'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { walIndexPrefix } from '../../domain/object-keys.ts'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { databaseConfig } from '../support/database-config.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { createRig, type Rig, startTemporal, waitFor } from '../support/rig.ts'

describe('a restore whose WAL is gone when it is approved', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let cluster: TestCluster
  let rig: Rig

  before(async () => {
    env = await startTemporal()
    cluster = await createCluster()
    await cluster.sql('create table markers (n int); grant select on markers to muster')
    rig = await createRig({ env, yaml: (base) => yamlFor(base, cluster), prepare: async () => undefined })
  })
  after(async () => {
    await rig?.stop()
    await cluster?.destroy()
    await env?.teardown()
  })

  const archive = () => env.client.workflow.execute('archiveWal', { taskQueue: 'muster', workflowId: 'wal/1', args: [{ system: 'shop' }] })

  async function indexes(): Promise<readonly string[]> {
    const [life] = await readdir(join(rig.base, 'stores', 'local', 'wal', 'shop', 'database'))
    const folder = join(rig.base, 'stores', 'local', walIndexPrefix('shop', 'database', life ?? assert.fail()))
    return (await readdir(folder)).map((name) => join(folder, name))
  }

  /** A run that waits to be approved. */
  async function approvable(input: object) {
    const handle = await env.client.workflow.start('restoreSystem', {
      taskQueue: 'muster',
      workflowId: 'target/shop',
      args: [{ system: 'shop', stopFirst: true, requestedBy: 'alice', ...input }],
    })
    await waitFor('approval', async () => (await handle.describe()).memo?.['phase'] === 'waiting for approval')
    const plan = String((await handle.describe()).memo?.['plan'])
    return { handle, approve: () => handle.executeUpdate('approve', { args: [{ plan, person: 'alice' }] }) }
  }

  it('is refused before anything is stopped, and a new plan shows what is left', async () => {
    await env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup/1', args: [{ system: 'shop' }] })
    await cluster.sql('insert into markers values (1)')
    await archive()
    const early = await indexes()
    await cluster.sql('insert into markers values (2)')
    await archive()
    const { handle, approve } = await approvable({})
    // Nobody ships it again: that server was told that it is stored.
    for (const path of (await indexes()).filter((one) => !early.includes(one))) await rm(path)
    await approve()
    await assert.rejects(handle.result(), (error: Error) => {
      const said = String((error.cause as Error).message)
      assert.match(said, /^stopped at "plan again": database now comes back to .* \(LSN [0-9A-F/]+\) only, and the plan shows .* WAL is missing in store local/)
      return true
    })

    assert.deepEqual(await cluster.sql('select n from markers order by n'), [{ n: 1 }, { n: 2 }], 'it runs on')
    const again = await approvable({})
    await again.approve()
    const { outcome, plan } = (await again.handle.result()) as RestoreResult
    assert.equal(outcome, 'succeeded')
    assert.match(plan.forecast.loss.afterTail, /^database: none/)
    assert.deepEqual(await cluster.sql('select n from markers order by n'), [{ n: 1 }, { n: 2 }], 'the tail of the stopped server had it')
  })
})

function yamlFor(base: string, cluster: TestCluster): string {
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
    restore: { commitAfter: 0, approvals: { count: 1, accept: claimed, requesterMay: true } }
`
}
