import assert from 'node:assert/strict'
import { mkdir, readdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { Work } from '../../activities/boundary.ts'
import { drillFolder, drillsFolder } from '../../activities/host/drill/drill-place.ts'
import { createHostActivities } from '../../activities/host/index.ts'
import { planDrill } from '../../activities/host/drill/plan-drill.ts'
import { releaseDrill } from '../../activities/host/drill/release-drill.ts'
import { promoteAside } from '../../activities/host/restore/held.ts'
import { holdAtTarget, prefetchWal, restoreDatabaseAside, restoreTreeAside } from '../../activities/host/restore/restore-aside.ts'
import { discardAside } from '../../activities/host/restore/swap.ts'
import type { DatabaseStep, TreeStep } from '../../activities/host/restore/types.ts'
import { MusterError } from '../../domain/failures.ts'
import { contentOf } from '../support/content-of.ts'
import { databaseConfig } from '../support/database-config.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { createRig, type Rig, startTemporal } from '../support/rig.ts'

describe('a drill whose place leads to what is in service', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let cluster: TestCluster
  let rig: Rig
  const uploads = () => join(rig.base, 'uploads')

  before(async () => {
    env = await startTemporal()
    cluster = await createCluster()
    const prepare = async (base: string) => {
      await mkdir(join(base, 'uploads', 'years'), { recursive: true })
      await writeFile(join(base, 'uploads', 'years', 'logo.png'), 'first')
      const old = new Date(Date.now() - 90 * 24 * 3600 * 1000)
      await utimes(join(base, 'uploads', 'years'), old, old)
    }
    rig = await createRig({ env, prepare, yaml: (base) => yamlFor(base, cluster) })
    await env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup/1', args: [{ system: 'shop' }] })
  })
  after(async () => {
    await rig?.stop()
    await cluster?.destroy()
    await env?.teardown()
  })

  async function inService(): Promise<readonly unknown[]> {
    return [(await readdir(cluster.config.dataDirectory)).sort(), await contentOf(uploads()), await cluster.sql('select 1 as alive')]
  }

  for (const [what, place] of [
    ['a data directory', () => cluster.config.dataDirectory],
    ['a tree', uploads],
  ] as const) {
    it(`is refused when it is planned: drills is a link to ${what}`, async () => {
      const before = await inService()
      await rm(drillsFolder(rig.agent), { recursive: true, force: true })
      await symlink(place(), drillsFolder(rig.agent))
      const drill = env.client.workflow.execute('drill', { taskQueue: 'muster', workflowId: `drill/${what.length}`, args: [{ system: 'shop' }] })
      await assert.rejects(drill, (error: Error) => {
        assert.match(String((error.cause as Error).message), /a drill would restore into .*, which leads to .*, and .* is where shop\/\w+ is in service/)
        return true
      })
      await rm(drillsFolder(rig.agent))
      assert.deepEqual(await inService(), before)
    })
  }

  it('is refused by each step that writes or removes: the folder became such a link after the plan', async () => {
    const run = 'drill/1:01a2b3c4d5e6'
    const place = { system: 'shop', configHash: null, run }
    const asked = { kind: 'restore', components: null, from: null, random: false, host: 'localhost', requester: 'alice' } as const
    const { agent } = rig
    const { decision } = await planDrill(agent)({ ...place, ...asked }, work)
    const steps = decision.components.map((one) => ({
      system: 'shop',
      component: one.component,
      configHash: decision.configHash,
      run,
      target: decision.target,
      mode: decision.mode,
      identityFile: null,
      decision: one,
    }))
    const database = steps.find(({ component }) => component === 'database') as DatabaseStep
    const tree = steps.find(({ component }) => component === 'uploads') as TreeStep
    const folder = drillFolder(agent, place)
    await rename(folder, `${folder}-away`)
    await symlink(cluster.config.dataDirectory, folder)
    const before = await inService()
    for (const [name, act] of Object.entries({
      restoreDatabaseAside: () => restoreDatabaseAside(agent)(database, work),
      prefetchWal: () => prefetchWal(agent)(database, work),
      holdAtTarget: () => holdAtTarget(agent)(database, work),
      promoteAside: () => promoteAside(agent)(database, work),
      restoreTreeAside: () => restoreTreeAside(agent)(tree, work),
      discardAside: () => discardAside(agent)(database, work),
      releaseDrill: () => releaseDrill(agent)({ ...place, configHash: decision.configHash }, work),
    })) {
      assert.ok(name in createHostActivities(agent))
      await assert.rejects(act(), (error) => error instanceof MusterError && error.type === 'WrongTarget' && /leads to/.test(error.message), name)
      assert.deepEqual(await inService(), before, name)
    }
    await rm(folder)
    await rename(`${folder}-away`, folder)
    await restoreTreeAside(agent)(tree, work)
    assert.deepEqual(await releaseDrill(agent)({ ...place, configHash: decision.configHash }, work), { released: true })
  })

  it('leaves alone what an old entry of its folder leads to', async () => {
    const link = join(drillsFolder(rig.agent), '0123abcd')
    await mkdir(drillsFolder(rig.agent), { recursive: true })
    await symlink(cluster.config.dataDirectory, link)
    const before = await inService()
    const { outcome } = await env.client.workflow.execute('drill', { taskQueue: 'muster', workflowId: 'drill/left', args: [{ system: 'shop' }] })
    assert.equal(outcome, 'succeeded')
    assert.deepEqual(await inService(), before)
  })
})

const work: Work = {
  signal: new AbortController().signal,
  label: 'test',
  attempt: 1,
  activityId: '1',
  runId: 'test',
  workflowId: 'test',
  progress: () => undefined,
  assertCurrent: () => Promise.resolve(),
}

function yamlFor(base: string, cluster: TestCluster): string {
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/stores/local }
encryption: { identity: "file:${base}/keys/identity.txt" }
systems:
  shop:
    components:
      database:
        ${databaseConfig(cluster)}
      uploads: { type: files, paths: [${base}/uploads], follows: database }
`
}
