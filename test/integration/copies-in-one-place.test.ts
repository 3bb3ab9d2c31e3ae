import assert from 'node:assert/strict'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { explain } from '../../clients/cli/output.ts'
import { databaseConfig } from '../support/database-config.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { createRig, type Rig, startTemporal } from '../support/rig.ts'
import { type Mount, mountTmpfs } from '../support/mounts.ts'

describe('two stores on one filesystem', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let cluster: TestCluster
  let rig: Rig
  let mount: Mount | null = null
  let runs = 0

  before(async () => {
    env = await startTemporal()
    cluster = await createCluster()
    await cluster.sql('create table markers (n int); grant select on markers to muster')
    rig = await createRig({ env, yaml: (base) => yamlFor(base, cluster), prepare: prepareTree })
  })

  after(async () => {
    await mount?.unmount().catch(() => undefined)
    await rig?.stop()
    await cluster?.destroy()
    await env?.teardown()
  })

  const run = (type: string) => env.client.workflow.execute(type, { taskQueue: 'muster', workflowId: `${type}/${runs++}`, args: [{ system: 'shop' }] })

  async function refusal(type: string) {
    return run(type).then(
      () => assert.fail(`${type} was content with one copy`),
      (error: unknown) => explain(error),
    )
  }

  it('are one copy for a backup run: hard links of one file there', async () => {
    const told = await refusal('backupSystem')
    assert.equal(told.type, 'CopiesMissing')
    assert.match(told.message, /database: 1 of 2 copies; local and second are in one place and count once/)
    assert.match(told.message, /uploads: 1 of 2 copies/)
    const inodes = await Promise.all(['local', 'second'].map(async (store) => (await stat(await baseIn(store))).ino))
    assert.equal(inodes[0], inodes[1])
  })

  it('are one copy for WAL: nothing is waited for that cannot come', async () => {
    const started = Date.now()
    const told = await refusal('archiveWal')
    assert.equal(told.type, 'CopiesMissing')
    assert.match(told.message, /every store has the WAL of shop\/database up to .* too few copies: local \(device:\d+\), second \(device:\d+\)/)
    assert.ok(Date.now() - started < 30_000)
  })

  it('are two as soon as one of them is on another filesystem', async () => {
    await rig.stopShipper()
    mount = await mountTmpfs(join(rig.base, 'stores', 'second'), 300)
    await rig.reconfigure(yamlFor(rig.base, cluster))
    await rig.startShipper()
    await run('backupSystem')
    await run('archiveWal')
  })

  async function baseIn(store: string): Promise<string> {
    const folder = join(rig.base, 'stores', store, 'backups', 'shop', 'database')
    const [backup = ''] = await readdir(folder)
    return join(folder, backup, 'objects', 'base.tar.zst.age')
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
  second: { type: directory, path: ${base}/stores/second }
encryption: { identity: "file:${base}/keys/identity.txt" }
limits: { retry: 1s, copy: 30s, control: 30s, transfer: 30s }
systems:
  shop:
    copies: { required: { total: 2 } }
    components:
      database:
        ${databaseConfig(cluster)}
      uploads: { type: files, paths: [${base}/uploads] }
`
}
