import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { runTool } from '../../adapters/process/run-tool.ts'
import { explain } from '../../clients/cli/output.ts'
import { startRun } from '../../clients/runs.ts'
import { failures } from '../../domain/failures.ts'
import type { RestoreResult } from '../../workflows/messages.ts'
import { databaseConfig } from '../support/database-config.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { mountTmpfs } from '../support/mounts.ts'
import { createRig, type Rig, startTemporal } from '../support/rig.ts'

describe('bad input ends with a clear error, and changes nothing', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let cluster: TestCluster
  let rig: Rig
  let moment = ''
  let runs = 0

  before(async () => {
    env = await startTemporal()
    cluster = await createCluster()
    await cluster.sql('create table markers (n int); insert into markers values (1)')
    rig = await createRig({ env, yaml: (base) => yamlFor(base, cluster), prepare: prepareTree })
    await run('backupSystem', { system: 'shop' })
    await cluster.sql('insert into markers values (2)')
    await new Promise((resolve) => setTimeout(resolve, 20))
    moment = new Date().toISOString()
    await new Promise((resolve) => setTimeout(resolve, 20))
    await cluster.sql('insert into markers values (3)')
    await run('archiveWal', { system: 'shop' })
  })

  afterEach(async () => {
    assert.deepEqual(await cluster.sql('select count(*)::int as n from markers'), [{ n: 3 }])
    assert.equal(await readFile(join(rig.base, 'uploads', 'logo.png'), 'utf8'), 'first')
  })

  after(async () => {
    await rig?.stop()
    await cluster?.destroy()
    await env?.teardown()
  })

  function run(type: string, input: object, workflowId = `${type}/${runs++}`): Promise<unknown> {
    return env.client.workflow.execute(type, { taskQueue: 'muster', workflowId, args: [input] })
  }

  /** The failure as the command line tells it. */
  async function refused(type: string, input: object, workflowId?: string): Promise<{ type: string; message: string; exitCode: number; hint: string }> {
    const error = await run(type, input, workflowId).then(
      () => assert.fail('it was not refused'),
      (failure: unknown) => failure,
    )
    const told = explain(error)
    assert.equal(told.exitCode, failures[told.type].exitCode)
    assert.ok(told.hint.length > 0)
    return told
  }

  const plan = (more: object) => refused('restoreSystem', { system: 'shop', planOnly: true, ...more })
  const elsewhere = (more: object) =>
    refused(
      'restoreSystem',
      { system: 'shop', components: ['database'], into: { directory: join(rig.base, `copy-${runs}`) }, ...more },
      `aside/shop/localhost/${runs++}`,
    )

  it('unknown system, component, backup, store, safety set', async () => {
    assert.match((await refused('backupSystem', { system: 'shpo' })).message, /there is no system "shpo"; configured are: shop/)
    assert.match((await plan({ components: ['databse'] })).message, /has no component "databse"; it has: database, uploads/)
    const told = await plan({ backup: '20200101T000000Z-full-00000000-a1' })
    assert.equal(told.type, 'BackupNotFound')
    assert.match((await plan({ from: 'ofsite' })).message, /has no store "ofsite"; it has: local, nas/)
    assert.equal((await plan({ back: 'target/shop:none' })).type, 'BackupNotFound')
  })

  it('a moment that is too early, too late, and one of an unknown incarnation', async () => {
    const pitr = (time: string, more = {}) => refused('recoverToPointInTime', { system: 'shop', to: { time }, planOnly: true, ...more })
    assert.match((await pitr('2001-01-01T00:00:00Z')).message, /too early: the oldest moment is/)
    assert.match((await pitr('2099-01-01T00:00:00Z')).message, /unbroken only to the commit of/)
    assert.match((await pitr(moment, { incarnation: 'abcdefabcdef' })).message, /has no incarnation/)
    assert.match((await refused('recoverToPointInTime', { system: 'shop', to: { lsn: 'F/0' }, planOnly: true })).message, /in no recoverable window; reachable/)
  })

  it('a moment inside a gap', async () => {
    const folder = join(rig.base, 'stores', 'local', 'wal', 'shop', 'database')
    const nas = join(rig.base, 'stores', 'nas', 'wal')
    // The shipper would ship again what it finds missing.
    await rig.stopShipper()
    const [incarnation = ''] = await readdir(folder)
    const index = join(folder, incarnation, 'index')
    await rename(index, `${index}.away`)
    await rename(nas, `${nas}.away`)
    await mkdir(index)
    try {
      const told = await refused('recoverToPointInTime', { system: 'shop', to: { time: moment }, planOnly: true })
      assert.equal(told.type, 'RecoveryTargetUnreachable')
    } finally {
      await rm(index, { recursive: true })
      await rename(`${index}.away`, index)
      await rm(nas, { recursive: true, force: true })
      await rename(`${nas}.away`, nas)
      await rig.startShipper()
    }
  })

  it('a target directory that is not empty', async () => {
    const directory = join(rig.base, 'full')
    await mkdir(directory)
    await writeFile(join(directory, 'precious'), 'x')
    assert.equal((await elsewhere({ into: { directory } })).type, 'TargetNotEmpty')
    assert.equal(await readFile(join(directory, 'precious'), 'utf8'), 'x')
  })

  it('a target that lies in what is protected, in a store, in the state of Muster, or around them', async () => {
    const nested = await elsewhere({ into: { directory: join(cluster.directory, 'copy') } })
    assert.equal(nested.type, 'WrongTarget')
    assert.match(nested.message, /copy lies inside .*, which is protected as shop\/database/)
    assert.match((await elsewhere({ into: { directory: join(rig.base, 'stores', 'local', 'copy') } })).message, /which is the store "local"/)
    assert.match((await elsewhere({ into: { directory: join(rig.places.home, 'hosts', 'localhost', 'copy') } })).message, /its own state/)
    assert.match((await elsewhere({ into: { directory: rig.base } })).message, /holds .*, which/)
  })

  it('a port that belongs to the database in service, and one that is taken', async () => {
    const directory = join(rig.base, 'copy-port')
    const own = await elsewhere({ into: { directory, port: cluster.port } })
    assert.equal(own.type, 'WrongTarget')
    assert.match(own.message, /belongs to shop\/database/)
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const { port } = server.address() as AddressInfo
      assert.equal((await elsewhere({ into: { directory, port } })).type, 'TargetRunning')
    } finally {
      server.close()
    }
  })

  it('an approval by a viewer, or by a name that nobody has: the plan names who may', async () => {
    const { plan: made } = (await run('restoreSystem', { system: 'shop', planOnly: true, requestedBy: 'alice' })) as RestoreResult
    assert.deepEqual(made.decision.approvals.approvers, ['alice'])
  })

  it('a second restore of the same target names the run that holds it', async () => {
    const first = await startRun(env.client, { type: 'restoreSystem', system: 'shop', input: { system: 'shop', requestedBy: 'alice' }, id: 'target' })
    await assert.rejects(startRun(env.client, { type: 'restoreSystem', system: 'shop', input: { system: 'shop' }, id: 'target' }), (error) => {
      const told = explain(error)
      return told.type === 'LockHeld' && told.message.includes('target/shop is already running') && told.hint.includes('muster watch target/shop')
    })
    await first.cancel()
    await first.result().catch(() => undefined)
  })

  it('a missing and a wrong age identity', async () => {
    assert.equal((await elsewhere({ identityFile: join(rig.base, 'nowhere.txt') })).type, 'IdentityMissing')
    const wrong = join(rig.base, 'wrong.txt')
    await runTool('age-keygen', ['-o', wrong])
    assert.equal((await elsewhere({ identityFile: wrong })).type, 'IdentityMissing')
  })

  it('a flipped byte in the backup: refused from that store by name, and nothing is left', async () => {
    const path = await objectOf('local', 'base.tar.zst.age')
    const bytes = await readFile(path)
    const middle = bytes.length >> 1
    const damaged = Buffer.from(bytes)
    damaged.writeUInt8(damaged.readUInt8(middle) ^ 1, middle)
    await rm(path)
    await writeFile(path, damaged)
    try {
      const told = await elsewhere({ from: 'local' })
      assert.equal(told.type, 'ChecksumMismatch')
      assert.match(told.message, /base\.tar\.zst/)
      assert.deepEqual(
        (await readdir(rig.base)).filter((name) => name.startsWith('.muster')),
        [],
      )
    } finally {
      await rm(path)
      await writeFile(path, bytes)
    }
  })

  it('a missing object and an edited manifest: that copy does not count, and the plan says why', async () => {
    const path = await objectOf('local', 'base.tar.zst.age')
    await rename(path, `${path}.away`)
    try {
      assert.match((await plan({ from: 'local' })).message, /no base backup leads to/)
    } finally {
      await rename(`${path}.away`, path)
    }
    const manifest = join(path, '..', '..', 'manifest.json')
    const text = await readFile(manifest, 'utf8')
    await writeFile(manifest, text.replace('"kind":"full"', '"kind":"null"'))
    await rm(join(rig.places.home, 'hosts', 'localhost', 'catalog'), { recursive: true, force: true })
    try {
      assert.match((await plan({ from: 'local' })).message, /no base backup leads to/)
    } finally {
      await writeFile(manifest, text)
    }
  })

  it('an edited WAL index is not believed', async () => {
    const folder = join(rig.base, 'stores', 'local', 'wal', 'shop', 'database')
    const [incarnation = ''] = await readdir(folder)
    const index = join(folder, incarnation, 'index')
    // What is shipped meanwhile is whole, and could do instead.
    await rig.stopShipper()
    const texts = await Promise.all((await readdir(index)).map(async (name) => [join(index, name), await readFile(join(index, name), 'utf8')] as const))
    await rm(join(rig.places.home, 'hosts', 'localhost', 'catalog'), { recursive: true, force: true })
    for (const [path, text] of texts) await writeFile(path, text.replace('"organisation":"Test"', '"organisation":"Evil"'))
    try {
      assert.equal((await refused('recoverToPointInTime', { system: 'shop', to: { time: moment }, from: 'local', planOnly: true })).type, 'SignatureInvalid')
    } finally {
      for (const [path, text] of texts) await writeFile(path, text)
      await rm(join(rig.places.home, 'hosts', 'localhost', 'catalog'), { recursive: true, force: true })
      await rig.startShipper()
    }
  })

  it('a store that is gone is owed; when it was required the backup fails and says so', async () => {
    const nas = join(rig.base, 'stores', 'nas')
    // The new configuration makes the folder again, which the shipper would fill while it is removed.
    await rig.stopShipper()
    await rename(nas, `${nas}.away`)
    try {
      const yaml = yamlFor(rig.base, cluster)
      await rig
        .reconfigure(yaml.replace('    components:', '    copies: { required: { total: 2 } }\n    components:').replace(`/stores/nas }`, `/stores/nas }`))
        .catch(() => undefined)
      await rm(nas, { recursive: true, force: true })
      const told = await refused('backupSystem', { system: 'shop', components: ['uploads'] })
      assert.equal(told.type, 'CopiesMissing')
      assert.match(told.message, /nas/)
    } finally {
      await rm(nas, { recursive: true, force: true })
      await rename(`${nas}.away`, nas)
      await rig.reconfigure(yamlFor(rig.base, cluster))
      await rig.startShipper()
    }
  })

  it('not enough space to restore names the megabytes', async () => {
    const small = join(rig.base, 'small')
    const mount = await mountTmpfs(small, 5, 'mode=1777')
    try {
      const told = await elsewhere({ into: { directory: join(small, 'copy') } })
      assert.equal(told.type, 'NotEnoughSpace')
      assert.match(told.message, /needs \d+ MB beside .* \d+ MB are free/)
    } finally {
      await mount.unmount()
    }
  })

  it('PostgreSQL down', async () => {
    await cluster.stop()
    try {
      const told = await refused('backupSystem', { system: 'shop', components: ['database'] })
      assert.equal(told.type, 'DatabaseDown')
    } finally {
      await cluster.start()
    }
  })

  async function objectOf(store: string, name: string): Promise<string> {
    const folder = join(rig.base, 'stores', store, 'backups', 'shop', 'database')
    const [backup = ''] = await readdir(folder)
    return join(folder, backup, 'objects', name)
  }
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
people: { alice: { email: alice@example.com }, eve: { role: viewer } }
limits: { retry: 1s, copy: 10s, control: 30s, transfer: 30s }
systems:
  shop:
    components:
      database:
        ${databaseConfig(cluster)}
      uploads: { type: files, paths: [${base}/uploads] }
    restore: { commitAfter: 0 }
`
}
