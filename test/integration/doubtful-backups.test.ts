/** A host is under suspicion: people see which backups do not count and why, and its word fences nothing. */
import assert from 'node:assert/strict'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { scopeMove } from '../../activities/site/scope-move.ts'
import type { Work } from '../../activities/boundary.ts'
import { appendRecord } from '../../repository/control-records.ts'
import { writerHere } from '../../wiring/adoption.ts'
import { createAgent } from '../../wiring/agent.ts'
import { createWorkers, runWorkers } from '../../workers/worker.ts'
import type { BackupSystemResult } from '../../workflows/messages.ts'
import { failsWith } from '../support/fails-with.ts'
import { createInstallation, type Installation } from '../support/installation.ts'
import { startTemporal, workflowBundle } from '../support/rig.ts'
import { type Muster, typedMuster } from '../support/typed-muster.ts'

const suspecting = 'target/shop:0f0e0d0c-0000-4000-8000-0000000000cc'
const why = new RegExp(`does not count: it was signed at .* by the key of alpha, which is under suspicion since .*${suspecting} noted it`)
const lift = `muster scenario security-breach shop --lift ${suspecting} --reason TEXT`

describe('a backup by a host under suspicion', function () {
  this.timeout(120_000)
  let installation: Installation
  let env: TestWorkflowEnvironment
  let muster: Muster
  let before1: string
  let after1: string

  before(async () => {
    installation = await createInstallation()
    const { base, alpha, beta } = installation
    await mkdir(join(base, 'uploads'))
    env = await startTemporal()
    const agent = await createAgent({ places: alpha, host: 'alpha', site: 'primary', temporal: env.client })
    const roles = { workflows: true, site: true, host: true }
    const workers = await createWorkers({ connection: env.nativeConnection, namespace: 'default', agent, roles, bundle: await workflowBundle() })
    const stop = new AbortController()
    const done = runWorkers(workers, stop.signal)
    await installation.apply(yamlFor(base))
    for (const name of ['config', 'keys']) await cp(join(alpha.home, name), join(beta.home, name), { recursive: true })
    const backUp = async (name: string) => {
      await writeFile(join(base, 'uploads', `${name}.txt`), name)
      const run = { taskQueue: 'muster', workflowId: `backup/${name}`, args: [{ system: 'shop' }], memo: { site: 'primary' } }
      const { components } = (await env.client.workflow.execute('backupSystem', run)) as BackupSystemResult
      return components[0]?.backup ?? assert.fail('nothing was backed up')
    }
    before1 = await backUp('first')
    const { whole } = await agent.config(null)
    const since = new Date().toISOString()
    await appendRecord(await writerHere(alpha, whole), 'shop', () => ({ kind: 'suspicion', run: suspecting, since, hosts: ['alpha'], notedAt: since }))
    after1 = await backUp('second')
    stop.abort()
    await done
    muster = typedMuster(alpha, env.client)
  })
  after(async () => {
    muster?.stop()
    await env?.teardown()
    await installation?.remove()
  })

  const listed = async (...words: string[]) =>
    JSON.parse(await muster.good('--json', 'ls', 'shop', 'uploads', ...words)) as { backup: string; doubtful: { backup: string; why: string; lift: string }[] }

  it('is passed over by ls, which says so; asked for by name it is shown with the reason', async () => {
    const newest = await listed()
    assert.equal(newest.backup, before1)
    assert.deepEqual(
      newest.doubtful.map((one) => [one.backup, one.lift]),
      [[after1, lift]],
    )
    assert.match(newest.doubtful[0]?.why ?? '', why)
    assert.equal((await listed('--backup', after1)).doubtful[0]?.backup, after1)
    assert.deepEqual((await listed('--backup', before1)).doubtful, [])
    const { stderr } = await muster.run('ls', 'shop', 'uploads')
    assert.match(stderr, why)
    assert.ok(stderr.includes(lift), stderr)
  })

  it('is marked by repository check, which finds nothing else wrong, and by doctor', async () => {
    const checked = await muster.good('repository', 'check', 'offsite')
    assert.match(checked, why)
    assert.ok(checked.includes(lift) && checked.includes(after1) && !checked.includes('✗'), checked)
    const { stdout } = await muster.run('doctor')
    assert.match(stdout, why)
    assert.ok(stdout.includes(lift) && !stdout.includes('cannot be believed'), stdout)
  })

  it('has an agent whose word fences no failover, and is left by no planned move', async () => {
    const agent = await createAgent({ places: installation.beta, host: 'beta', site: 'dr', temporal: env.client })
    const scope = await scopeMove(agent)({ system: 'shop', procedure: 'failover', configHash: null }, {} as Work)
    assert.deepEqual(scope.fence, ['people'])
    assert.match(scope.warnings?.join('\n') ?? '', /^alpha under suspicion since .*: that the old side is stopped is not taken from agents there/)
    assert.ok(scope.warnings?.[0]?.includes(lift))
    const planned = scopeMove(agent)({ system: 'shop', procedure: 'switchover', configHash: null }, {} as Work)
    await assert.rejects(planned, failsWith('PreconditionFailed', /a switchover takes the word of the agents it leaves; alpha under suspicion/))
  })

  it('counts again when the suspicion is lifted', async () => {
    await muster.good(...lift.split(' ').slice(1, -1), 'nobody was there')
    assert.deepEqual([(await listed()).backup, (await listed()).doubtful], [after1, []])
    const agent = await createAgent({ places: installation.beta, host: 'beta', site: 'dr', temporal: env.client })
    const scope = await scopeMove(agent)({ system: 'shop', procedure: 'failover', configHash: null }, {} as Work)
    assert.deepEqual([scope.fence, scope.warnings], [['agents', 'people'], undefined])
  })
})

function yamlFor(base: string): string {
  return `
organisation: Test
sites: { primary: { hosts: [alpha] }, dr: { hosts: [beta] } }
stores:
  offsite: { type: directory, path: ${base}/stores/offsite, hosts: [alpha, beta], site: dr, host: beta }
encryption: { identity: "file:${base}/alpha/keys/identity.txt", restoreHosts: [alpha, beta] }
systems:
  shop:
    components:
      uploads: { type: files, host: alpha, paths: [${base}/uploads] }
    failover: { to: dr, components: { uploads: { paths: [${base}/uploads-there] } } }
`
}
