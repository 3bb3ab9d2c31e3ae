import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { shipperRequest } from '../../adapters/component/postgresql/shipper-client.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import { createSecretResolver } from '../../adapters/secret/resolver.ts'
import type { ApplyResult } from '../../clients/apply.ts'
import { type ConfigurationView, viewConfiguration } from '../../clients/config-view.ts'
import { packDocuments } from '../../repository/config-documents.ts'
import { createAgent } from '../../wiring/agent.ts'
import { newestHere } from '../../wiring/applied-config.ts'
import { examine } from '../../wiring/doctor.ts'
import { keyFiles, type Places, shipperSocket } from '../../wiring/places.ts'
import { createStore } from '../../wiring/stores.ts'
import { localKeyDocuments, localTrust } from '../../wiring/trust.ts'
import { createWorkers, runWorkers } from '../../workers/worker.ts'
import type { InstallConfigResult } from '../../workflows/messages.ts'
import { createInstallation, type Installation, twoHosts } from '../support/installation.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { startTemporal, waitFor, workflowBundle } from '../support/rig.ts'

const muster = [join(import.meta.dirname, '..', '..', 'bin', 'muster')]

describe('a configuration reaches every host', function () {
  this.timeout(180_000)
  let env: TestWorkflowEnvironment
  let here: Installation
  let cluster: TestCluster
  const alpha = new AbortController()
  let alphaDone: Promise<void> | null = null
  const children: ChildProcess[] = []

  before(async () => {
    env = await startTemporal()
    cluster = await createCluster()
    here = await createInstallation()
    for (const tree of ['uploads', 'letters']) {
      await mkdir(join(here.base, tree))
      await writeFile(join(here.base, tree, 'one'), 'one')
    }
    const workers = await createWorkers({
      connection: env.nativeConnection,
      namespace: env.namespace ?? 'default',
      agent: await createAgent({ places: here.alpha, host: 'alpha', site: 'primary', temporal: env.client }),
      roles: { workflows: true, site: true, host: true },
      bundle: await workflowBundle(),
    })
    alphaDone = runWorkers(workers, alpha.signal)
  })

  after(async () => {
    await Promise.all(children.map(stop))
    alpha.abort()
    await alphaDone
    await here?.remove()
    await cluster?.destroy()
    await env?.teardown()
  })

  const text = (every: string) => twoHosts(here.base, { every })
  /** A machine that is busy may let an agent that is up wait for some seconds. */
  const apply = (all: string) => here.apply(all, env.client, 6)
  const numberOf = async (places: Places) => (await newestHere(places))?.number ?? null
  const states = ({ agents }: Pick<ApplyResult, 'agents'>) => agents.map(({ kind, name, state }) => `${kind} ${name}: ${state}`)

  /** A program of the host beta, as its service manager starts it. */
  function startOnBeta(...words: string[]): ChildProcess {
    const { home: MUSTER_HOME, keys: MUSTER_KEYS, configFile: MUSTER_CONFIG } = here.beta
    const settings = { MUSTER_HOME, MUSTER_KEYS, MUSTER_CONFIG, TEMPORAL_ADDRESS: env.connection.options.address, MUSTER_LOG: 'error' }
    const child = spawn(process.execPath, [...muster, ...words, '--host', 'beta'], {
      env: { ...process.env, ...settings },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr?.resume()
    children.push(child)
    return child
  }

  async function stop(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  }

  async function withBeta<T>(act: () => Promise<T>): Promise<T> {
    const worker = startOnBeta('worker')
    try {
      await waitFor('the worker of beta', () => isPolledBy(worker, 'muster-host-beta-urgent'))
      return await act()
    } finally {
      await stop(worker)
    }
  }

  async function isPolledBy({ pid }: ChildProcess, queue: string): Promise<boolean> {
    const { pollers } = await env.client.workflowService.describeTaskQueue({ namespace: 'default', taskQueue: { name: queue }, taskQueueType: 2 })
    return (pollers ?? []).some(({ identity }) => identity?.startsWith(`${pid}@`))
  }

  async function view(): Promise<ConfigurationView> {
    const { verifier, controlVerifier } = await localTrust(here.alpha)
    const config = await here.configOf(await readFile(here.alpha.configFile, 'utf8'))
    const secrets = createSecretResolver()
    return viewConfiguration({ config, verifier, controlVerifier, store: async (name) => createStore(config, name, secrets), timeoutSeconds: 5 })
  }

  const current = async () => (await view()).hosts.map(({ host, isCurrent }) => `${host}: ${isCurrent}`)

  async function install(places: Places, hosts: readonly string[]): Promise<InstallConfigResult> {
    const newest = await newestHere(places)
    const folder = join(places.home, 'config')
    const documents = packDocuments({
      keyLists: (await localKeyDocuments(places)).map(({ bytes }) => Buffer.from(bytes)),
      applied: await readFile(join(folder, 'applied', `${String(newest?.number).padStart(8, '0')}.json`)),
      config: await readFile(join(folder, `${newest?.configHash}.json`)),
    })
    return ask({ hosts, documents })
  }

  async function ask(input: object): Promise<InstallConfigResult> {
    return (await env.client.workflow.execute('installConfig', {
      taskQueue: 'muster',
      workflowId: `test/${Math.random()}`,
      args: [input],
    })) as InstallConfigResult
  }

  it('that answers; one that is down is named within seconds, and everyone sees it', async () => {
    const began = Date.now()
    const result = await apply(text('daily 02:00'))
    assert.ok(Date.now() - began < 40_000, `${Date.now() - began} ms`)
    assert.deepEqual(states(result), ['host alpha: has', 'host beta: owed', 'site primary: has'])
    assert.match(result.agents[1]?.problem?.message ?? '', /no agent of host beta took the step/)
    // Backups, health, the archive of histories.
    assert.deepEqual(
      result.schedules.map(({ change }) => change),
      ['create', 'create', 'create'],
    )
    assert.equal(await numberOf(here.beta), null)
    assert.deepEqual(await current(), ['alpha: true', 'beta: false'])
    const told = (await examine(here.alpha, { system: null })).filter(({ about }) => about === 'configuration').map(({ message }) => message)
    assert.ok(
      told.some((message) => /^host beta never said that it took a configuration; applied is/.test(message)),
      told.join('\n'),
    )
  })

  it('that has nothing but its keys and the fingerprint, once its agent is up; the command line says so of each', async () => {
    await withBeta(async () => {
      const environment = {
        ...process.env,
        MUSTER_HOME: here.alpha.home,
        MUSTER_KEYS: here.alpha.keys,
        TEMPORAL_ADDRESS: env.connection.options.address ?? '',
        MUSTER_LOG: 'silent',
      }
      const { stdout } = await runTool(process.execPath, [...muster, '--config', here.alpha.configFile, 'apply'], {
        env: environment as Record<string, string>,
      })
      assert.match(stdout, /store shared\s+✓\n\s+host {2}alpha\s+✓\n\s+host {2}beta\s+✓\n\s+site {2}primary\s+✓/)
      assert.equal(await numberOf(here.beta), 1)
      assert.deepEqual(await current(), ['alpha: true', 'beta: true'])
    })
  })

  it('that was down at an apply: its agent catches up when it starts, and works by it', async () => {
    const result = await apply(text('daily 03:00'))
    assert.deepEqual(states(result), ['host alpha: has', 'host beta: owed', 'site primary: has'])
    assert.equal(await numberOf(here.beta), 1)
    await withBeta(async () => {
      assert.equal(await numberOf(here.beta), 2)
      await waitFor('beta to say so', async () => (await current()).includes('beta: true'))
      await env.client.workflow.execute('backupSystem', {
        taskQueue: 'muster',
        workflowId: 'backup/1',
        args: [{ system: 'shop', configHash: result.configHash }],
      })
    })
  })

  it('that could not be reached although its agent was up: a run that names what it lacks brings it', async () => {
    await withBeta(async () => {
      const { configHash: hash } = await here.apply(text('daily 04:00'))
      assert.equal(await numberOf(here.beta), 2)
      await env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup/2', args: [{ system: 'shop', configHash: hash }] })
      assert.equal(await numberOf(here.beta), 3)
      await here.apply(text('daily 05:00'))
      const asked = await ask({ hosts: ['beta'] })
      assert.deepEqual(states(asked), ['host beta: has'])
      assert.equal(await numberOf(here.beta), 4)
    })
  })

  it('but a queue brings it nothing that the control key did not sign, and nothing older', async () => {
    await withBeta(async () => {
      const before = await readdir(join(here.beta.home, 'config'))
      const other = await createInstallation()
      try {
        await other.apply(twoHosts(other.base))
        const foreign = await install(other.alpha, ['beta'])
        assert.equal(foreign.outcome, 'refused')
        assert.equal(foreign.agents[0]?.problem?.type, 'KeyNotTrusted')
      } finally {
        await other.remove()
      }
      await rename(join(here.alpha.home, 'config', 'applied', '00000004.json'), join(here.base, 'newest.json'))
      const older = await install(here.alpha, ['beta'])
      await rename(join(here.base, 'newest.json'), join(here.alpha.home, 'config', 'applied', '00000004.json'))
      assert.equal(older.outcome, 'refused')
      assert.match(older.agents[0]?.problem?.message ?? '', /number 3, is older/)
      assert.deepEqual(await readdir(join(here.beta.home, 'config')), before)
      assert.equal(await numberOf(here.beta), 4)
    })
  })

  it('or says which agent refused it: then schedules stay as they are', async () => {
    const pin = join(here.beta.keys, keyFiles.fingerprint)
    const right = await readFile(pin, 'utf8')
    await withBeta(async () => {
      await writeFile(pin, 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n')
      try {
        const result = await apply(text('daily 06:00'))
        assert.deepEqual(states(result), ['host alpha: has', 'host beta: refused', 'site primary: has'])
        assert.deepEqual(result.schedules, [])
        const handle = env.client.schedule.getHandle('muster/test/shop/all')
        const schedules: string[] = []
        for await (const { scheduleId } of env.client.schedule.list()) schedules.push(scheduleId)
        const { action } = await env.client.schedule.getHandle(schedules[0] ?? handle.scheduleId).describe()
        assert.ok(action.type === 'startWorkflow' && !JSON.stringify(action.args).includes(result.configHash))
      } finally {
        await writeFile(pin, right)
      }
      assert.deepEqual(states(await apply(text('daily 06:00'))), ['host alpha: has', 'host beta: has', 'site primary: has'])
    })
  })

  it('or is owed to everyone when somebody ends the run that brings it; schedules follow all the same', async () => {
    const applying = here.apply(text('daily 07:00'), env.client, 20)
    const run = env.client.workflow.getHandle('install-config')
    await waitFor('the run', async () => (await run.describe()).status.name === 'RUNNING')
    await run.terminate('a later apply')
    const result = await applying
    assert.deepEqual(states(result), ['host alpha: owed', 'host beta: owed', 'site primary: owed'])
    assert.match(result.agents[0]?.problem?.message ?? '', /another apply, or somebody, ended the run/)
    assert.deepEqual(
      result.schedules.map(({ change }) => change),
      ['update', 'update', 'update'],
    )
  })

  it('and its WAL shipper, which goes on by it without being started again', async () => {
    const withDatabase = (stores: string) =>
      twoHosts(here.base, { extra: `  other: { type: directory, path: ${here.base}/stores/other, hosts: [beta] }` }).replace(
        '    backups:',
        `${databaseOf(cluster, stores)}\n    backups:`,
      )
    const shipper = startOnBeta('shipper')
    const status = () => shipperRequest(shipperSocket(here.beta, 'beta'), 'status', undefined).catch(() => null)
    const storesOf = async () => (await status())?.instances[0]?.stores.filter(({ shippedLsn }) => shippedLsn !== null).map(({ store }) => store) ?? []
    await waitFor('the shipper', async () => (await status()) !== null)
    assert.deepEqual((await status())?.instances, [])
    await withBeta(async () => {
      await apply(withDatabase('[shared]'))
      await waitFor('WAL in one store', async () => (await storesOf()).join() === 'shared')
      await apply(withDatabase('[shared, other]'))
      await waitFor('WAL in both stores', async () => (await storesOf()).join() === 'shared,other')
      // A secret that is not there yet: the old rule goes on.
      await apply(withDatabase('[shared]').replace('user: muster', 'user: muster, password: "env:MUSTER_NOT_THERE"'))
      await new Promise((resolve) => setTimeout(resolve, 2500))
      assert.deepEqual(await storesOf(), ['shared', 'other'])
      await cluster.sql('select pg_switch_wal()')
      await waitFor('WAL to flow on', async () => (await status())?.instances[0]?.state === 'streaming')
    })
    assert.equal((await status())?.pid, shipper.pid)
    await stop(shipper)
  })
})

function databaseOf(cluster: TestCluster, stores: string): string {
  const { connection, runAs, binDirectory } = cluster.config
  return `      database:
        type: postgresql
        host: beta
        stores: ${stores}
        dataDirectory: ${cluster.directory}
        connection: { host: ${connection.host}, port: ${connection.port}, database: ${connection.database}, user: ${connection.user} }
        runAs: ${runAs ?? 'postgres'}
        binDirectory: ${binDirectory}
        wal: { shipEvery: 1s }`
}
