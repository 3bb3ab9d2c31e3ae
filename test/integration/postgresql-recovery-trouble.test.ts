import assert from 'node:assert/strict'
import { rename, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { awaitHeld } from '../../adapters/component/postgresql/held.ts'
import { type Quarantine, quarantineClusterName } from '../../adapters/component/postgresql/quarantine.ts'
import { quarantinedProcesses } from '../../adapters/component/postgresql/quarantined-server.ts'
import type { RecoveryTarget } from '../../adapters/component/postgresql/recovery-settings.ts'
import { startRecovery } from '../../adapters/component/postgresql/recovery.ts'
import { endProcess, processesUsing } from '../../adapters/process/find-processes.ts'
import { startService } from '../../adapters/process/start-service.ts'
import { parseLsn, segmentName } from '../../domain/wal.ts'
import { copyWal } from '../support/postgres-backup.ts'
import { clusterUser, type TestCluster } from '../support/postgres-cluster.ts'
import { type RecoveryRig, createRecoveryRig } from '../support/recovery-rig.ts'

describe('a recovery of PostgreSQL that meets trouble', function () {
  this.timeout(60_000)
  let rig: RecoveryRig
  let cluster: TestCluster

  before(async () => {
    rig = await createRecoveryRig()
    cluster = rig.cluster
  })
  after(() => cluster.destroy())
  afterEach(() => rig.stopCopies())

  it('refuses a time after the last commit and says when that was', async () => {
    const quarantine = await rig.restored()
    const target = { kind: 'time', time: '2099-01-01T00:00:00Z' } as const
    await startRecovery(cluster.instance, quarantine, { walDirectory: rig.wal, timelineId: 1, target })
    await assert.rejects(awaitHeld(cluster.instance, quarantine, { target }), {
      type: 'RecoveryTargetUnreachable',
      message: new RegExp(`the last commit in it is of ${new Date().getUTCFullYear()}-`),
    })
    // The copy is as good as before: with a target that is there it goes on.
    const reachable = { kind: 'end' } as const
    await startRecovery(cluster.instance, quarantine, { walDirectory: rig.wal, timelineId: 1, target: reachable })
    await awaitHeld(cluster.instance, quarantine, { target: reachable })
    assert.equal(await rig.markers(quarantine), '1,2,3,4')
  })

  it('refuses a time and an LSN before the end of the backup', async () => {
    const quarantine = await rig.restored()
    const start = (target: RecoveryTarget) => startRecovery(cluster.instance, quarantine, { walDirectory: rig.wal, timelineId: 1, target })
    await assert.rejects(start({ kind: 'time', time: '2001-01-01T00:00:00Z' }), {
      type: 'RecoveryTargetUnreachable',
      message: /already at/,
    })
    const target = { kind: 'lsn', lsn: rig.backup.manifest.postgresql.startLsn } as const
    await start(target)
    await assert.rejects(awaitHeld(cluster.instance, quarantine, { target }), {
      type: 'RecoveryTargetUnreachable',
      message: /before the end of the base backup/,
    })
  })

  it('is not led astray by a shipped segment with a hole where the backup has it whole', async () => {
    const directory = await copyWal(cluster, 'wal-with-hole')
    const { startLsn, segmentSizeBytes } = rig.backup.manifest.postgresql
    // Received up to the middle of the backup, as when receiving was stopped to protect the database.
    const begun = Number(parseLsn(startLsn) % BigInt(segmentSizeBytes)) + 64
    const path = join(directory, segmentName(1, parseLsn(startLsn), segmentSizeBytes))
    await truncate(path, begun)
    await truncate(path, segmentSizeBytes)
    const quarantine = await rig.heldAt({ kind: 'end' }, directory)
    assert.equal(await rig.markers(quarantine), '1,2,3,4')
  })

  it('stops, and promotes nothing, when the WAL directory vanishes', async () => {
    const directory = await copyWal(cluster, 'wal-vanishing')
    const quarantine = await rig.heldAt({ kind: 'end' }, directory)
    await rename(directory, `${directory}.away`)
    await assert.rejects(untilItEnds(quarantine), { type: 'SourceUnreadable', message: /130/ })
    await rename(`${directory}.away`, directory)
    await startRecovery(cluster.instance, quarantine, {
      walDirectory: directory,
      timelineId: 1,
      target: { kind: 'end' },
    })
    await awaitHeld(cluster.instance, quarantine, { target: { kind: 'end' } })
  })

  async function untilItEnds(quarantine: Quarantine): Promise<void> {
    const order = { target: { kind: 'end' }, untilLsn: 'F/0', starvedAfterSeconds: 60 } as const
    await awaitHeld(cluster.instance, quarantine, order)
  }

  it('refuses a timeline whose history or first segment is missing', async () => {
    const quarantine = await rig.restored()
    const directory = await cluster.makeDirectory('wal-fork')
    const order = { walDirectory: directory, timelineId: 2, target: { kind: 'end' } } as const
    await assert.rejects(startRecovery(cluster.instance, quarantine, order), {
      type: 'RecoveryTargetUnreachable',
      message: /00000002\.history/,
    })
    await writeFile(join(directory, '00000002.history'), '1\t0/5000000\tbefore\n')
    await assert.rejects(startRecovery(cluster.instance, quarantine, order), {
      type: 'RecoveryTargetUnreachable',
      message: /000000020000000000000005/,
    })
  })

  it('starts over when it is called again, and is replaced by nothing it did not start', async () => {
    const quarantine = await rig.heldAt({ kind: 'time', time: rig.afterTwo })
    const [first] = await quarantinedProcesses(quarantine)
    const target = { kind: 'name', name: 'before four' } as const
    await startRecovery(cluster.instance, quarantine, { walDirectory: rig.wal, timelineId: 1, target })
    await awaitHeld(cluster.instance, quarantine, { target })
    assert.equal(await rig.markers(quarantine), '1,2,3')
    assert.ok(!(await quarantinedProcesses(quarantine)).some(({ pid }) => pid === first?.pid))
    const live = { ...quarantine, directory: cluster.directory }
    await assert.rejects(startRecovery(cluster.instance, live, { walDirectory: rig.wal, timelineId: 1, target }), {
      type: 'TargetRunning',
    })
    await cluster.sql('select 1')
  })

  it('is seen from the first moment of its start, when a process has no arguments yet', async () => {
    const directory = await cluster.makeDirectory('starting')
    const quarantine = { directory, socketDirectory: directory, port: 5432, logFile: join(cluster.base, 'starting.log') }
    const runAs = clusterUser === undefined ? {} : { runAs: clusterUser }
    for (let starts = 0; starts < 150; starts++) {
      const line = `sleep 30; exit # ${quarantineClusterName}`
      const identity = await startService('/bin/sh', ['-c', line], { cwd: directory, logFile: quarantine.logFile, ...runAs })
      for (let looks = 0; looks < 3; looks++) assert.notDeepEqual(await quarantinedProcesses(quarantine), [], `start ${starts}, look ${looks}`)
      for (const user of [identity, ...(await processesUsing(directory))]) await endProcess(user, { graceSeconds: 0 })
    }
  })

  it('goes on after the copy was killed, and with a configuration that this host cannot read', async () => {
    const quarantine = await rig.heldAt({ kind: 'time', time: rig.afterTwo })
    await cluster.kill(quarantine.directory)
    const target = { kind: 'name', name: 'before four' } as const
    await assert.rejects(awaitHeld(cluster.instance, quarantine, { target }), { type: 'RestoreFailed' })
    await writeFile(join(quarantine.directory, 'postgresql.conf'), "include '/nowhere/else.conf'\n")
    await startRecovery(cluster.instance, quarantine, { walDirectory: rig.wal, timelineId: 1, target })
    await awaitHeld(cluster.instance, quarantine, { target })
    assert.equal(await rig.markers(quarantine), '1,2,3')
  })
})
