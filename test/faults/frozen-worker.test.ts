import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BackupSystemResult } from '../../workflows/backup-system.ts'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { findLabelPrefix } from '../../adapters/process/find-processes.ts'
import { createFaultRig, type FaultRig, findMark } from '../support/fault-rig.ts'
import { waitFor } from '../support/rig.ts'

describe('a worker that is lost in the middle', function () {
  this.timeout(300_000)
  let faults: FaultRig

  before(async () => {
    faults = await createFaultRig()
  })

  after(async () => {
    await faults?.stop()
  })

  it('of a backup: the run finishes with one published manifest per store, and what the dead attempt left is swept', async () => {
    await faults.cluster.sql('create table filler as select generate_series(1, 200000) as n')
    const first = await faults.startWorker('produceBackup:running')
    const second = await faults.startWorker()
    await first.go()
    const handle = await faults.env.client.workflow.start('backupSystem', { taskQueue: 'muster', workflowId: 'backup/killed', args: [{ system: 'shop' }] })
    assert.equal(await first.ended, 'SIGKILL')
    await second.go()
    const result = (await handle.result()) as BackupSystemResult
    assert.equal(result.outcome, 'succeeded')
    for (const { component, backup, copies } of result.components) {
      assert.deepEqual(copies.map(({ store }) => store).sort(), ['local', 'nas'])
      for (const store of ['local', 'nas']) {
        const folder = join(faults.rig.base, 'stores', store, 'backups', 'shop', component)
        const { readdir } = await import('node:fs/promises')
        const published: string[] = []
        for (const name of await readdir(folder)) if ((await readdir(join(folder, name))).includes('manifest.json')) published.push(name)
        assert.deepEqual(published, [backup])
      }
    }
    assert.deepEqual(await findLabelPrefix(`muster:${handle.firstExecutionRunId}:`), [])
    const { readdir } = await import('node:fs/promises')
    assert.deepEqual(await readdir(join(faults.rig.places.home, 'hosts', 'localhost', 'staging')), [])
    await second.end()
  })

  it('of a swap, by SIGSTOP past its heartbeat: when it comes back it changes nothing', async () => {
    await faults.cluster.sql('insert into markers values (1000)')
    await new Promise((resolve) => setTimeout(resolve, 20))
    const [row] = await faults.cluster.sql<{ now: Date }>('select clock_timestamp() as now')
    await new Promise((resolve) => setTimeout(resolve, 20))
    await faults.cluster.sql('insert into markers values (1001)')
    await faults.mark('frozen')
    const frozen = await faults.startWorker('swapIn:swap:SIGSTOP')
    const second = await faults.startWorker()
    await frozen.go()
    const args = [{ system: 'shop', to: { time: (row as { now: Date }).now.toISOString() } }]
    const handle = await faults.env.client.workflow.start('recoverToPointInTime', { taskQueue: 'muster', workflowId: 'target/shop', args })
    await waitFor('the worker to freeze', async () => /^State:\s+T/m.test(await readFile(`/proc/${frozen.process.pid}/status`, 'utf8')), 90)
    await second.go()
    const result = (await handle.result()) as RestoreResult
    assert.equal(result.outcome, 'succeeded')
    const before = await looks()
    frozen.process.kill('SIGCONT')
    await new Promise((resolve) => setTimeout(resolve, 4000))
    assert.deepEqual(await looks(), before)
    assert.deepEqual(before, { rows: [1000], database: ['safety set'], tree: ['safety set'] })
    await faults.cluster.sql('insert into markers values (1002)')
  })

  async function looks(): Promise<object> {
    const rows = (await faults.cluster.sql<{ n: number }>('select n from markers where n >= 1000 order by n')).map(({ n }) => n)
    return { rows, database: await findMark(faults.cluster.directory, 'frozen'), tree: await findMark(faults.uploads, 'frozen') }
  }
})
