import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { Evidence } from '../../domain/evidence.ts'
import { storeEvidence } from '../../repository/evidence.ts'
import { openDocument } from '../../repository/signed-document.ts'
import type { BackupSystemResult, RestoreResult } from '../../workflows/messages.ts'
import { createRig, type Rig, startTemporal, workflowBundle } from '../support/rig.ts'

describe('evidence on real parts', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let rig: Rig
  let runs = 0

  before(async () => {
    env = await startTemporal()
    rig = await createRig({ env, withShipper: false, prepare, yaml: yamlFor })
  })
  after(async () => {
    await rig?.stop()
    await env?.teardown()
  })

  const run = <T>(type: string, input: object, workflowId = `${type}/${runs++}`): Promise<T> =>
    env.client.workflow.execute(type, { taskQueue: 'muster', workflowId, args: [{ system: 'shop', requestedBy: 'alice', ...input }] }) as Promise<T>
  const fileOf = (store: string, key: string) => join(rig.base, 'stores', store, key)
  const read = async (store: string, key = ''): Promise<Evidence> =>
    openDocument<Evidence>(await rig.agent.verifier(rig.config), 'evidence', await readFile(fileOf(store, key)), store).value
  const hashOf = async (path: string) =>
    createHash('sha256')
      .update(`${(await readFile(path, 'utf8')).split('\n')[0]}\n`)
      .digest('hex')

  it('of a backup names the manifests as they lie in each store, the code, the programs and who worked', async () => {
    const { record, components } = await run<BackupSystemResult>('backupSystem', {})
    assert.deepEqual(record?.stores, ['local', 'nas'])
    const evidence = await read('nas', record?.key)
    const [made] = evidence.made
    for (const { store, manifestSha256 } of made?.stores ?? []) {
      assert.equal(manifestSha256, await hashOf(fileOf(store, `backups/shop/uploads/${components[0]?.backup}/manifest.json`)))
    }
    assert.equal(made?.stores.length, 2)
    assert.deepEqual(evidence.ran?.code, [(await workflowBundle()).hash])
    assert.match(evidence.ran?.tools['localhost']?.['tar'] ?? '', /GNU tar/)
    assert.ok(evidence.ran?.workers.every((worker) => worker.endsWith('(host localhost, site primary)')))
    const names = evidence.ran?.activities.map(({ name }) => name) ?? []
    assert.ok(names.includes('produceBackup') && names.includes('notifyPeople') && !names.includes('writeEvidence'), names.join())
    const sheet = await readFile(fileOf('local', record?.key.replace(/json$/, 'html') ?? ''), 'utf8')
    assert.ok(sheet.includes(record?.sha256 ?? '?') && sheet.includes(made?.backup ?? '?'))
  })

  it('of a restore names the manifest it came from and what was set aside, also where it was rolled back', async () => {
    const { record, plan, backup } = await run<RestoreResult>('restoreSystem', {}, 'target/shop')
    // It would still write into a store that is taken away later.
    await env.client.workflow.getHandle(backup ?? '').result()
    const evidence = await read('local', record?.key)
    const [one] = evidence.recovered
    assert.equal(one?.manifestSha256, await hashOf(fileOf('nas', `backups/shop/uploads/${one?.backup}/manifest.json`)))
    assert.equal(evidence.plan, plan.decisionHash)
    const key = `evidence/shop/decisions/${plan.decisionHash}.json`
    for (const store of ['local', 'nas']) {
      const text = await readFile(fileOf(store, key), 'utf8')
      assert.equal(createHash('sha256').update(text).digest('hex'), evidence.plan)
      assert.deepEqual(JSON.parse(text), plan.decision)
      assert.deepEqual(evidence.decision, { key, sizeBytes: text.length })
    }
    const sheet = await readFile(fileOf('nas', record?.key.replace(/json$/, 'html') ?? ''), 'utf8')
    for (const said of [key, plan.decision.steps.join(' → '), `${one?.backup} from ${one?.fromStore}`, join(rig.base, 'uploads')]) {
      assert.ok(sheet.includes(said), `${said} is not in the sheet`)
    }
    assert.ok((evidence.measured.rtoSeconds ?? 0) > 0)
    assert.deepEqual(evidence.objectives, { rtoSeconds: 600 })
    await writeFile(join(rig.base, 'broken'), '')
    await assert.rejects(run('restoreSystem', {}, 'target/shop'))
    await rm(join(rig.base, 'broken'))
    const kept = (await env.client.workflow.getHandle('target/shop').describe()).memo?.['evidence'] as { key: string }
    const back = await read('local', kept.key)
    assert.equal(back.outcome, 'rolled-back')
    assert.match(back.deviations[0] ?? '', /test failed with exit code 1/)
    assert.ok(back.ran?.activities.some(({ name, ended }) => name === 'runAfter' && ended !== 'completed'))
  })

  it('goes into the store that answers when the other is out', async () => {
    await rename(join(rig.base, 'stores', 'nas'), join(rig.base, 'stores', 'away'))
    try {
      const { record } = await run<RestoreResult>('restoreSystem', { into: { directory: join(rig.base, 'look') } }, 'aside/shop/localhost/look')
      assert.deepEqual(record?.stores, ['local'])
      assert.equal((await read('local', record?.key)).kind, 'elsewhere')
    } finally {
      await rename(join(rig.base, 'stores', 'away'), join(rig.base, 'stores', 'nas'))
    }
  })

  it('is not there where no store takes it: the restore succeeds all the same, and its run and people say so', async () => {
    const folders = ['local', 'nas'].map((store) => join(rig.base, 'stores', store, 'evidence'))
    for (const folder of folders) {
      await rename(folder, `${folder}.away`)
      await writeFile(folder, 'no directory')
    }
    try {
      const { outcome, record, backup } = await run<RestoreResult>('restoreSystem', {}, 'target/shop')
      assert.deepEqual([outcome, record], ['succeeded', null])
      await env.client.workflow.getHandle(backup ?? '').result()
      const kept = (await env.client.workflow.getHandle('target/shop').describe()).memo?.['evidence'] as { problem: string }
      assert.match(kept.problem, /^no store took it: local: .*; nas: /)
    } finally {
      for (const folder of folders) {
        await rm(folder)
        await rename(`${folder}.away`, folder)
      }
    }
  })

  describe('of a run of which there is one already', () => {
    const about = async () => {
      const verifier = await rig.agent.verifier(rig.config)
      const places = ['local', 'nas'].map((name) => ({ name, open: () => rig.agent.store(rig.config, name) }))
      return { places, signer: await rig.agent.signer(), verifier, secondsEach: 20 }
    }

    it('is that one: an attempt that died after the first store is finished with what it wrote', async () => {
      const { record } = await run<BackupSystemResult>('backupSystem', {})
      const key = record?.key ?? ''
      const first = await readFile(fileOf('local', key))
      for (const name of [key, key.replace(/json$/, 'html')]) await rm(fileOf('nas', name))
      const later: Evidence = { ...(await read('local', key)), deviations: ['what a second attempt would say'] }
      assert.deepEqual(await storeEvidence(await about(), later), { key, sha256: record?.sha256, stores: ['local', 'nas'], failed: [] })
      assert.deepEqual(await readFile(fileOf('nas', key)), first)
      assert.ok((await readFile(fileOf('nas', key.replace(/json$/, 'html')), 'utf8')).includes(record?.sha256 ?? '?'))
    })

    it('is not in a store that does not take the decision it names; where none does it is kept without, and says so', async () => {
      const { record, plan } = await run<RestoreResult>('restoreSystem', { into: { directory: join(rig.base, 'again') } }, 'aside/shop/localhost/again')
      const { decision: _, ...evidence } = await read('local', record?.key)
      const other = { ...evidence, run: { ...evidence.run, runId: `${evidence.run.runId.slice(0, -8)}01234567` } }
      const lost = [
        { ...other, plan: evidence.plan },
        { ...other, run: { ...other.run, runId: `${evidence.run.runId.slice(0, -8)}89abcdef` } },
      ] as const
      const key = `evidence/shop/decisions/${plan.decisionHash}.json`
      await rm(fileOf('nas', key))
      await writeFile(fileOf('nas', key), 'something else')
      const first = await storeEvidence(await about(), lost[0], plan.decision)
      assert.deepEqual([first.stores, first.failed.map(({ store }) => store)], [['local'], ['nas']])
      assert.equal((await read('local', first.key)).decision?.key, key)
      await rm(fileOf('local', key))
      await writeFile(fileOf('local', key), 'something else')
      const second = await storeEvidence(await about(), lost[1], plan.decision)
      assert.deepEqual([second.stores, second.failed], [['local', 'nas'], []])
      const kept = await read('nas', second.key)
      assert.equal(kept.decision, undefined)
      assert.match(
        kept.deviations.at(-1) ?? '',
        /^the text of the decision is only in the history: no store took it: local: .* is not the decision with this hash/,
      )
    })

    it('does not count as kept in a store where something else lies under its key', async () => {
      const { record } = await run<BackupSystemResult>('backupSystem', {})
      const key = record?.key ?? ''
      const evidence = await read('local', key)
      const edited = (await readFile(fileOf('nas', key), 'utf8')).replace('"requestedBy":"alice"', '"requestedBy":"mallo"')
      await rm(fileOf('nas', key))
      await writeFile(fileOf('nas', key), edited)
      const { stores, failed } = await storeEvidence(await about(), evidence)
      assert.deepEqual(stores, ['local'])
      assert.deepEqual(failed, [{ store: 'nas', problem: `another object lies under ${key}: muster audit verify` }])
      assert.equal(await readFile(fileOf('nas', key), 'utf8'), edited, 'nothing is ever rewritten')
    })
  })
})

async function prepare(base: string): Promise<void> {
  await mkdir(join(base, 'uploads'))
  await writeFile(join(base, 'uploads', 'logo.png'), 'first')
}

function yamlFor(base: string): string {
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/stores/local }
  nas: { type: directory, path: ${base}/stores/nas }
limits: { transfer: 8s, retry: 1s }
encryption: { identity: "file:${base}/keys/identity.txt" }
systems:
  shop:
    objectives: { rto: 10m }
    restore: { commitAfter: 0, approvals: { count: 0 } }
    components:
      uploads: { type: files, paths: [${base}/uploads], restore: { after: [[test, "!", -e, ${base}/broken]] } }
`
}
