import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ScheduleOverlapPolicy } from '@temporalio/client'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { newestProbe } from '../../clients/probed.ts'
import { createAgent } from '../../wiring/agent.ts'
import type { Places } from '../../wiring/places.ts'
import { createWorkers, runWorkers } from '../../workers/worker.ts'
import type { ProbeSystemResult } from '../../workflows/messages.ts'
import { freePort } from '../support/free-port.ts'
import { createInstallation, type Installation } from '../support/installation.ts'
import { startTemporal, waitFor, workflowBundle } from '../support/rig.ts'

const muster = [join(import.meta.dirname, '..', '..', 'bin', 'muster')]

describe('a system looked at from two sites, on real parts', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let here: Installation
  let shop: Server | null = null
  let port = 0
  let triggered = 0
  const agents = new Map<string, { readonly stop: AbortController; readonly done: Promise<void> }>()
  let child: ChildProcess | null = null

  before(async () => {
    env = await startTemporal()
    here = await createInstallation()
    await mkdir(join(here.base, 'uploads'))
    await writeFile(join(here.base, 'uploads', 'logo.png'), 'first')
    port = await freePort()
    await here.apply(yamlFor(here.base, port))
    await startAgent('alpha', 'primary', here.alpha, true)
    await startAgent('beta', 'dr', here.beta, false)
    await here.apply(yamlFor(here.base, port), env.client)
    await copyFile(here.alpha.configFile, join(here.base, 'beta', 'muster.yaml'))
    await env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup/1', args: [{ system: 'shop' }] })
    await openShop()
  })
  after(async () => {
    await closeShop()
    if (child) {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
    for (const name of agents.keys()) await stopAgent(name)
    await here?.remove()
    await env?.teardown()
  })

  async function startAgent(host: string, site: string, places: Places, workflows: boolean): Promise<void> {
    const agent = await createAgent({ places, host, site, temporal: env.client })
    const { nativeConnection: connection, namespace = 'default' } = env
    const workers = await createWorkers({ connection, namespace, agent, roles: { workflows, site: true, host: true }, bundle: await workflowBundle() })
    const stop = new AbortController()
    agents.set(host, { stop, done: runWorkers(workers, stop.signal) })
  }
  async function stopAgent(host: string): Promise<void> {
    agents.get(host)?.stop.abort()
    await agents.get(host)?.done
    agents.delete(host)
  }

  /** What users are served by. */
  async function openShop(): Promise<void> {
    shop = createServer((_request, response) => void response.end('welcome'))
    shop.listen(port, '127.0.0.1')
    await once(shop, 'listening')
  }
  async function closeShop(): Promise<void> {
    const open = shop
    shop = null
    if (!open) return
    open.closeAllConnections()
    await new Promise((resolve) => open.close(resolve))
  }

  /** The schedule that `muster apply` made runs once more. */
  async function look(): Promise<ProbeSystemResult> {
    const schedule = env.client.schedule.getHandle('muster/test/shop/probe-system')
    // A run beside others is given no result.
    await schedule.trigger(ScheduleOverlapPolicy.BUFFER_ALL)
    triggered += 1
    await waitFor('the run', async () => {
      const { info } = await schedule.describe()
      return info.recentActions.length >= triggered && info.runningActions.length === 0
    })
    // The next run is given the result of one that the schedule has seen the end of.
    await sleep(1000)
    const { info } = await schedule.describe()
    const last = info.recentActions.at(-1)?.action
    assert.ok(last)
    return (await env.client.workflow.getHandle(last.workflow.workflowId, last.workflow.firstExecutionRunId).result()) as ProbeSystemResult
  }
  const seen = ({ sightings }: ProbeSystemResult) => sightings.map(({ host, sees }) => `${host} ${sees}`)
  /** Told at the other site: that is where the looking is done from. */
  async function told(): Promise<readonly { readonly severity: string; readonly subject: string; readonly body: string }[]> {
    const text = await readFile(join(here.beta.home, 'notices.jsonl'), 'utf8').catch(() => '')
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { severity: string; subject: string; body: string })
  }

  it('is reachable from both while it answers', async () => {
    const result = await look()
    assert.deepEqual([result.verdict, seen(result), await told()], ['reachable', ['alpha up', 'beta up'], []])
  })

  it('is lost when it has stopped and both say so twice: people are told, the failover is planned, and nothing is started', async () => {
    await closeShop()
    const first = await look()
    assert.deepEqual([first.verdict, first.standing, await told()], ['lost', null, []])
    const second = await look()
    assert.deepEqual([second.standing, seen(second)], ['lost', ['alpha down', 'beta down']])
    const [alarm, prepared, ...more] = await told()
    assert.match(
      alarm?.subject ?? '',
      /^shop: shop cannot be reached from 2 of 2 vantage points since \S+Z: alpha does not reach it since .*refuses connections/,
    )
    assert.deepEqual([alarm?.severity, more], ['critical', []])
    assert.equal(prepared?.subject, 'a failover of shop to dr is prepared')
    assert.match(prepared?.body ?? '', /muster failover shop\n[^]*plan [0-9a-f]{12}[^]*from primary to dr/)
    assert.deepEqual(await readdir(here.base).then((names) => names.filter((name) => name.startsWith('uploads'))), ['uploads'])
    const running = await env.client.workflow.list({ query: "WorkflowType = 'failover'" })[Symbol.asyncIterator]().next()
    assert.ok(running.done, 'no failover was started')
    // Temporal's listing shows what a run notes a moment after it.
    await waitFor('the listing', async () => ((await newestProbe(env.client, 'shop'))?.preparedAt ?? null) !== null)
    assert.equal((await newestProbe(env.client, 'shop'))?.verdict, 'lost')
    assert.match(await status(), /probed +CANNOT BE REACHED: reached from 0 of 2[^]*beta does not reach it[^]*→ muster failover shop {3}prepared/)
  })

  it('says when it is over, and prepares nothing twice', async () => {
    const before = (await told()).length
    await look()
    await openShop()
    await look()
    assert.equal((await told()).length, before)
    assert.equal((await look()).standing, null)
    assert.deepEqual(
      (await told()).slice(before).map(({ subject }) => subject),
      ['shop can be reached'],
    )
  })

  it('is not lost where one vantage point alone is cut off: a warning says who sees what', async () => {
    const before = (await told()).length
    await stopAgent('beta')
    child = await startCutOff()
    const first = await look()
    assert.deepEqual([first.verdict, seen(first)], ['disputed', ['alpha up', 'beta down']])
    await look()
    const [warning, ...more] = (await told()).slice(before)
    assert.deepEqual([warning?.severity, more], ['warning', []])
    assert.match(
      warning?.subject ?? '',
      /vantage points disagree whether shop can be reached, 1 of 2 say no, 2 would be a loss: alpha reaches it .*beta does not reach it/,
    )
  })

  /** The agent of beta in a world in which the name of the shop leads to where nobody listens. */
  async function startCutOff(): Promise<ChildProcess> {
    const hosts = join(here.base, 'hosts-of-beta')
    await writeFile(hosts, '127.0.0.99 localhost\n')
    const user = process.geteuid?.() === 0 ? [] : ['--user', '--map-root-user']
    const settings = { ...settingsOf(here.beta), MUSTER_LOG: 'error' }
    const script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
    const started = spawn(
      'unshare',
      [...user, '--mount', 'sh', '-c', script, 'sh', hosts, process.execPath, ...muster, 'worker', '--host', 'beta', '--site', 'dr', '--site-queue'],
      {
        env: { ...process.env, ...settings },
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    )
    const queue = 'muster-host-beta-urgent'
    await waitFor(
      'the agent of beta',
      async () => {
        const { pollers } = await env.client.workflowService.describeTaskQueue({
          namespace: env.namespace ?? 'default',
          taskQueue: { name: queue },
          taskQueueType: 2,
        })
        return (pollers ?? []).some(({ identity }) => identity?.startsWith(`${started.pid}@`) ?? false)
      },
      60,
    )
    return started
  }

  const settingsOf = ({ home, keys, configFile }: Places) => ({
    MUSTER_HOME: home,
    MUSTER_KEYS: keys,
    MUSTER_CONFIG: configFile,
    TEMPORAL_ADDRESS: String(env.connection.options.address).replace('localhost', '127.0.0.1'),
  })

  /** It ends with 1: the shop is not well. */
  async function status(): Promise<string> {
    const asked = spawn(process.execPath, [...muster, 'status', 'shop'], {
      env: { ...process.env, ...settingsOf(here.alpha) },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    asked.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    await once(asked, 'close')
    assert.equal(asked.exitCode, 1)
    return text
  }
})

function yamlFor(base: string, port: number): string {
  return `
organisation: Test
sites: { primary: { hosts: [alpha] }, dr: { hosts: [beta] } }
stores: { offsite: { type: directory, path: ${base}/stores/offsite, hosts: [alpha, beta], site: dr, host: beta } }
encryption: { identity: "file:${base}/alpha/keys/identity.txt", restoreHosts: [alpha, beta] }
limits: { agent: 10s, heartbeat: 10s }
systems:
  shop:
    components: { uploads: { type: files, host: alpha, paths: [${base}/uploads] } }
    failover: { to: dr, components: { uploads: { paths: [${base}/uploads-there] } } }
    probes: { from: [alpha, beta], every: 24h, failures: 2, check: { http: "http://localhost:${port}/" } }
`
}
