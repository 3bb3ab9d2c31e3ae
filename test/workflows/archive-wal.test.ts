import assert from 'node:assert/strict'
import type { ArchiveWalResult } from '../../workflows/archive-wal.ts'
import type { BackupSystemResult } from '../../workflows/backup-system.ts'
import { besideEachOther } from '../support/beside-each-other.ts'
import { endOf, failing, failingTimes, openStage, type Play, type Stage, slowly, until, untilCancelled } from '../support/scripted-activities.ts'
import { configHash, shopBackupPlan, shopScript } from '../support/shop-script.ts'

const base = shopScript()

describe('archiveWal', function () {
  this.timeout(60_000)
  let stage: Stage
  let runs = 0

  before(async () => {
    stage = await openStage()
  })
  after(() => stage?.close())
  const test = besideEachOther()

  const start = (play: Play, memo?: Record<string, unknown>) => stage.start('archiveWal', `archiveWal/${play.system}/${++runs}`, { system: play.system }, memo)
  const notices = (play: Play) => play.calls('notifyPeople').map(({ input }) => `${input.notice.event} ${input.notice.severity}`)

  test('asks the shipper of each database, of no tree, and says nothing to people when all is well', async () => {
    const play = stage.play(base)
    const result = (await (await start(play)).result()) as ArchiveWalResult
    assert.equal(result.outcome, 'succeeded')
    assert.equal(result.backup, null)
    assert.deepEqual(
      result.databases.map(({ component, requiredLsn }) => [component, requiredLsn]),
      [['database', '0/3000100']],
    )
    assert.deepEqual(play.order(), ['planBackup', 'archiveWal database'])
    assert.deepEqual(play.calls('archiveWal')[0]?.input, { system: play.system, component: 'database', configHash })
    assert.deepEqual(notices(play), [])
  })

  test('raises an alarm for a gap and starts a full backup, which outlives it', async () => {
    const play = stage.play({
      ...base,
      archiveWal: async (input, attempt) => ({ ...(await base.archiveWal(input, attempt)), gaps: ['0/4000000 to 0/5000000 is in no store'] }),
      produceBackup: slowly(200, base.produceBackup),
    })
    const handle = await start(play)
    const result = (await handle.result()) as ArchiveWalResult
    assert.equal(result.outcome, 'degraded')
    assert.equal(result.backup, `backup/${play.system}/after-gap-${(await handle.describe()).runId}`)
    const backup = (await stage.client.workflow.getHandle(result.backup).result()) as BackupSystemResult
    assert.deepEqual([backup.outcome, backup.configHash], ['succeeded', configHash])
    const alarm = play.calls('notifyPeople').find(({ input }) => input.notice.event === 'alarm')?.input.notice
    assert.equal(alarm?.severity, 'critical')
    assert.match(alarm?.body ?? '', /database: 0\/4000000 to 0\/5000000 is in no store/)
  })

  test('gives the backup after a gap the site it runs at itself', async () => {
    const play = stage.play({
      ...base,
      archiveWal: async (input, attempt) => ({ ...(await base.archiveWal(input, attempt)), gaps: ['a gap'] }),
    })
    const { backup } = (await (await start(play, { site: 'primary' })).result()) as ArchiveWalResult
    const handle = stage.client.workflow.getHandle(backup ?? '')
    await handle.result()
    assert.equal((await handle.describe()).memo?.['site'], 'primary')
  })

  test('has a named point made where one is asked for', async () => {
    const play = stage.play(base)
    await (await stage.start('archiveWal', `archiveWal/${play.system}/${++runs}`, { system: play.system, point: 'before-migration' })).result()
    assert.equal(play.calls('archiveWal')[0]?.input.point, 'before-migration')
  })

  test('fails, and tells people, when the shipper does not run', async () => {
    const play = stage.play({ ...base, archiveWal: failing('PreconditionFailed', 'the WAL shipper of database does not run') })
    const handle = await start(play)
    const end = await endOf(handle)
    assert.equal(end.type, 'PreconditionFailed')
    assert.match(end.message, /archiving WAL of shop-\d+ failed: the WAL shipper of database does not run/)
    assert.deepEqual(notices(play), ['failed critical'])
    assert.equal((await handle.describe()).memo?.['outcome'], 'failed')
  })

  test('asks again when the shipper is restarted meanwhile', async () => {
    const play = stage.play({ ...base, archiveWal: failingTimes(2, 'Unreachable', 'no socket yet', base.archiveWal) })
    assert.equal(((await (await start(play)).result()) as ArchiveWalResult).outcome, 'succeeded')
    assert.equal(play.calls('archiveWal').length, 3)
  })

  test('archives the other databases, and backs up after their gap, when one shipper does not run', async () => {
    const [database] = shopBackupPlan().waves.flat()
    assert.ok(database)
    const play = stage.play({
      ...base,
      planBackup: () => shopBackupPlan({ waves: [[database, { ...database, component: 'ledger' }]] }),
      archiveWal: async (input, attempt) => {
        if (input.component === 'database') return failing('PreconditionFailed', 'the WAL shipper of database does not run')()
        return { ...(await base.archiveWal(input, attempt)), gaps: ['a gap'] }
      },
    })
    assert.equal((await endOf(await start(play))).type, 'PreconditionFailed')
    // Each is sent beside the work, and so is what the backup says.
    for (const told of ['alarm critical', 'failed critical']) assert.ok(notices(play).includes(told), notices(play).join())
    await until('the backup', () => play.calls('planBackup').length === 2)
  })

  test('fails with NothingToDo where no component has WAL', async () => {
    const [, tree] = shopBackupPlan().waves.flat()
    assert.ok(tree)
    const play = stage.play({ ...base, planBackup: () => shopBackupPlan({ waves: [[tree]] }) })
    const end = await endOf(await start(play))
    assert.equal(end.type, 'NothingToDo')
    assert.match(end.message, /system "shop-\d+" has no database/)
    assert.deepEqual(play.order('archiveWal'), [])
  })

  test('says so and fails when it cannot be planned', async () => {
    const play = stage.play({ ...base, planBackup: failing('UnknownName', 'there is no system "shop"') })
    const end = await endOf(await start(play))
    assert.equal(end.type, 'UnknownName')
    assert.deepEqual(notices(play), ['failed critical'])
  })

  test('ends as cancelled, not as failed, when it is cancelled, and only after the shipper was let go', async () => {
    const play = stage.play({ ...base, archiveWal: untilCancelled(150) })
    const handle = await start(play)
    await until('the shipper', () => play.calls('archiveWal').length === 1)
    await handle.cancel()
    assert.equal((await endOf(handle)).ended, 'cancelled')
    const of = play.moments.filter(({ label }) => label.startsWith('archiveWal'))
    assert.equal(of.at(-1)?.what, 'cancelled')
    const evidence = play.moments.findIndex(({ label }) => label === 'writeEvidence')
    assert.ok(evidence > play.moments.findIndex(({ what }) => what === 'cancelled'), JSON.stringify(play.moments))
    assert.equal((await handle.describe()).memo?.['outcome'], 'cancelled')
    assert.deepEqual(notices(play), [])
  })
})
