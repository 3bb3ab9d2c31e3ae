import assert from 'node:assert/strict'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { ArchiveWalResult } from '../../workflows/archive-wal.ts'
import type { BackupSystemResult } from '../../workflows/backup-system.ts'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { databaseConfig } from '../support/database-config.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { createRig, type Rig, startTemporal } from '../support/rig.ts'

describe('a store that was out', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let cluster: TestCluster
  let rig: Rig

  before(async () => {
    env = await startTemporal()
    cluster = await createCluster()
    await cluster.sql('create table markers (n int); grant select on markers to muster; grant execute on function pg_create_restore_point(text) to muster')
    rig = await createRig({ env, yaml: (base) => yamlFor(base, cluster), prepare: prepareTree })
  })

  after(async () => {
    await rig?.stop()
    await cluster?.destroy()
    await env?.teardown()
  })

  async function run<T>(type: string, input: object): Promise<T> {
    return (await env.client.workflow.execute(type, { taskQueue: 'muster', workflowId: `${type}/${Math.random()}`, args: [input] })) as T
  }

  async function manifestsIn(store: string): Promise<string[]> {
    const folder = join(rig.base, 'stores', store, 'backups', 'shop', 'uploads')
    const backups = await readdir(folder).catch(() => [] as string[])
    const found = await Promise.all(backups.map(async (backup) => ((await readdir(join(folder, backup))).includes('manifest.json') ? backup : null)))
    return found.filter((backup) => backup !== null).sort()
  }

  it('is a debt of the backup, and is paid from another store by the next run', async () => {
    await rename(join(rig.base, 'stores', 'nas'), join(rig.base, 'stores', 'nas.away'))
    const first = await run<BackupSystemResult>('backupSystem', { system: 'shop', components: ['uploads'] })
    assert.equal(first.outcome, 'degraded')
    assert.deepEqual(
      first.components[0]?.debts.map(({ store }) => store),
      ['nas'],
    )
    assert.equal((await manifestsIn('local')).length, 1)
    await rename(join(rig.base, 'stores', 'nas.away'), join(rig.base, 'stores', 'nas'))
    const staging = join(rig.places.home, 'hosts', 'localhost', 'staging')
    await mkdir(join(staging, 'debts.shop.uploads'))
    await writeFile(join(staging, 'debts.shop.uploads', 'left'), 'by an attempt that was killed')
    const second = await run<BackupSystemResult>('backupSystem', { system: 'shop', components: ['uploads'] })
    assert.equal(second.outcome, 'succeeded')
    assert.deepEqual(await manifestsIn('nas'), await manifestsIn('local'))
    assert.equal((await manifestsIn('nas')).length, 2)
    assert.deepEqual(await readdir(staging), [])
  })

  it('takes no part when a named point is made and recovered to', async () => {
    await run('backupSystem', { system: 'shop', components: ['database'] })
    await cluster.sql('insert into markers values (1)')
    const archived = await run<ArchiveWalResult>('archiveWal', { system: 'shop', point: 'before-upgrade' })
    assert.equal(archived.outcome, 'succeeded')
    await cluster.sql('insert into markers values (2)')
    await run('archiveWal', { system: 'shop' })
    const directory = join(rig.base, 'copy')
    const input = { system: 'shop', components: ['database'], to: { name: 'before-upgrade' }, into: { directory } }
    const result = (await env.client.workflow.execute('recoverToPointInTime', {
      taskQueue: 'muster',
      workflowId: 'aside/shop/localhost/x',
      args: [input],
    })) as RestoreResult
    assert.equal(result.outcome, 'succeeded')
    await rm(directory, { recursive: true })
    await assert.rejects(run('recoverToPointInTime', { ...input, to: { name: 'never-made' }, planOnly: true }), (error: Error) =>
      /no named point/.test(String((error.cause as Error).message)),
    )
  })
})

async function prepareTree(base: string): Promise<void> {
  await mkdir(join(base, 'uploads'), { mode: 0o755 })
  await writeFile(join(base, 'uploads', 'logo.png'), 'first')
}

function yamlFor(base: string, cluster: TestCluster): string {
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/stores/local }
  nas: { type: directory, path: ${base}/stores/nas }
encryption: { identity: "file:${base}/keys/identity.txt" }
limits: { retry: 1s, copy: 10s }
systems:
  shop:
    components:
      database:
        ${databaseConfig(cluster)}
      uploads: { type: files, paths: [${base}/uploads] }
    restore: { commitAfter: 0 }
`
}
