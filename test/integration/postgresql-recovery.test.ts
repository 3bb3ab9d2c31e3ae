import assert from 'node:assert/strict'
import { access, copyFile, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runChecks } from '../../adapters/component/postgresql/checks.ts'
import { inspectDataDirectory } from '../../adapters/component/postgresql/data-directory.ts'
import { awaitHeld } from '../../adapters/component/postgresql/held.ts'
import { promoteHeld } from '../../adapters/component/postgresql/promote.ts'
import { withQuarantined } from '../../adapters/component/postgresql/quarantined-connection.ts'
import { quarantinedProcesses, stopQuarantined } from '../../adapters/component/postgresql/quarantined-server.ts'
import { clearRecoverySettings } from '../../adapters/component/postgresql/recovery-settings.ts'
import { startRecovery } from '../../adapters/component/postgresql/recovery.ts'
import { copyStoppedWal, endOfStoppedWal } from '../../adapters/component/postgresql/stopped-wal.ts'
import { formatLsn } from '../../domain/wal.ts'
import { copyWal, serverTime } from '../support/postgres-backup.ts'
import type { TestCluster } from '../support/postgres-cluster.ts'
import { type RecoveryRig, createRecoveryRig } from '../support/recovery-rig.ts'

describe('a restored PostgreSQL recovers in quarantine, holds and is promoted', function () {
  this.timeout(60_000)
  let rig: RecoveryRig
  let cluster: TestCluster

  before(async () => {
    rig = await createRecoveryRig()
    cluster = rig.cluster
  })
  after(() => cluster.destroy())
  afterEach(() => rig.stopCopies())

  it('holds at a time, answers checks read-only, and is promoted with what was committed until then', async () => {
    const target = { kind: 'time', time: rig.afterTwo } as const
    const quarantine = await rig.restored()
    await startRecovery(cluster.instance, quarantine, { walDirectory: rig.wal, timelineId: 1, target })
    const held = await awaitHeld(cluster.instance, quarantine, { target })
    assert.ok(held.lastCommitAt !== null && held.lastCommitAt <= rig.afterTwo)
    assert.equal(await rig.markers(quarantine), '1,2')
    const checks = [
      { sql: 'select count(*) from marker', min: 2, max: 2 },
      { sql: 'select max(at) from marker', maxAgeSeconds: 60 },
    ]
    const results = await runChecks(cluster.instance, quarantine, checks, { now: new Date(rig.afterTwo) })
    assert.deepEqual(
      results.map(({ ok }) => ok),
      [true, true],
      JSON.stringify(results),
    )
    await assert.rejects(withQuarantined(cluster.instance, quarantine, (client) => client.query('create table public.no (n int)')))

    const [place] = await withQuarantined(
      cluster.instance,
      quarantine,
      async (client) => (await client.query("select pg_tablespace_location(oid) as path from pg_tablespace where spcname = 'side'")).rows,
    )
    assert.equal(place.path, join(quarantine.directory, '..', 'side'))

    const promoted = await promoteHeld(cluster.instance, quarantine)
    assert.equal(promoted.timelineId, 2)
    assert.equal(promoted.parentTimelineId, 1)
    assert.equal(promoted.forkLsn, held.replayedLsn)
    assert.equal(await rig.markers(quarantine), '1,2')
    assert.deepEqual(await promoteHeld(cluster.instance, quarantine), promoted)

    // Neither production's archive nor its synchronous standby heard of it.
    await assert.rejects(access(join(cluster.base, 'archive', '00000002.history')))
    await assert.rejects(access(join(cluster.base, 'pid')))
    await stopQuarantined(quarantine)
    assert.deepEqual(await quarantinedProcesses(quarantine), [])
    await clearRecoverySettings(quarantine.directory)
    await clearRecoverySettings(quarantine.directory)
    const left = await readFile(join(quarantine.directory, 'postgresql.auto.conf'), 'utf8')
    assert.doesNotMatch(left, /restore_command|recovery_target|muster recovery/)
    const names = await readdir(quarantine.directory)
    assert.ok(!names.includes('recovery.signal') && !names.includes('standby.signal'))
  })

  it('holds at a named point and before an LSN', async () => {
    assert.equal(await rig.markers(await rig.heldAt({ kind: 'name', name: 'before four' })), '1,2,3')
    const [row] = await cluster.sql<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')
    await cluster.sql('insert into marker values (5)')
    const more = await copyWal(cluster, 'wal-lsn')
    assert.equal(await rig.markers(await rig.heldAt({ kind: 'lsn', lsn: row?.lsn as string }, more)), '1,2,3,4')
  })

  it('holds at the end of the WAL and goes on when more of it arrives', async () => {
    const directory = await copyWal(cluster, 'wal-end')
    const quarantine = await rig.heldAt({ kind: 'end' }, directory)
    const first = await rig.markers(quarantine)
    await cluster.sql('insert into marker values (60)')
    const [row] = await cluster.sql<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')
    const untilLsn = row?.lsn as string
    await assert.rejects(awaitHeld(cluster.instance, quarantine, { target: { kind: 'end' }, untilLsn, starvedAfterSeconds: 1 }), { type: 'WalGap' })
    await copyWal(cluster, 'wal-end')
    const held = await awaitHeld(cluster.instance, quarantine, { target: { kind: 'end' }, untilLsn })
    assert.ok(held.lastCommitAt !== null)
    assert.equal(await rig.markers(quarantine), `${first},60`)
    assert.equal((await promoteHeld(cluster.instance, quarantine)).timelineId, 2)
  })

  it('replays what a stopped server still had in its own pg_wal, though only that server may read it there', async () => {
    const quarantine = await rig.heldAt({ kind: 'end' }, await copyWal(cluster, 'wal-tail'))
    const first = await rig.markers(quarantine)
    await cluster.sql('insert into marker values (70)')
    await cluster.stop()
    try {
      const workDirectory = await cluster.makeDirectory('tail')
      const facts = await inspectDataDirectory(cluster.instance, cluster.directory)
      assert.ok(facts)
      const wal = await endOfStoppedWal(cluster.instance, join(cluster.directory, 'pg_wal'), { ...facts, fromLsn: 0n, workDirectory })
      await copyStoppedWal(cluster.instance, wal, join(cluster.base, 'wal-tail'))
      assert.ok(wal.endLsn !== null && wal.lastCommitLsn !== null && wal.endLsn > wal.lastCommitLsn)
      await awaitHeld(cluster.instance, quarantine, { target: { kind: 'end' }, untilLsn: formatLsn(wal.endLsn) })
      // Looking again for more of what it has read must not end it either.
      await awaitHeld(cluster.instance, quarantine, { target: { kind: 'end' } })
      assert.equal(await rig.markers(quarantine), `${first},70`)
    } finally {
      await cluster.start()
    }
  })

  it('does not wait for a table that was dropped right after the moment: the copy holds its lock until it is promoted', async () => {
    await cluster.sql('create table orders (n int); insert into orders values (1); grant select on orders to muster')
    const moment = await serverTime(cluster)
    await cluster.sql('select pg_sleep(0.05)')
    await cluster.sql('drop table orders')
    const quarantine = await rig.heldAt({ kind: 'time', time: moment }, await copyWal(cluster, 'wal-drop'))
    const checks = [
      { sql: 'select count(*) from orders', min: 1 },
      { sql: 'select count(*) from marker', min: 1000 },
    ]
    const ask = () => runChecks(cluster.instance, quarantine, checks, { now: new Date(moment) })
    const [locked, free] = await ask()
    assert.deepEqual([locked?.ok, locked?.value, free?.ok], [true, null, false], JSON.stringify([locked, free]))
    assert.match(locked?.detail ?? '', /not asked while held/)
    await promoteHeld(cluster.instance, quarantine)
    assert.deepEqual((await ask())[0], { name: 'select count(*) from orders', value: 1, ok: true, detail: '1' })
  })

  it('follows a timeline that was begun by an earlier recovery', async () => {
    const first = await rig.heldAt({ kind: 'time', time: rig.afterTwo })
    await promoteHeld(cluster.instance, first)
    await withQuarantined(cluster.instance, first, (client) => client.query('begin read write; insert into public.marker values (20); commit'))
    await stopQuarantined(first)
    const walDirectory = await copyWal(cluster, 'wal-two')
    for (const name of (await readdir(join(first.directory, 'pg_wal'))).filter((entry) => entry.startsWith('00000002'))) {
      await copyFile(join(first.directory, 'pg_wal', name), join(walDirectory, name))
    }
    const second = await rig.restored()
    const target = { kind: 'end' } as const
    await startRecovery(cluster.instance, second, { walDirectory, timelineId: 2, target })
    await awaitHeld(cluster.instance, second, { target })
    assert.equal(await rig.markers(second), '1,2,20')
    const promoted = await promoteHeld(cluster.instance, second)
    assert.deepEqual([promoted.timelineId, promoted.parentTimelineId], [3, 2])
    assert.equal((await inspectDataDirectory(cluster.instance, second.directory))?.timelineId, 3)
  })

  it('stops waiting when it is cancelled, and the copy is held on', async () => {
    const quarantine = await rig.heldAt({ kind: 'end' })
    const stop = new AbortController()
    const order = { target: { kind: 'end' }, untilLsn: 'F/0' } as const
    setTimeout(() => stop.abort(), 300)
    await assert.rejects(awaitHeld(cluster.instance, quarantine, order, { signal: stop.signal }), { type: 'Cancelled' })
    await awaitHeld(cluster.instance, quarantine, { target: { kind: 'end' } })
  })

  it('recovers past a moment when the server was given larger settings', async () => {
    await cluster.sql('alter system set max_connections = 60')
    await cluster.stop()
    await cluster.start()
    await cluster.sql('insert into marker values (99)')
    const quarantine = await rig.heldAt({ kind: 'end' }, await copyWal(cluster, 'wal-grown'))
    assert.match(await rig.markers(quarantine), /,99$/)
  })
})
