import assert from 'node:assert/strict'
import { access, copyFile, mkdir, readFile, readdir, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { produceBaseBackup } from '../../adapters/component/postgresql/produce.ts'
import { restoreBaseBackup } from '../../adapters/component/postgresql/restore.ts'
import { processesUsing } from '../../adapters/process/find-processes.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { Progress, WorkOptions } from '../../adapters/component/component.ts'
import { PlainObjects } from '../support/plain-objects.ts'
import { mountTmpfs } from '../support/mounts.ts'
import { type TestBackup, flipByte, takeBackup } from '../support/postgres-backup.ts'
import { type TestCluster, createCluster } from '../support/postgres-cluster.ts'

describe('a base backup of PostgreSQL and its restore', function () {
  this.timeout(60_000)
  let cluster: TestCluster
  let backup: TestBackup
  let oid: string
  const seen: Progress[] = []

  before(async () => {
    cluster = await createCluster({ tablespace: true })
    await cluster.sql('create table aside (n int) tablespace side; insert into aside select generate_series(1, 1000)')
    backup = await takeBackup(cluster, 'first', { onProgress: (progress) => seen.push(progress) })
    oid = String(backup.manifest.postgresql.tablespaces[0]?.oid)
  })
  after(() => cluster.destroy())

  async function restoreInto(name: string, from: TestBackup = backup, options: WorkOptions = {}): Promise<string> {
    const home = await cluster.makeDirectory(name)
    const place = { directory: join(home, 'data'), tablespaceDirectories: { [oid]: join(home, 'side') } }
    await restoreBaseBackup(cluster.instance, from.manifest, from.objects, place, options)
    return home
  }

  it('restores exactly what was there, with its tablespace in the new place', async () => {
    const home = await restoreInto('restored')
    const compared = ['base', 'global', 'PG_VERSION', 'postgresql.conf', 'pg_xact']
    for (const name of compared) {
      // Checkpoints go on while the copy is made, so files that they touch may differ.
      const { stdout } = await runTool('diff', ['-rq', '-x', 'pg_internal.init', '-x', 'pgsql_tmp', join(cluster.directory, name), join(home, 'data', name)], {
        okExitCodes: [0, 1],
      })
      assert.doesNotMatch(stdout, /Only in/)
    }
    assert.equal((await stat(join(home, 'data'))).mode & 0o777, 0o700)
    assert.equal((await stat(join(home, 'data'))).uid, (await stat(cluster.directory)).uid)
    assert.equal(await readFile(join(home, 'data', 'tablespace_map'), 'utf8'), `${oid} ${join(home, 'side')}\n`)
    assert.equal((await readdir(join(home, 'side'))).length, 1)
    assert.ok(!(await readdir(join(home, 'data'))).includes('backup_manifest'))
  })

  it('reports progress in bytes while it works', () => {
    const phases = new Set(seen.map(({ phase }) => phase))
    assert.ok(phases.has('base backup') && phases.has('encrypt base.tar.zst'), [...phases].join())
    assert.ok(seen.some(({ doneBytes, totalBytes }) => totalBytes !== null && doneBytes === totalBytes))
  })

  it('records in the manifest where its WAL begins and ends, and leaves no staging behind', async () => {
    const { postgresql } = backup.manifest
    assert.equal(postgresql.timelineId, 1)
    assert.match(postgresql.startLsn, /^0\//)
    assert.notEqual(postgresql.startLsn, postgresql.endLsn)
    assert.deepEqual(backup.objects.roles, ['base', `tablespace:${postgresql.tablespaces[0]?.oid}`, 'postgresql-manifest'])
    assert.deepEqual(await readdir(join(cluster.base, 'staging')), [])
  })

  it('refuses a target that is not empty, a tablespace without a place, and one inside another', async () => {
    const { manifest, objects } = backup
    const oid = String(manifest.postgresql.tablespaces[0]?.oid)
    const full = await cluster.makeDirectory('full')
    await writeFile(join(full, 'precious'), 'kept')
    const at = (directory: string, tablespaceDirectories: Record<string, string>) =>
      restoreBaseBackup(cluster.instance, manifest, objects, { directory, tablespaceDirectories })
    await assert.rejects(at(full, { [oid]: join(cluster.base, 'new-side') }), { type: 'TargetNotEmpty' })
    await assert.rejects(at(join(cluster.base, 'new'), {}), { type: 'InvalidInput' })
    await assert.rejects(at(join(cluster.base, 'new'), { [oid]: join(cluster.base, 'new/side') }), {
      type: 'InvalidInput',
    })
    assert.equal(await readFile(join(full, 'precious'), 'utf8'), 'kept')
  })

  it('refuses a backup with a flipped byte, and one whose object is cut short', async () => {
    for (const [name, spoil] of [
      ['flipped', async (path: string) => flipByte(path, (await stat(path)).size >> 1)],
      ['cut', async (path: string) => truncate(path, (await stat(path)).size - 1000)],
    ] as const) {
      const copy = await copyOf(backup, join(cluster.base, name))
      await spoil(copy.objects.pathOf('base'))
      await assert.rejects(restoreInto(`restore-${name}`, copy), { type: 'ChecksumMismatch' }, name)
    }
  })

  it("refuses files that PostgreSQL's own manifest does not confirm", async () => {
    const copy = await copyOf(backup, join(cluster.base, 'swapped'))
    const path = copy.objects.pathOf('postgresql-manifest')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('"Path": "PG_VERSION"', '"Path": "PG_VERSIOM"'))
    await assert.rejects(restoreInto('restore-swapped', copy), { type: 'ChecksumMismatch' })
  })

  it('ends a cancelled restore and backup with nothing running and no staging left', async () => {
    for (const afterBytes of [1, 200_000]) {
      const stop = new AbortController()
      const onProgress = ({ doneBytes }: Progress) => doneBytes >= afterBytes && stop.abort()
      const name = `cancelled-${afterBytes}`
      await assert.rejects(restoreInto(name, backup, { signal: stop.signal, onProgress }), { type: 'Cancelled' })
      assert.deepEqual(await processesUsing(join(cluster.base, name)), [])
    }
    const stop = new AbortController()
    const onProgress = (): void => stop.abort()
    await assert.rejects(takeBackup(cluster, 'cancelled', { signal: stop.signal, onProgress }), { type: 'Cancelled' })
    assert.deepEqual(await readdir(join(cluster.base, 'staging')), [])
    assert.deepEqual(await processesUsing(join(cluster.base, 'staging')), [])
  })

  it('says that the disk is full, for a backup and for a restore', async () => {
    const disk = await cluster.makeDirectory('small-disk')
    const mount = await mountTmpfs(disk, 2, 'mode=0755')
    try {
      await assert.rejects(restoreInto('small-disk/restore'), { type: 'DiskFull' })
      await runTool('rm', ['-rf', join(disk, 'restore')])
      const order = { label: 'full', stagingDirectory: join(disk, 'staging') }
      const sink = new PlainObjects(join(cluster.base, 'unused'))
      await assert.rejects(produceBaseBackup(cluster.instance, order, sink), { type: 'DiskFull' })
      assert.deepEqual(await readdir(order.stagingDirectory), [])
    } finally {
      await mount.unmount()
    }
  })

  async function copyOf(from: TestBackup, directory: string): Promise<TestBackup> {
    await mkdir(directory)
    const objects = new PlainObjects(directory)
    for (const object of from.objects.objects) {
      objects.objects.push(object)
      await copyFile(from.objects.pathOf(object.role), objects.pathOf(object.role))
    }
    return { manifest: from.manifest, objects }
  }
})

describe('a base backup that cannot be taken', function () {
  this.timeout(60_000)
  let cluster: TestCluster
  before(async () => {
    cluster = await createCluster()
  })
  after(() => cluster.destroy())

  const attempt = () => takeBackup(cluster, `attempt-${Date.now()}`)

  it('names the file with a damaged page and hands nothing over', async () => {
    await cluster.sql('create table victim as select generate_series(1, 2000) as n; checkpoint')
    const [row] = await cluster.sql<{ path: string }>("select pg_relation_filepath('victim') as path")
    const path = row?.path as string
    await cluster.stop()
    await flipByte(join(cluster.directory, path), 5000)
    await cluster.start()
    await assert.rejects(attempt(), { type: 'PageChecksum', message: new RegExp(path) })
    assert.deepEqual(await readdir(join(cluster.base, 'staging')), [])
    await cluster.sql('drop table victim')
  })

  it('says that the role may not replicate', async () => {
    await cluster.sql('alter role muster noreplication')
    await assert.rejects(attempt(), { type: 'CredentialsRejected' })
    await cluster.sql('alter role muster replication')
  })

  it('leaves no staging behind when the sink breaks', async () => {
    const stagingDirectory = join(cluster.base, 'staging')
    const sink = { add: async (): Promise<void> => Promise.reject(new Error('no keys')) }
    await assert.rejects(produceBaseBackup(cluster.instance, { label: 'x', stagingDirectory }, sink), {
      message: 'no keys',
    })
    assert.deepEqual(await readdir(stagingDirectory), [])
  })

  it('says that the database is down', async () => {
    await cluster.stop()
    await assert.rejects(attempt(), { type: 'DatabaseDown' })
    await assert.rejects(access(join(cluster.base, 'staging', 'base.tar.zst')))
  })
})
