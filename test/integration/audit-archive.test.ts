import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { AuditRecord, ReplayKit } from '../../domain/audit.ts'
import type { Evidence } from '../../domain/evidence.ts'
import { signDocument } from '../../repository/signed-document.ts'
import type { ArchiveHistoriesResult, BackupSystemResult } from '../../workflows/messages.ts'
import { createRig, type Rig, startTemporal, waitFor, workflowBundle } from '../support/rig.ts'

describe('the archive of histories on real parts', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let rig: Rig
  let runs = 0

  beforeEach(async () => {
    env = await startTemporal()
    rig = await createRig({ env, withShipper: false, prepare, yaml: yamlFor })
  })
  afterEach(async () => {
    await rig?.stop()
    await env?.teardown()
  })

  const run = <T>(type: string, input: object = {}): Promise<T> =>
    env.client.workflow.execute(type, { taskQueue: 'muster', workflowId: `${type}/${runs++}`, args: [input] }) as Promise<T>
  const backUp = () => run<BackupSystemResult>('backupSystem', { system: 'shop', requestedBy: 'alice' })
  const archive = () => run<ArchiveHistoriesResult>('archiveHistories')
  const inStore = (store: string, ...parts: string[]) => join(rig.base, 'stores', store, ...parts)
  const recordOf = async (store: string, sequence: number): Promise<AuditRecord> =>
    JSON.parse((await readFile(inStore(store, 'audit', 'primary', `${String(sequence).padStart(8, '0')}.json`), 'utf8')).split('\n')[0] ?? '') as AuditRecord
  const numbersIn = (store: string) => readdir(inStore(store, 'audit', 'primary')).catch(() => [])
  /** The server lists a moment later that a run has closed; until then it is listed as running. */
  const listed = (count = 1) =>
    waitFor(`${count} closed runs to be listed`, async () => {
      const query = "WorkflowType = 'backupSystem' AND ExecutionStatus != 'Running'"
      return (await env.client.workflow.count(query)).count === count
    })

  async function without<T>(store: string, act: () => Promise<T>): Promise<T> {
    await rename(inStore(store), inStore(`${store}.away`))
    try {
      return await act()
    } finally {
      await rename(inStore(`${store}.away`), inStore(store))
    }
  }

  it('keeps history, evidence and kit of each run in each store, names them in a record, and keeps nothing twice', async () => {
    const { record } = await backUp()
    await assert.rejects(run('backupSystem', { system: 'shop', kind: 'weekly' }))
    await listed(2)
    const first = await archive()
    assert.deepEqual([first.outcome, first.archived, first.records, first.head?.sequence], ['succeeded', 2, 1, 1])
    for (const store of ['local', 'nas']) {
      const audit = await recordOf(store, 1)
      assert.deepEqual([audit.site, audit.sequence, audit.previous, audit.by], ['primary', 1, '0'.repeat(64), 'localhost'])
      assert.equal(Date.parse(audit.keepUntil) - Date.parse(audit.at) > 6.9 * 365 * 86_400_000, true)
      const good = audit.runs.find(({ status }) => status === 'completed')
      const bad = audit.runs.find(({ status }) => status === 'failed')
      assert.deepEqual([good?.system, good?.outcome, good?.evidence?.key], ['shop', 'succeeded', record?.key])
      assert.deepEqual([bad?.system, bad?.evidence, bad?.outcome], [null, null, null])
      for (const one of audit.runs) {
        const bytes = await readFile(inStore(store, one.history?.key ?? ''))
        assert.equal(createHash('sha256').update(bytes).digest('hex'), one.history?.sha256)
        const { events } = JSON.parse(gunzipSync(bytes).toString('utf8')) as { events: unknown[] }
        assert.equal(events.length, one.history?.events)
        assert.deepEqual([one.kit, one.sdk], [(await workflowBundle()).hash, '1.24.0'])
      }
      const kit = JSON.parse((await readFile(inStore(store, 'kits', good?.kit ?? '', 'kit.json'), 'utf8')).split('\n')[0] ?? '') as ReplayKit
      assert.deepEqual(
        kit.files.map(({ name }) => name),
        ['workflow-bundle.js', 'package.json', 'package-lock.json'],
      )
      const [bundle] = kit.files
      const code = gunzipSync(await readFile(inStore(store, bundle?.key ?? '')))
      assert.equal(createHash('sha256').update(code).digest('hex'), kit.code)
      assert.deepEqual([kit.sdk, kit.node], ['1.24.0', process.versions.node])
    }
    const again = await archive()
    assert.deepEqual([again.archived, again.records, again.head], [0, 0, first.head])
    // Evidence that is written now names the newest record.
    const { record: later } = await backUp()
    const evidence = JSON.parse((await readFile(inStore('nas', later?.key ?? ''), 'utf8')).split('\n')[0] ?? '') as Evidence
    assert.deepEqual(evidence.auditHead, first.head)
    await listed(3)
    const third = await archive()
    assert.deepEqual([third.archived, third.head?.sequence], [1, 2])
    assert.equal((await recordOf('local', 2)).previous, first.head?.sha256)
  })

  it('gives a store that was out everything that the records name, in their order, and then the records', async () => {
    await backUp()
    await listed()
    const first = await without('nas', archive)
    assert.deepEqual([first.outcome, first.behind.map(({ store }) => store)], ['degraded', ['nas']])
    assert.deepEqual(await numbersIn('nas'), [])
    const second = await archive()
    assert.deepEqual([second.outcome, second.records, second.behind], ['succeeded', 0, []])
    assert.deepEqual(await numbersIn('nas'), ['00000001.json'])
    const [one] = (await recordOf('nas', 1)).runs
    assert.ok(one?.history && one.evidence && one.kit)
    for (const key of [one.history.key, one.evidence.key, one.evidence.key.replace(/json$/, 'html'), `kits/${one.kit}/kit.json`]) {
      assert.deepEqual(await readFile(inStore('nas', key)), await readFile(inStore('local', key)), key)
    }
  })

  it('waits for evidence that only a store which is out has, and names it when that is back', async () => {
    const { record } = await backUp()
    await rm(inStore('local', 'evidence'), { recursive: true })
    await listed()
    assert.equal((await without('nas', archive)).archived, 0)
    assert.equal((await archive()).archived, 1)
    assert.equal((await recordOf('local', 1)).runs[0]?.evidence?.key, record?.key)
    assert.deepEqual(await readFile(inStore('local', record?.key ?? '')), await readFile(inStore('nas', record?.key ?? '')))
  })

  it('waits for the store with the newest record rather than fork the chain, and goes on in the other meanwhile where that has it too', async () => {
    await backUp()
    await listed()
    await without('local', archive)
    await assert.rejects(without('nas', archive), (error: Error) => {
      assert.match(String((error.cause as Error).message), /record 1 of the audit chain of site "primary" is in no store that answers/)
      return true
    })
    assert.equal((await archive()).outcome, 'succeeded')
    assert.deepEqual(await numbersIn('local'), ['00000001.json'])
  })

  it('says in the next record, and to people, when records are gone: put back where another store has them, cut where none has', async () => {
    await backUp()
    await listed()
    const { head } = await archive()
    await rm(inStore('nas', 'audit'), { recursive: true })
    const one = await archive()
    assert.deepEqual([one.outcome, one.remarks], ['degraded', ['store "nas" had lost its records 1 to 1; they were put back from another store']])
    assert.equal((await recordOf('nas', 2)).previous, head?.sha256)
    for (const store of ['local', 'nas']) await rm(inStore(store, 'audit'), { recursive: true })
    const two = await archive()
    assert.match(two.remarks[0] ?? '', /^the chain was cut: record 2 \([0-9a-f]{64}\), which this host had seen, is in no store any more; the newest was 0$/)
    // What was cut is archived again as long as Temporal has it.
    assert.deepEqual([two.archived, (await recordOf('local', 1)).remarks], [1, two.remarks])
    const notices = await readFile(join(rig.places.home, 'notices.jsonl'), 'utf8')
    assert.match(notices, /the audit chain of site primary is not as it was left/)
    assert.equal((await archive()).outcome, 'succeeded')
  })

  it('goes on after an edited record as the chain really was, so that the edit stays visible', async () => {
    await backUp()
    await listed()
    const { head } = await archive()
    for (const store of ['local', 'nas']) {
      const file = inStore(store, 'audit', 'primary', '00000001.json')
      await writeFile(file, (await readFile(file, 'utf8')).replace('"outcome":"succeeded"', '"outcome":"failed"'))
    }
    const next = await archive()
    assert.match(next.remarks[0] ?? '', /^record 1 cannot be believed: the signature of the audit is not of this text/)
    assert.equal((await recordOf('local', 2)).previous, head?.sha256)
  })

  it('says that a store has another signed record of a run than the first, and which', async () => {
    const { record } = await backUp()
    await listed()
    const key = record?.key ?? ''
    const text = (await readFile(inStore('nas', key), 'utf8')).split('\n')[0] ?? ''
    await rm(inStore('nas', key))
    await writeFile(inStore('nas', key), signDocument(await rig.agent.signer(), 'evidence', { ...(JSON.parse(text) as object), requestedBy: 'mallory' }))
    const { remarks } = await archive()
    assert.deepEqual(remarks, [`there are two records of one run, each signed: ${key} in "nas" is another one`])
    assert.equal((await recordOf('nas', 1)).runs[0]?.evidence?.sha256, record?.sha256)
  })

  it('takes no name of a run for a part of a path', async () => {
    await env.client.workflow
      .execute('backupSystem', { taskQueue: 'muster', workflowId: '../../etc/../passwd', args: [{ system: '../../../etc' }], memo: { site: '../..' } })
      .catch(() => undefined)
    await env.client.workflow
      .execute('backupSystem', {
        taskQueue: 'muster',
        workflowId: 'hostile',
        args: [{}],
        searchAttributes: { MusterSystem: ['../../../../tmp/x'] },
      })
      .catch(() => undefined)
    await listed(2)
    const { archived } = await archive()
    // The one that names another site is left to that site for a day.
    assert.equal(archived, 1)
    const [one] = (await recordOf('local', 1)).runs
    assert.deepEqual([one?.workflowId, one?.system], ['hostile', null])
    assert.match(one?.history?.key ?? '', /^histories\/_installation\/\d{8}T\d{6}Z-backupSystem-[0-9a-f]{8}-[0-9a-f]{16}\.json\.gz$/)
  })

  it('is proven by hand, with the commands of docs/repository-format.md', async () => {
    await backUp()
    await listed()
    await archive()
    const page = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'repository-format.md'), 'utf8')
    const blockOf = (name: string) => new RegExp(`<!-- by-hand: ${name} -->\\n\`\`\`sh\\n([^]*?)\`\`\``).exec(page)?.[1] ?? assert.fail(name)
    const room = await mkdtemp(join(tmpdir(), 'muster-audit-by-hand-'))
    try {
      const env_ = {
        PATH: '/usr/bin:/bin',
        STORE: inStore('nas'),
        RECORD: 'audit/primary/00000001.json',
        ROOT_FINGERPRINT: (await readFile(join(rig.places.keys, 'root.fingerprint'), 'utf8')).trim(),
      }
      const prove = () => runTool('/bin/sh', ['-c', `set -eu\n${blockOf('keys')}\n${blockOf('audit')}`], { cwd: room, env: env_ })
      await prove()
      const key = (await recordOf('nas', 1)).runs[0]?.evidence?.key ?? ''
      await writeFile(inStore('nas', key), (await readFile(inStore('nas', key), 'utf8')).replace('alice', 'mallo'))
      await assert.rejects(prove())
    } finally {
      await rm(room, { recursive: true, force: true })
    }
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
encryption: { identity: "file:${base}/keys/identity.txt" }
systems:
  shop:
    components:
      uploads: { type: files, paths: [${base}/uploads] }
`
}
