import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findLabelPrefix, processesUsing } from '../../adapters/process/find-processes.ts'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { createFaultRig, dropSafetySets, type FaultRig, type FaultWorker, findMark } from '../support/fault-rig.ts'

/** What only reads: killed while it runs; there is no effect that could come before its report. */
const readers = new Set(['scopeRestore', 'observeTargets', 'planRestore', 'checkRestored', 'notifyPeople', 'awaitHealthy'])
/** Rows of one activity, or `all`; the swap is the row that every run of the suite holds. */
const only = process.env['FAULT_ROWS'] ?? 'swapIn'

describe('a worker killed at each activity of a restore', function () {
  this.timeout(1_500_000)
  let faults: FaultRig
  let standby: FaultWorker
  let next = 100

  before(async () => {
    faults = await createFaultRig()
    standby = await faults.startWorker()
    await standby.go()
    await faults.env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup/first', args: [{ system: 'shop' }] })
  })

  after(async () => {
    await faults?.stop()
  })

  /** Recovers to now, with newer rows and files on top; returns what a person would look at. */
  async function restoreOnce(name: string, fault: string, worker: FaultWorker): Promise<Record<string, unknown>> {
    const kept = next++
    const lost = next++
    await faults.cluster.sql(`insert into markers values (${kept})`)
    await new Promise((resolve) => setTimeout(resolve, 20))
    const [row] = await faults.cluster.sql<{ now: Date }>('select clock_timestamp() as now')
    await new Promise((resolve) => setTimeout(resolve, 20))
    await faults.cluster.sql(`insert into markers values (${lost})`)
    await faults.mark(name)
    await worker.go()
    const args = [{ system: 'shop', to: { time: (row as { now: Date }).now.toISOString() } }]
    const handle = await faults.env.client.workflow.start('recoverToPointInTime', { taskQueue: 'muster', workflowId: 'target/shop', args })
    const replacement = fault ? await faults.startWorker() : worker
    const killed = fault
      ? await Promise.race([
          worker.ended,
          handle.result().then(
            () => 'not reached',
            () => 'not reached',
          ),
        ])
      : null
    if (fault) await replacement.go()
    const outcome = await handle.result().then(
      (result: RestoreResult) => result,
      (error: Error) => String((error.cause as Error | undefined)?.message ?? error.message),
    )
    const backup = typeof outcome === 'string' ? null : outcome.backup
    if (backup) await faults.env.client.workflow.getHandle(backup).result()
    const values = (await faults.cluster.sql<{ n: number }>(`select n from markers where n in (${kept}, ${lost}) order by n`)).map(({ n }) => n)
    const seen = {
      fault: name,
      killed,
      outcome: typeof outcome === 'string' ? outcome : outcome.outcome,
      rows: values,
      goodRows: typeof outcome === 'string' ? values.length === 2 : values.length === 1 && values[0] === kept,
      oldDatabase: await findMark(faults.cluster.directory, name),
      oldTree: await findMark(faults.uploads, name),
      service: (await readFile(join(faults.rig.base, 'service.state'), 'utf8')).trim(),
      labelled: (await findLabelPrefix(`muster:${handle.firstExecutionRunId}:`)).length,
      quarantined: (await processesUsing(join(faults.cluster.directory, '..', '.muster-shop-database'))).length,
    }
    await dropSafetySets(faults.cluster.directory)
    await dropSafetySets(faults.uploads)
    standby = replacement
    return seen
  }

  it('derives its rows from a reference run, and each row ends with good data, the old data found, and nothing left running', async () => {
    const reference = await restoreOnce('reference', '', standby)
    assert.equal(reference['outcome'], 'succeeded', JSON.stringify(reference))
    const { history } = await historyOf()
    const activities = [...new Set(history)]
    const rows = activities.flatMap((activity) =>
      readers.has(activity) ? [`${activity}:running`] : [`${activity}:running`, `${activity}:effect`, `${activity}:after`],
    )
    const failed: string[] = []
    let spare = standby
    for (const fault of rows.filter((row) => only === 'all' || row.startsWith(only))) {
      await spare.end()
      const worker = await faults.startWorker(fault)
      const seen = await restoreOnce(fault.replace(':', '-'), fault, worker)
      spare = standby
      const where = seen['outcome'] === 'succeeded' ? 'safety set' : 'in place'
      const good =
        seen['killed'] === 'SIGKILL' &&
        seen['goodRows'] === true &&
        seen['labelled'] === 0 &&
        seen['quarantined'] === 0 &&
        seen['service'] === 'running' &&
        (seen['oldDatabase'] as string[]).includes(where) &&
        (seen['oldTree'] as string[]).includes(where)
      process.stdout.write(`      ${good ? 'ok  ' : 'FAIL'} ${fault.padEnd(32)} ${String(seen['outcome']).slice(0, 60).padEnd(12)} old data ${where}\n`)
      if (!good) failed.push(JSON.stringify(seen))
    }
    assert.deepEqual(failed, [])
  })

  async function historyOf(): Promise<{ history: string[] }> {
    const { events } = await faults.env.client.workflow.getHandle('target/shop').fetchHistory()
    return { history: (events ?? []).flatMap((event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? []) }
  }
})
