import assert from 'node:assert/strict'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { applySchedules } from '../../clients/schedules.ts'
import type { MonitorHealthResult } from '../../workflows/messages.ts'
import { databaseConfig } from '../support/database-config.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { createRig, type Rig, startTemporal, waitFor } from '../support/rig.ts'

describe('the health of a system, judged from its stores', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let cluster: TestCluster
  let rig: Rig
  let runs = 0

  before(async () => {
    env = await startTemporal()
    cluster = await createCluster()
    rig = await createRig({ env, prepare, yaml: (base) => yamlFor(base, cluster) })
  })
  after(async () => {
    await rig?.stop()
    await cluster?.destroy()
    await env?.teardown()
  })

  const run = <T>(type: string, input: object): Promise<T> =>
    env.client.workflow.execute(type, { taskQueue: 'muster', workflowId: `${type}/${runs++}`, args: [input] }) as Promise<T>
  const judge = () => run<MonitorHealthResult>('monitorHealth', { system: 'shop' })
  const texts = ({ reasons }: MonitorHealthResult) => reasons.map(({ component, text }) => `${component ?? 'shop'}: ${text}`)

  async function alarms(): Promise<readonly string[]> {
    const lines = (await readFile(join(rig.places.home, 'notices.jsonl'), 'utf8')).trim().split('\n')
    return lines
      .map((line) => JSON.parse(line) as { event: string; severity: string; subject: string })
      .flatMap((one) => (one.event === 'alarm' ? [`${one.severity} ${one.subject}`] : []))
  }

  async function prepare(base: string): Promise<void> {
    await mkdir(join(base, 'uploads'))
    await writeFile(join(base, 'uploads', 'logo.png'), 'first')
  }

  it('is none before the first backup, and people are told', async () => {
    const health = await judge()
    assert.deepEqual([health.word, health.lostNowSeconds], ['not protected', null])
    assert.deepEqual(texts(health).slice(0, 2), ['database: there is no backup yet', 'uploads: there is no backup yet'])
    assert.deepEqual(await alarms(), ['critical shop is not protected: database: there is no backup yet'])
  })

  it('is degraded as long as no drill has proven anything, and good after one', async () => {
    await run('backupSystem', { system: 'shop' })
    assert.deepEqual(texts(await judge()), ['shop: it was never proven: drills are configured and none has run'])
    await run('drill', { system: 'shop', kind: 'restore' })
    const health = await judge()
    assert.deepEqual([health.word, health.outcome, texts(health)], ['protected', 'succeeded', []])
    assert.ok(health.lastProvenAt !== null && (health.lostNowSeconds ?? 99) < 30)
  })

  it('is not good while the shipper is gone, or a store, and says what to do', async () => {
    await rig.stopShipper()
    const silent = await judge()
    assert.ok(silent.reasons.some(({ text, next }) => /the WAL shipper does not answer/.test(text) && next === 'muster up'))
    await rig.startShipper()
    await rename(join(rig.base, 'stores', 'nas'), join(rig.base, 'nas-away'))
    const lost = await judge()
    assert.ok(texts(lost).some((text) => /nas does not answer/.test(text)))
    assert.notEqual(lost.word, 'protected')
    await rename(join(rig.base, 'nas-away'), join(rig.base, 'stores', 'nas'))
    // The shipper gives the store what it lacks.
    await waitFor('the store to have everything again', async () => (await judge()).word === 'protected', 60)
  })

  it('is looked at every hour, by a schedule that muster apply makes', async () => {
    const changes = await applySchedules(env.client, rig.config, 'a'.repeat(64), false)
    assert.deepEqual(
      changes.filter(({ id }) => id.endsWith('/monitor-health')).map(({ id, change, every }) => [id, change, every]),
      [['muster/test/shop/monitor-health', 'create', '1h']],
    )
  })
})

function yamlFor(base: string, cluster: TestCluster): string {
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/stores/local }
  nas: { type: directory, path: ${base}/stores/nas }
encryption: { identity: "file:${base}/keys/identity.txt" }
systems:
  shop:
    objectives: { rpo: 5m }
    components:
      database:
        ${databaseConfig(cluster)}
      uploads: { type: files, paths: [${base}/uploads], follows: database }
    backups: [{ every: 'daily 02:00' }]
    drills: [{ kind: restore, every: 'monthly day 1 04:00' }]
`
}
