import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { awaitHeld } from '../../adapters/component/postgresql/held.ts'
import type { Quarantine } from '../../adapters/component/postgresql/quarantine.ts'
import { withQuarantined } from '../../adapters/component/postgresql/quarantined-connection.ts'
import { stopQuarantined } from '../../adapters/component/postgresql/quarantined-server.ts'
import type { RecoveryTarget } from '../../adapters/component/postgresql/recovery-settings.ts'
import { startRecovery } from '../../adapters/component/postgresql/recovery.ts'
import { restoreBaseBackup } from '../../adapters/component/postgresql/restore.ts'
import { type TestBackup, copyWal, serverTime, takeBackup } from './postgres-backup.ts'
import { type TestCluster, createCluster } from './postgres-cluster.ts'

/**
 * A server with numbered markers: 1 is in the backup; 2, 3, 4 came after it. Its configuration at the time of the
 * backup names everything by which a restored copy could reach out or hang.
 */
export interface RecoveryRig {
  readonly cluster: TestCluster
  readonly backup: TestBackup
  /** WAL with all four markers. */
  readonly wal: string
  /** After marker 2 and before marker 3. */
  readonly afterTwo: string
  restored(): Promise<Quarantine>
  heldAt(target: RecoveryTarget, walDirectory?: string): Promise<Quarantine>
  markers(quarantine: Quarantine): Promise<string>
  /** Stops every copy that was made since the last call. */
  stopCopies(): Promise<void>
}

export async function createRecoveryRig(): Promise<RecoveryRig> {
  const cluster = await createCluster({ tablespace: true, settings: { max_connections: '20' } })
  try {
    return await fill(cluster)
  } catch (error) {
    await cluster.destroy()
    throw error
  }
}

async function fill(cluster: TestCluster): Promise<RecoveryRig> {
  await cluster.sql('create table marker (n int, at timestamptz default clock_timestamp())')
  await cluster.sql('create table aside (n int) tablespace side; insert into aside select generate_series(1, 1000)')
  await cluster.sql('insert into marker values (1); grant select on marker to muster')
  const backup = await dangerousBackup(cluster)
  await cluster.sql('insert into marker values (2)')
  const afterTwo = await serverTime(cluster)
  await cluster.sql('select pg_sleep(0.05)')
  await cluster.sql('insert into marker values (3)')
  await cluster.sql("select pg_create_restore_point('before four')")
  await cluster.sql('insert into marker values (4)')
  const wal = await copyWal(cluster, 'wal')
  return { cluster, backup, wal, afterTwo, ...copiesOf(cluster, backup, wal) }
}

async function dangerousBackup(cluster: TestCluster): Promise<TestBackup> {
  const archive = await cluster.makeDirectory('archive')
  const dangers = {
    archive_mode: 'on',
    archive_command: `cp %p ${archive}/%f`,
    recovery_end_command: `touch ${archive}/ended`,
    synchronous_standby_names: 'production',
    external_pid_file: join(cluster.base, 'pid'),
    data_directory: cluster.directory,
  }
  const settings = join(cluster.directory, 'postgresql.auto.conf')
  await writeFile(
    settings,
    Object.entries(dangers)
      .map(([name, value]) => `${name} = '${value}'\n`)
      .join(''),
  )
  const backup = await takeBackup(cluster, 'first')
  await writeFile(settings, '')
  return backup
}

function copiesOf(cluster: TestCluster, backup: TestBackup, wal: string): Pick<RecoveryRig, 'restored' | 'heldAt' | 'markers' | 'stopCopies'> {
  const { instance } = cluster
  const used: Quarantine[] = []
  let number = 0
  const restored = async (): Promise<Quarantine> => {
    const home = await cluster.makeDirectory(`restore-${(number += 1)}`)
    const directory = join(home, `it's "data", 5%f $x`)
    const quarantine = { directory, socketDirectory: join(home, 'socket'), port: 5432, logFile: join(home, 'log') }
    used.push(quarantine)
    const oid = String(backup.manifest.postgresql.tablespaces[0]?.oid)
    const place = { directory, tablespaceDirectories: { [oid]: join(home, 'side') } }
    await restoreBaseBackup(instance, backup.manifest, backup.objects, place)
    return quarantine
  }
  return {
    restored,
    heldAt: async (target, walDirectory = wal) => {
      const quarantine = await restored()
      await startRecovery(instance, quarantine, { walDirectory, timelineId: 1, target })
      await awaitHeld(instance, quarantine, { target })
      return quarantine
    },
    markers: (quarantine) =>
      withQuarantined(instance, quarantine, async (client) => {
        const { rows } = await client.query("select string_agg(n::text, ',' order by n) as all from public.marker")
        return rows[0].all as string
      }),
    stopCopies: async () => {
      for (const quarantine of used.splice(0)) await stopQuarantined(quarantine)
    },
  }
}
