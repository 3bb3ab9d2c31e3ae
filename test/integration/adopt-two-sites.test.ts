/** Another Temporal than the one that did the work, where there are two sites: nobody but a person decides that it counts. */
import assert from 'node:assert/strict'
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { noteStep, readNotes } from '../../activities/run-notes.ts'
import { loadSigner } from '../../adapters/crypto/signature.ts'
import { describeOrchestrator } from '../../clients/orchestrator.ts'
import type { BegunMark, ControlRecord } from '../../domain/repository-format.ts'
import { storeBegunMark } from '../../repository/begun-marks.ts'
import { readAppliedConfig } from '../../wiring/applied-config.ts'
import { localTrust } from '../../wiring/trust.ts'
import { appendRecord } from '../../repository/control-records.ts'
import { adoptingHere, writerHere } from '../../wiring/adoption.ts'
import { createAgent } from '../../wiring/agent.ts'
import { holdBack } from '../../wiring/hold-back.ts'
import { keyFiles } from '../../wiring/places.ts'
import type { SentBy } from '../../wiring/offline.ts'
import type { Places } from '../../wiring/places.ts'
import { registerSearchAttributes } from '../../workers/search-attributes.ts'
import { createWorkers, runWorkers } from '../../workers/worker.ts'
import { createInstallation, type Installation } from '../support/installation.ts'
import { createMusterUp } from '../support/muster-up.ts'
import { startTemporal, waitFor, workflowBundle } from '../support/rig.ts'

describe('a Temporal that does not know what was done, with two sites', function () {
  this.timeout(180_000)
  let installation: Installation
  let first: TestWorkflowEnvironment
  let other: TestWorkflowEnvironment
  let third: TestWorkflowEnvironment
  let fourth: TestWorkflowEnvironment
  let fifth: TestWorkflowEnvironment
  let sixth: TestWorkflowEnvironment

  before(async () => {
    installation = await createInstallation()
    const { base, alpha, beta } = installation
    await mkdir(join(base, 'uploads'))
    await writeFile(join(base, 'uploads', 'logo.txt'), 'first')
    ;[first, other, third, fourth, fifth, sixth] = await Promise.all([
      startTemporal(),
      startTemporal(),
      startTemporal(),
      startTemporal(),
      startTemporal(),
      startTemporal(),
    ])
    const agent = await createAgent({ places: alpha, host: 'alpha', site: 'primary', temporal: first.client })
    const workers = await createWorkers({
      connection: first.nativeConnection,
      namespace: 'default',
      agent,
      roles: { workflows: true, site: true, host: true },
      bundle: await workflowBundle(),
    })
    const stop = new AbortController()
    const done = runWorkers(workers, stop.signal)
    await installation.apply(yamlFor(base))
    for (const name of ['config', 'keys']) await cp(join(alpha.home, name), join(beta.home, name), { recursive: true })
    await first.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup/1', args: [{ system: 'shop' }], memo: { site: 'primary' } })
    stop.abort()
    await done
    for (const env of [other, third, fourth, fifth, sixth]) await registerSearchAttributes(env.nativeConnection, 'default')
  })
  after(async () => {
    await Promise.all([first, other, third, fourth, fifth, sixth].map((env) => env?.teardown()))
    await installation?.remove()
  })

  /** As a worker waits before it takes work. */
  async function worker(places: Places, host: string, env: TestWorkflowEnvironment, { decides = true, sentBy = null as SentBy | null } = {}) {
    const stop = new AbortController()
    const agent = await createAgent({ places, host, site: host === 'alpha' ? 'primary' : 'dr', temporal: env.client })
    const state = { released: false, error: null as unknown }
    const ended = holdBack({ places, agent, client: env.client, decides, sentBy, signal: stop.signal }).then(
      () => (state.released = !stop.signal.aborted),
      (error: unknown) => (state.error = error),
    )
    const isReleased = async () => {
      assert.equal(state.error, null)
      return state.released
    }
    return {
      isReleased,
      released: () => waitFor(`the worker of ${host} to take work`, isReleased),
      async stop() {
        stop.abort()
        await ended
      },
    }
  }

  const notices = async ({ home }: Places) => (await readFile(join(home, 'notices.jsonl'), 'utf8').catch(() => '')).split('workers are held back').length - 1
  const heldOn = async (places: Places, host = 'alpha') => readFile(join(places.home, 'hosts', host, 'held-back.json'), 'utf8').catch(() => null)
  const said = (at = new Date()): SentBy => ({ by: 'bob', at: at.toISOString() })

  /** A restore that was swapping when its Temporal was lost: nothing but its mark is left. */
  async function cutOff(runId: string): Promise<void> {
    const agent = await createAgent({ places: installation.alpha, host: 'alpha', site: 'primary', temporal: first.client })
    const { config } = await agent.config(null)
    const at = new Date().toISOString()
    const run = { workflowId: 'target/shop', runId }
    const about = { organisation: 'Test', system: 'shop', procedure: 'restoreSystem', run, startedAt: at }
    const mark: BegunMark = { format: 'muster-begun-1', ...about, host: 'alpha', step: 'swapIn', at }
    const store = { name: 'offsite', open: () => agent.store(config, 'offsite') }
    const signer = await loadSigner(join(installation.alpha.keys, keyFiles.host('alpha')))
    assert.deepEqual((await storeBegunMark([store], signer, mark, 10)).failed, [])
  }

  /** It comes to the decision that a person has to decide. */
  async function staysHeld(places: Places, host: string, env: TestWorkflowEnvironment, sentBy: SentBy | null): Promise<void> {
    await rm(join(places.home, 'hosts', host, 'held-back.json'), { force: true })
    const one = await worker(places, host, env, { sentBy })
    await waitFor('the hold', async () => (await heldOn(places, host)) !== null || (await one.isReleased()))
    assert.equal(await one.isReleased(), false)
    await one.stop()
  }

  async function adoptions(env: TestWorkflowEnvironment): Promise<readonly ControlRecord[]> {
    const { temporal } = await describeOrchestrator(env.client)
    const folder = join(installation.base, 'stores', 'offsite', 'records', `_temporal-${temporal}`)
    const names = await readdir(folder).catch(() => [] as string[])
    return Promise.all(names.map(async (name) => JSON.parse((await readFile(join(folder, name), 'utf8')).split('\n')[0] ?? '') as ControlRecord))
  }

  async function withoutStores<T>(act: () => Promise<T>): Promise<T> {
    const stores = join(installation.base, 'stores')
    await rename(stores, `${stores}-away`)
    try {
      return await act()
    } finally {
      await rename(`${stores}-away`, stores)
    }
  }

  it('is no matter where the Temporal is the one that did it', async () => {
    const one = await worker(installation.alpha, 'alpha', first)
    await one.released()
    assert.equal(await notices(installation.alpha), 0)
    assert.equal((await readNotes({ hostDirectory: join(installation.alpha.home, 'hosts', 'alpha') }))[0]?.workflowId, 'backup/1')
  })

  it('is seen by the notes of a host also while no store answers; where there are none, nothing is known and work goes on', async () => {
    await withoutStores(async () => {
      const noted = await worker(installation.alpha, 'alpha', other)
      await waitFor('the hold', async () => (await heldOn(installation.alpha)) !== null)
      assert.equal(await noted.isReleased(), false)
      await noted.stop()
      const unnoted = await worker(installation.beta, 'beta', other, { decides: false })
      await unnoted.released()
      const right = await worker(installation.alpha, 'alpha', first)
      await right.released()
    })
  })

  it('holds workers of both sites, tells people once, and lets them go on when a person adopts it', async () => {
    const told = await notices(installation.alpha)
    const here = await worker(installation.alpha, 'alpha', other)
    await waitFor('the hold', async () => (await heldOn(installation.alpha)) !== null)
    await here.stop()
    const [again, there] = [await worker(installation.alpha, 'alpha', other), await worker(installation.beta, 'beta', other, { decides: false })]
    await sleep(3000)
    assert.deepEqual([await again.isReleased(), await there.isReleased(), await adoptions(other)], [false, false, []])
    assert.deepEqual([(await notices(installation.alpha)) - told, await notices(installation.beta)], [1, 0])

    const adopting = await adoptingHere(installation.alpha, other.client)
    assert.deepEqual(
      adopting.standing.runs.map(({ workflowId, finding, todo }) => [workflowId, finding, todo]),
      [['backup/1', 'unknown', 'accept']],
    )
    assert.ok(adopting.schedules.every(({ change }) => change === 'create') && adopting.schedules.length > 1)
    await adopting.adopt({ by: 'alice', reason: 'a test', lookedAt: [] })
    await Promise.all([again.released(), there.released()])
    const [record] = await adoptions(other)
    assert.equal(record?.by, 'control')
    assert.ok(record.body.kind === 'adopted' && record.body.by === 'alice' && record.body.until <= record.at)
    assert.equal(await heldOn(installation.alpha), null)
    await (await worker(installation.alpha, 'alpha', other)).released()
    assert.equal((await adoptions(other)).length, 1)
  })

  it('is adopted where somebody has started it with --offline, by the key of that host; nobody has looked at a run that was cut off', async () => {
    await cutOff('11111111-0000-4000-8000-000000000001')
    const one = await worker(installation.beta, 'beta', third, { sentBy: said() })
    await one.released()
    const [record] = await adoptions(third)
    assert.ok(record?.body.kind === 'adopted')
    assert.deepEqual([record.by, record.body.by, record.body.reason], ['beta', 'host beta', 'bob started it with --offline'])
    assert.deepEqual(
      record.body.runs.map(({ workflowId, decided }) => [workflowId, decided]),
      [
        ['target/shop', 'accepted'],
        ['backup/1', 'accepted'],
      ],
    )
  })

  it('is adopted on a machine that was set up from a store and has done nothing yet', async () => {
    const opened = { format: 'muster-opened-1', at: new Date().toISOString(), store: 'offsite', host: 'beta', site: 'dr', configHash: '', number: 1 }
    await writeFile(join(installation.beta.home, 'opened.json'), JSON.stringify(opened))
    const one = await worker(installation.beta, 'beta', fourth)
    await one.released()
    const [record] = await adoptions(fourth)
    assert.ok(record?.body.kind === 'adopted')
    assert.equal(record.body.reason, 'this machine was set up from a store')
  })

  it('is held however it was started once: when it was adopted already, was worked for, or when another was lost since', async () => {
    await cutOff('22222222-0000-4000-8000-000000000002')
    await staysHeld(installation.beta, 'beta', third, said())
    await staysHeld(installation.beta, 'beta', fourth, null)
    await fifth.client.workflow.start('backupSystem', { taskQueue: 'muster', workflowId: 'backup/2', args: [{ system: 'shop' }] })
    await fifth.client.workflow.getHandle('backup/2').terminate()
    await waitFor('its listing', async () => (await fifth.client.workflow.count("ExecutionStatus != 'Running'")).count === 1)
    await staysHeld(installation.beta, 'beta', fifth, said())
    assert.deepEqual([(await adoptions(third)).length, (await adoptions(fourth)).length, (await adoptions(fifth)).length], [1, 1, 0])

    const words = said()
    const step = { workflowId: 'target/shop', runId: '33333333-0000-4000-8000-000000000003', procedure: 'failover', system: 'shop', activity: 'swapIn' }
    const scheduledAt = new Date(Date.parse(words.at) + 1000).toISOString()
    await noteStep({ hostDirectory: join(installation.beta.home, 'hosts', 'beta') }, { ...step, scheduledAt })
    await staysHeld(installation.beta, 'beta', sixth, words)
    await staysHeld(installation.beta, 'beta', sixth, null)
    assert.deepEqual(await adoptions(sixth), [])
  })

  it('is not judged by what a host under suspicion has signed since: that is told', async () => {
    const writer = await writerHere(
      installation.alpha,
      (await readAppliedConfig(installation.alpha, (await localTrust(installation.alpha)).verifier, null)).config,
    )
    const at = new Date().toISOString()
    await appendRecord(writer, 'shop', () => ({ kind: 'suspicion', run: 'target/shop:1', since: at, hosts: ['alpha'], notedAt: at }))
    await cutOff('44444444-0000-4000-8000-000000000004')
    const { standing } = await adoptingHere(installation.beta, sixth.client)
    assert.ok(
      standing.runs.some(({ runId }) => runId.startsWith('22222222')),
      'from before the moment',
    )
    assert.ok(!standing.runs.some(({ runId }) => runId.startsWith('44444444')))
    assert.match(
      standing.doubts.join('\n'),
      /^mark of restoreSystem of shop \(run 44444444-.*\) does not count: .* by the key of alpha, which is under suspicion since/,
    )
  })

  it('is told to who fails over --offline beside it, and starts nothing there', async () => {
    const up = await createMusterUp(installation.beta)
    await up.start()
    try {
      const { code, stdout, stderr } = await up.run('--json', 'failover', 'shop', '--offline', '--plan')
      assert.equal(code, 74, stdout + stderr)
      assert.match(stdout, /workers are held back since .*: this Temporal was lost or rolled back: it does not know a run that was changing a system/)
      assert.match(stdout, /nothing was started/)
      assert.equal((await up.client.workflow.count()).count, 0)
    } finally {
      await up.stop()
    }
  })
})

function yamlFor(base: string): string {
  return `
organisation: Test
sites: { primary: { hosts: [alpha] }, dr: { hosts: [beta] } }
stores:
  near: { type: directory, path: ${base}/stores/near, hosts: [alpha] }
  offsite: { type: directory, path: ${base}/stores/offsite, hosts: [alpha, beta], site: dr, host: beta }
encryption: { identity: "file:${base}/alpha/keys/identity.txt", restoreHosts: [alpha, beta] }
systems:
  shop:
    components:
      uploads: { type: files, host: alpha, paths: [${base}/uploads] }
    backups: [{ components: all, kind: full, every: "daily 02:00" }]
    failover: { to: dr, components: { uploads: { paths: [${base}/uploads-there] } } }
`
}
