import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { runTool } from '../../adapters/process/run-tool.ts'
import { readPublicKey } from '../../adapters/crypto/signature.ts'
import { checkRepository } from '../../clients/repository-check.ts'
import { showPlan } from '../../clients/cli/restore-view.ts'
import type { Output } from '../../clients/cli/output.ts'
import type { Evidence } from '../../domain/evidence.ts'
import type { RestoreForecast } from '../../domain/forecast.ts'
import { noCache } from '../../repository/document-cache.ts'
import type { RestoreResult } from '../../workflows/messages.ts'
import { createRig, type Rig, startTemporal } from '../support/rig.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'

describe('the forecast of a plan', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let s3: S3Server
  let rig: Rig

  before(async () => {
    s3 = await startS3Server()
    await s3.createBucket('offsite')
    giveCredentials(s3)
    env = await startTemporal()
    rig = await createRig({ env, yaml: (base) => yamlFor(base, s3), prepare: prepareTree, withShipper: false })
    await env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup/1', args: [{ system: 'shop' }] })
  })

  after(async () => {
    await rig?.stop()
    await env?.teardown()
    await s3?.stop()
    for (const name of ['MUSTER_TEST_WRITE', 'MUSTER_TEST_READ']) delete process.env[name]
  })

  async function plan(more: object = {}): Promise<RestoreResult['plan']> {
    const workflowId = `plan/${Math.random()}`
    const args = [{ system: 'shop', planOnly: true, ...more }]
    return ((await env.client.workflow.execute('restoreSystem', { taskQueue: 'muster', workflowId, args })) as RestoreResult).plan
  }

  async function restoreInto(name: string): Promise<RestoreResult> {
    const args = [{ system: 'shop', components: ['uploads'], into: { directory: join(rig.base, name) } }]
    return (await env.client.workflow.execute('restoreSystem', { taskQueue: 'muster', workflowId: `aside/shop/localhost/${name}`, args })) as RestoreResult
  }

  async function evidenceOf({ record }: RestoreResult): Promise<Evidence> {
    const [text = ''] = (await readFile(stored(record?.key ?? ''), 'utf8')).split('\n')
    return JSON.parse(text) as Evidence
  }

  const stored = (key: string) => join(rig.base, 'stores', 'local', key)

  it('lies in each store, signed by the host; the plan names it by key and hash, and standard tools prove both', async () => {
    const { forecast, decisionHash, decision } = await plan()
    assert.deepEqual([...forecast.stores].sort(), ['local', 'offsite'])
    assert.match(forecast.key, /^forecasts\/shop\/\d{8}T\d{6}Z-[0-9a-f]{16}\.json$/)
    const document = await readFile(stored(forecast.key), 'utf8')
    const [text = '', ...signature] = document.split('\n')
    const folder = join(rig.base, 'by-hand')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'text'), `${text}\n`)
    await writeFile(join(folder, 'sig'), signature.join('\n'))
    await writeFile(join(folder, 'allowed'), `localhost ${await readPublicKey(join(rig.places.keys, 'host_localhost_ed25519.pub'))}\n`)
    const { stdout } = await runTool('sha256sum', [join(folder, 'text')])
    assert.equal(stdout.split(' ')[0], forecast.sha256)
    await runTool('sh', ['-c', `ssh-keygen -Y verify -f "$0/allowed" -I localhost -n muster-forecast -s "$0/sig" < "$0/text"`, folder])
    const whole = JSON.parse(text) as RestoreForecast
    assert.equal(whole.decision, decisionHash)
    assert.equal(whole.configHash, decision.configHash)
    const { key: _key, sha256: _sha256, stores: _stores, omitted, ...figures } = forecast
    assert.equal(omitted, 0)
    for (const [name, figure] of Object.entries(figures)) assert.deepEqual(whole[name as keyof RestoreForecast], figure, name)
  })

  it('is taken anew by each plan, and none is written over', async () => {
    const folder = stored('forecasts/shop')
    const before = await readdir(folder)
    const [first, second] = [await plan(), await plan()]
    assert.notEqual(first.forecast.key, second.forecast.key)
    assert.equal((await readdir(folder)).length, before.length + 2)
  })

  it('tells in seconds how old the tree is that comes back, when the newer files are lost', async () => {
    const kept = (await plan()).forecast.loss
    assert.deepEqual([kept.now, kept.nowSeconds], ['none known', 0])
    await rename(join(rig.base, 'uploads'), join(rig.base, 'uploads.away'))
    try {
      const { loss, recoveryPoint } = (await plan()).forecast
      assert.match(loss.now, /^uploads: files newer than /)
      const age = (Date.now() - Date.parse(recoveryPoint[0]?.at ?? '')) / 1000
      assert.ok(loss.nowSeconds !== null && loss.nowSeconds > 0 && loss.nowSeconds < age + 10, String(loss.nowSeconds))
      assert.equal(loss.afterTailSeconds, loss.nowSeconds)
    } finally {
      await rename(join(rig.base, 'uploads.away'), join(rig.base, 'uploads'))
    }
  })

  it('is left out where only reading is allowed and every other store is gone: the plan works and says so', async () => {
    await rename(join(rig.base, 'stores', 'local'), join(rig.base, 'stores', 'local.away'))
    delete process.env['MUSTER_TEST_WRITE']
    try {
      const { forecast, decision } = await plan()
      assert.equal(decision.components[0]?.fromStore, 'offsite')
      assert.deepEqual(forecast.stores, [])
      assert.match(forecast.sha256, /^[0-9a-f]{64}$/)
      assert.deepEqual(
        forecast.storesOut.map(({ store }) => store),
        ['local'],
      )
      assert.match(forecast.warnings[0] ?? '', /^the forecast is in no store, only in the history of this run: offsite: .*MUSTER_TEST_WRITE.*; local: /)
    } finally {
      giveCredentials(s3)
      await rename(join(rig.base, 'stores', 'local.away'), join(rig.base, 'stores', 'local'))
    }
  })

  it('assumes how long it takes until something was restored; the next plan goes by what that took, and evidence shows both', async () => {
    const into = (name: string) => ({ into: { directory: join(rig.base, name) } })
    const before = (await plan(into('never'))).forecast
    assert.match(before.durationBasis, /^assumed, never measured: nothing of this system was restored yet$/)
    const result = await restoreInto('look')
    const { expected, recovered, times } = await evidenceOf(result)
    assert.deepEqual([expected?.seconds, expected?.basis], [before.durationSeconds, before.durationBasis])
    assert.ok(expected?.measuredSeconds != null && expected.measuredSeconds > 0)
    assert.equal(recovered[0]?.took?.restored.bytes, 'first'.length)
    const after = (await plan(into('never'))).forecast
    assert.equal(after.durationBasis, `measured in 1 run, newest ${times.declaredAt.slice(0, 10)}`)
    assert.ok(Math.abs((after.durationSeconds ?? 0) - expected.measuredSeconds) < 0.2, `${after.durationSeconds} after ${expected.measuredSeconds}`)
    const sheet = await readFile(stored(result.record?.key.replace(/json$/, 'html') ?? ''), 'utf8')
    assert.ok(sheet.includes('worked for') && sheet.includes(before.durationBasis))
    const inPlace = (await plan()).forecast
    assert.match(inPlace.durationBasis, /^measured in 1 run, .*; the steps after restoring assumed$/)
    await rename(join(rig.base, 'stores', 'local'), join(rig.base, 'stores', 'local.away'))
    try {
      const out = (await plan(into('never'))).forecast
      assert.match(out.durationBasis, /^measured in 1 run, newest .*; uploads as on localhost from local$/)
    } finally {
      await rename(join(rig.base, 'stores', 'local.away'), join(rig.base, 'stores', 'local'))
    }
  })

  it('is what a person reads first in a plan', async () => {
    const lines: string[] = []
    const out: Output = {
      json: false,
      isTerminal: false,
      line: (text = '') => void lines.push(text),
      result: () => undefined,
      progress() {},
      progressDone() {},
      warn() {},
    }
    showPlan(out, await plan({ into: { directory: join(rig.base, 'never') } }), { type: 'restoreSystem', input: {}, site: 'primary', uiUrl: '', final: true })
    assert.match(lines.join('\n'), /What will be done {3}expected duration \d+(\.\d)? s \(measured in 1 run, newest \d{4}-\d\d-\d\d\)/)
  })

  it('is proven with the rest of a store, and an edited one is found', async () => {
    const { forecast } = await plan()
    const check = async () =>
      checkRepository(
        { config: rig.config, verifier: await rig.agent.verifier(rig.config), cache: noCache, onProgress: () => undefined },
        await rig.agent.store(rig.config, 'local'),
      )
    const whole = await check()
    assert.deepEqual(whole.problems, [])
    assert.ok(whole.forecasts >= 1)
    const path = stored(forecast.key)
    const document = await readFile(path, 'utf8')
    await rm(path)
    await writeFile(path, document.replace('"durationSeconds":', '"durationSeconds":1'))
    const edited = await check()
    assert.deepEqual(
      edited.problems.map(({ key }) => key),
      [forecast.key],
    )
    assert.equal(edited.forecasts, whole.forecasts - 1)
  })
})

function giveCredentials({ accessKeyId, secretAccessKey }: S3Server): void {
  for (const name of ['MUSTER_TEST_WRITE', 'MUSTER_TEST_READ']) process.env[name] = `${accessKeyId}:${secretAccessKey}`
}

async function prepareTree(base: string): Promise<void> {
  await mkdir(join(base, 'uploads'), { mode: 0o755 })
  await writeFile(join(base, 'uploads', 'logo.png'), 'first')
}

function yamlFor(base: string, { endpoint, region }: S3Server): string {
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/stores/local }
  offsite: { type: s3, bucket: offsite, endpoint: "${endpoint}", region: ${region}, credentials: { write: "env:MUSTER_TEST_WRITE", read: "env:MUSTER_TEST_READ" } }
encryption: { identity: "file:${base}/keys/identity.txt" }
limits: { retry: 1s, copy: 20s, control: 30s, transfer: 30s }
systems:
  shop:
    components:
      uploads: { type: files, paths: [${base}/uploads] }
`
}
