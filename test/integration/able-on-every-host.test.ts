import assert from 'node:assert/strict'
import { mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { explain } from '../../clients/cli/output.ts'
import { createAgent } from '../../wiring/agent.ts'
import { createWorkers, runWorkers } from '../../workers/worker.ts'
import type { RestoreResult } from '../../workflows/messages.ts'
import { databaseConfig } from '../support/database-config.ts'
import { createInstallation, type Installation } from '../support/installation.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { startTemporal, workflowBundle } from '../support/rig.ts'

describe('a plan for several hosts', function () {
  this.timeout(120_000)
  const stop = new AbortController()
  const running: Promise<void>[] = []
  let env: TestWorkflowEnvironment
  let cluster: TestCluster
  let here: Installation
  let programs = ''
  let runs = 0

  before(async () => {
    env = await startTemporal()
    cluster = await createCluster()
    here = await createInstallation()
    programs = join(here.base, 'bin')
    await mkdir(join(here.base, 'uploads'))
    await writeFile(join(here.base, 'uploads', 'one'), 'one')
    await mkdir(programs)
    const binDirectory = cluster.config.binDirectory ?? assert.fail('the cluster has no programs')
    for (const name of await readdir(binDirectory)) await symlink(join(binDirectory, name), join(programs, name))
    await here.apply(yaml())
    await startAgent('alpha', true)
    await startAgent('beta', false)
    await here.apply(yaml(), env.client)
    await run('backupSystem', {})
  })

  after(async () => {
    stop.abort()
    await Promise.all(running)
    await here?.remove()
    await cluster?.destroy()
    await env?.teardown()
  })

  async function startAgent(host: 'alpha' | 'beta', first: boolean): Promise<void> {
    const agent = await createAgent({ places: here[host], host, site: 'primary', temporal: env.client })
    const { nativeConnection: connection, namespace = 'default' } = env
    const workers = await createWorkers({
      connection,
      namespace,
      agent,
      roles: { workflows: first, site: first, host: true },
      bundle: await workflowBundle(),
    })
    running.push(runWorkers(workers, stop.signal))
  }

  const run = <R>(type: string, input: object): Promise<R> =>
    env.client.workflow.execute(type, { taskQueue: 'muster', workflowId: `${type}/${runs++}`, args: [{ system: 'shop', ...input }] })
  const plan = async () => (await run<RestoreResult>('restoreSystem', { planOnly: true })).plan

  it('is tried on each of them: one that lacks a program of PostgreSQL is named, though another made the plan', async () => {
    const { decision, forecast } = await plan()
    assert.deepEqual(
      decision.components.map(({ component, host }) => `${component} on ${host}`),
      ['database on beta', 'uploads on alpha'],
    )
    assert.deepEqual(forecast.warnings, [])
    const program = join(programs, 'pg_verifybackup')
    await rename(program, `${program}.away`)
    try {
      const told = await plan().then(
        () => assert.fail('it was not refused'),
        (error: unknown) => explain(error),
      )
      assert.equal(told.type, 'PreconditionFailed')
      assert.match(told.message, /^shop\/database is of PostgreSQL \d+.*, which host beta cannot restore: pg_verifybackup was not found on this host/)
    } finally {
      await rename(`${program}.away`, program)
    }
    await plan()
  })

  const yaml = () => `
organisation: Test
sites: { primary: { hosts: [alpha, beta] } }
stores:
  shared: { type: directory, path: ${here.base}/stores/shared, hosts: [alpha, beta] }
encryption: { identity: "file:${here.base}/alpha/keys/identity.txt", restoreHosts: [alpha, beta] }
systems:
  shop:
    components:
      uploads: { type: files, host: alpha, paths: [${here.base}/uploads] }
      database:
        host: beta
        ${databaseConfig(cluster).replace(/binDirectory: .*/, `binDirectory: ${programs}`)}
`
})
