import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { ReplayedRun } from '../../clients/audit-replay.ts'
import { type AuditFindings, verifyAudit } from '../../clients/audit-verify.ts'
import type { AuditedRun, AuditHead, AuditRecord } from '../../domain/audit.ts'
import type { Evidence } from '../../domain/evidence.ts'
import { failures } from '../../domain/failures.ts'
import { sha256Hex } from '../../repository/signed-document.ts'
import { saveReplayKit } from '../../wiring/replay-kits.ts'
import { createWorkers, runWorkers } from '../../workers/worker.ts'
import { changedBundle } from '../support/changed-bundle.ts'
import { createRig, type Rig, startTemporal, waitFor } from '../support/rig.ts'
import { untilPhase } from '../support/scripted-activities.ts'

interface Typed {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Listed {
  readonly heads: readonly AuditHead[]
  readonly runs: readonly AuditedRun[]
}

describe('muster audit on real parts', function () {
  this.timeout(180_000)
  let env: TestWorkflowEnvironment
  let rig: Rig
  let backup: AuditedRun
  let restore: AuditedRun
  let count = 0

  before(async () => {
    env = await startTemporal()
    rig = await createRig({ env, withShipper: false, prepare, yaml: yamlFor })
    await run('backupSystem', `backup/${count++}`)
    await archive(1)
    const handle = await env.client.workflow.start('restoreSystem', {
      taskQueue: 'muster',
      workflowId: 'target/shop',
      args: [{ system: 'shop', requestedBy: 'alice' }],
    })
    await untilPhase(handle, 'waiting for approval')
    const plan = (await handle.describe()).memo?.['plan']
    await handle.executeUpdate('approve', { args: [{ plan, person: 'bob', breakGlass: true, note: 'nobody else answers' }] })
    await handle.result()
    // The full backup that follows is archived with it.
    await archive(3)
    const { runs } = JSON.parse((await muster('audit', 'list', '--json')).stdout) as Listed
    backup = runs.find(({ workflowId }) => workflowId === 'backup/0') ?? assert.fail('no backup')
    restore = runs.find(({ procedure }) => procedure === 'restoreSystem') ?? assert.fail('no restore')
  })
  after(async () => {
    await rig?.stop()
    await env?.teardown()
  })

  const run = (type: string, workflowId: string) =>
    env.client.workflow.execute(type, { taskQueue: 'muster', workflowId, args: [{ system: 'shop', requestedBy: 'alice' }] })
  /** Once so many runs have closed and are listed. */
  async function archive(closed: number): Promise<void> {
    await waitFor(
      `${closed} closed runs`,
      async () => (await env.client.workflow.count("ExecutionStatus != 'Running' AND WorkflowType != 'archiveHistories'")).count >= closed,
    )
    await env.client.workflow.execute('archiveHistories', { taskQueue: 'muster', workflowId: `archive/${count++}`, args: [{}] })
  }

  /** Some moments after it has ended. */
  async function listedAsClosed(workflowId: string): Promise<void> {
    const query = `WorkflowId = '${workflowId}' AND ExecutionStatus != 'Running'`
    await waitFor(`${workflowId} in the list`, async () => (await env.client.workflow.count(query)).count > 0)
  }

  function muster(...words: readonly string[]): Promise<Typed> {
    return musterAs('alice', ...words)
  }

  function musterAs(user: string, ...words: readonly string[]): Promise<Typed> {
    const script = new URL('../../bin/muster.ts', import.meta.url).pathname
    const { configFile: MUSTER_CONFIG, home: MUSTER_HOME, keys: MUSTER_KEYS } = rig.places
    const child = spawn(process.execPath, ['--import', createRequire(import.meta.url).resolve('tsx'), script, ...words], {
      env: { ...process.env, TEMPORAL_ADDRESS: env.connection.options.address, MUSTER_CONFIG, MUSTER_HOME, MUSTER_KEYS, MUSTER_USER: user },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [out, err]: [string[], string[]] = [[], []]
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk.toString('utf8')))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk.toString('utf8')))
    return new Promise((resolve) => child.once('close', (exitCode) => resolve({ exitCode, stdout: out.join(''), stderr: err.join('') })))
  }

  const inStore = (store: string, ...parts: string[]) => join(rig.base, 'stores', store, ...parts)
  const pinFile = () => join(rig.places.home, 'hosts', 'localhost', 'audit', 'primary.json')

  /** Spoils the installation, looks, and makes it good again. */
  async function spoilt<T>(spoil: () => Promise<unknown>, look: () => Promise<T>): Promise<T> {
    const kept = await mkdtemp(join(tmpdir(), 'muster-audit-kept-'))
    await cp(inStore(''), join(kept, 'stores'), { recursive: true })
    await cp(pinFile(), join(kept, 'pin'))
    try {
      await spoil()
      return await look()
    } finally {
      await rm(inStore(''), { recursive: true })
      await rename(join(kept, 'stores'), inStore('')).catch(() => cp(join(kept, 'stores'), inStore(''), { recursive: true }))
      await cp(join(kept, 'pin'), pinFile())
      await rm(kept, { recursive: true, force: true })
    }
  }

  const edit = async (store: string, key: string, from: string | RegExp, to: string) => {
    const before = await readFile(inStore(store, key), 'latin1')
    const after = before.replace(from, to)
    assert.notEqual(after, before)
    await writeFile(inStore(store, key), after, 'latin1')
  }
  const flip = async (store: string, key: string) => {
    const bytes = await readFile(inStore(store, key))
    bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1
    await writeFile(inStore(store, key), bytes)
  }
  const record = (sequence: number) => `audit/primary/${String(sequence).padStart(8, '0')}.json`
  async function problemsOf(...words: string[]): Promise<readonly string[]> {
    const { exitCode, stdout, stderr } = await muster('audit', 'verify', '--json', ...words)
    const { problems } = JSON.parse(stdout) as AuditFindings
    assert.equal(exitCode, problems.length > 0 ? 1 : 0, stderr)
    return problems.map(({ kind, store, what }) => `${kind} in ${store ?? 'all'}: ${what}`)
  }

  it('lists what ended, newest first, with its evidence, and the newest record in the form that verify takes', async () => {
    const { stdout, exitCode } = await muster('audit', 'list')
    assert.equal(exitCode, 0)
    assert.match(stdout, /restoreSystem +shop +succeeded +[0-9a-f-]{36} {2}target\/shop\n +evidence\/shop\/.*-restoreSystem-/)
    const [, head] = /newest record: (primary:2:[0-9a-f]{64})/.exec(stdout) ?? []
    assert.ok(head, stdout)
    const older = JSON.parse((await muster('audit', 'list', '--json', '--since', restore.closedAt)).stdout) as Listed
    assert.ok(older.runs.length >= 1 && older.runs.every(({ closedAt }) => closedAt >= restore.closedAt))
    assert.deepEqual((JSON.parse((await muster('audit', 'list', '--json', '--system', 'none')).stdout) as Listed).runs, [])
  })

  it('verifies everything in every store, and says so', async () => {
    const { stdout, exitCode } = await muster('audit', 'verify')
    assert.equal(exitCode, 0, stdout)
    assert.match(stdout, /site primary {3}2 records, the newest of .*: 3 runs kept, 0 more found everything in order/)
    // Two records, three runs with history, evidence and sheet each, what was decided of one, and a kit.
    assert.match(stdout, /local +13 documents and objects are what was signed\n {2}nas +13 /)
    assert.match(stdout, /nothing was edited, is missing or was cut/)
  })

  describe('finds an edit', () => {
    it('of a record', async () => {
      const problems = await spoilt(
        () => edit('nas', record(1), '"outcome":"succeeded"', '"outcome":"failed"'),
        () => problemsOf(),
      )
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match(problems[0] ?? '', /^edited in nas: record 1 of site primary is not what was signed: the signature of the audit is not of this text/)
    })

    it('of evidence, of its sheet, of a history, of a kit: each by its key and store', async () => {
      const evidence = backup.evidence?.key ?? ''
      const history = backup.history?.key ?? ''
      const problems = await spoilt(
        async () => {
          await edit('nas', evidence, '"requestedBy":"alice"', '"requestedBy":"mallo"')
          await edit('local', evidence.replace(/json$/, 'html'), 'alice', 'mallo')
          await flip('nas', history)
          await flip('local', `kits/${backup.kit}/kit.json`)
        },
        () => problemsOf(),
      )
      assert.deepEqual(
        problems.map((text) => text.split(' is ')[0]).sort(),
        [
          `edited in local: ${evidence.replace(/json$/, 'html')}`,
          `edited in local: replay kit ${backup.kit?.slice(0, 12)}`,
          `edited in nas: ${evidence}`,
          `edited in nas: ${history}`,
        ].sort(),
      )
    })

    it('of evidence that was signed again by the host, for another text than was archived', async () => {
      const key = backup.evidence?.key ?? ''
      const problems = await spoilt(
        async () => {
          const text = (await readFile(inStore('nas', key), 'utf8')).split('\n')[0] ?? ''
          const { signDocument } = await import('../../repository/signed-document.ts')
          await writeFile(inStore('nas', key), signDocument(await rig.agent.signer(), 'evidence', { ...(JSON.parse(text) as object), requestedBy: 'mallory' }))
        },
        () => problemsOf(),
      )
      assert.deepEqual(problems, [`edited in nas: ${key} is not what was signed: it is another record than the one that was archived`])
    })
  })

  describe('finds a deletion', () => {
    it('of a record that others follow', async () => {
      const problems = await spoilt(
        () => rm(inStore('nas', record(1))),
        () => problemsOf(),
      )
      assert.deepEqual(problems, ['missing in nas: record 1 of site primary is missing: later ones are there'])
    })

    it('of evidence, a history and a file of a kit', async () => {
      const files = await readdir(inStore('nas', 'kits', backup.kit ?? '', 'objects'))
      const problems = await spoilt(
        async () => {
          await rm(inStore('nas', backup.evidence?.key ?? ''))
          await rm(inStore('nas', restore.history?.key ?? ''))
          await rm(inStore('nas', 'kits', backup.kit ?? '', 'objects', files[0] ?? ''))
        },
        () => problemsOf(),
      )
      assert.equal(problems.length, 3, problems.join('\n'))
      assert.ok(problems.includes(`missing in nas: ${backup.evidence?.key} is missing: an audit record names it`))
      assert.ok(problems.includes(`missing in nas: ${restore.history?.key} is missing: an audit record names it`))
      assert.ok(problems.some((text) => text.startsWith('missing in nas: replay kit ')))
    })
  })

  describe('looks at what was decided', () => {
    const decided = async () => {
      const text = (await readFile(inStore('nas', restore.evidence?.key ?? ''), 'utf8')).split('\n')[0] ?? ''
      return (JSON.parse(text) as Evidence).decision?.key ?? assert.fail('the evidence names no decision')
    }

    it('and finds that it was edited, or deleted', async () => {
      const key = await decided()
      const edited = await spoilt(
        () => edit('nas', key, '"requester":"alice"', '"requester":"mallo"'),
        () => problemsOf(),
      )
      assert.deepEqual(edited, [`edited in nas: ${key} is not what was signed: ${key} is not the decision with this hash [nas]`])
      const deleted = await spoilt(
        () => rm(inStore('local', key)),
        () => problemsOf(),
      )
      assert.deepEqual(deleted, [`missing in local: ${key} is missing: ${restore.evidence?.key} names it`])
    })

    it('and the next pass of the archive brings it, with all else, to a store that lost everything', async () => {
      const problems = await spoilt(
        async () => {
          for (const folder of ['audit', 'evidence', 'histories', 'kits']) await rm(inStore('nas', folder), { recursive: true })
          await archive(3)
          assert.ok((await readFile(inStore('nas', await decided()))).length > 0)
        },
        () => problemsOf(),
      )
      assert.deepEqual(problems, [])
    })
  })

  describe('finds a cut tail', () => {
    it('in one store, by the other', async () => {
      const problems = await spoilt(
        () => rm(inStore('nas', record(2))),
        () => problemsOf(),
      )
      assert.equal(problems.length, 1)
      assert.match(problems[0] ?? '', /^behind in nas: the chain of site primary ends at record 1, in local at 2: its end was cut, or the store was out/)
    })

    it('in one store from which everything was removed that is audited, by the other', async () => {
      const problems = await spoilt(
        async () => {
          for (const folder of ['audit', 'evidence', 'histories', 'kits']) await rm(inStore('nas', folder), { recursive: true })
        },
        () => problemsOf(),
      )
      assert.equal(problems.length, 1)
      assert.match(problems[0] ?? '', /^behind in nas: nothing is there of the chain of site primary, which ends at record 2 in local: it was removed/)
    })

    const cutEverywhere = async () => {
      for (const store of ['local', 'nas']) await rm(inStore(store, record(2)))
    }

    it('in all stores, by the host that wrote it', async () => {
      const problems = await spoilt(cutEverywhere, () => problemsOf())
      assert.ok(
        problems.some((text) => /^cut in all: the end of the chain of site primary was cut: host localhost, which wrote it, names record 2/.test(text)),
        problems.join('\n'),
      )
    })

    it('in all stores and on the host, by evidence that came later', async () => {
      const problems = await spoilt(
        async () => {
          await run('backupSystem', `backup/${count++}`)
          await cutEverywhere()
          await rm(pinFile())
        },
        () => problemsOf(),
      )
      assert.ok(
        problems.some((text) => /^cut in all: .* was cut: evidence\/shop\/.*-backupSystem-.*\.json in local names record 2/.test(text)),
        problems.join('\n'),
      )
    })

    it('where all of that is gone too, by the record that a person wrote down', async () => {
      const [head] = (JSON.parse((await muster('audit', 'list', '--json')).stdout) as Listed).heads
      const given = `primary:${head?.sequence}:${head?.sha256}`
      assert.deepEqual(await problemsOf('--head', given), [])
      const found = await spoilt(
        async () => {
          for (const store of ['local', 'nas']) {
            for (const folder of ['audit', 'evidence', 'histories', 'kits']) await rm(inStore(store, folder), { recursive: true })
          }
          await rm(pinFile())
        },
        async () => ({ without: await problemsOf(), with: await problemsOf('--head', given) }),
      )
      assert.deepEqual(found.without, [])
      assert.match(found.with[0] ?? '', /^cut in all: .* you, who wrote it down, names record 2 \([0-9a-f]{64}\), the newest in any store is none$/)
      const { exitCode, stderr } = await muster('audit', 'verify', '--head', 'primary:2')
      assert.deepEqual([exitCode, /--head takes SITE:NUMBER:SHA256/.test(stderr)], [failures.InvalidInput.exitCode, true])
    })

    it('and one that was grown again over the cut', async () => {
      const problems = await spoilt(
        async () => {
          await run('backupSystem', `backup/${count++}`)
          await cutEverywhere()
          await rm(pinFile())
          await archive(0)
        },
        () => problemsOf(),
      )
      assert.ok(
        problems.some((text) => /^replaced in all: record 2 of site primary was replaced: evidence\//.test(text)),
        problems.join('\n'),
      )
    })
  })

  it('says of a store that does not answer that nothing is said of it', async () => {
    const problems = await spoilt(
      () => rename(inStore('nas'), inStore('nas.away')),
      () => problemsOf(),
    )
    assert.match(problems[0] ?? '', /^unanswered in nas: it could not be read to its end, so nothing is said of it/)
  })

  describe('then', () => {
    it('replays a run with the code that decided it, and says that nothing has changed since', async () => {
      const { stdout, exitCode, stderr } = await muster('audit', 'replay', restore.runId.slice(0, 13))
      assert.equal(exitCode, 0, stdout + stderr)
      assert.match(stdout, /^restoreSystem of shop, target\/shop, ended .*: succeeded {3}\(record 2 of site primary\)$/m)
      assert.match(stdout, new RegExp(`✓ ${restore.history?.events} events replay: that code, given these answers, decides exactly this`))
      assert.match(stdout, /it is the code of today: nothing has changed since/)
      const unknown = await muster('audit', 'replay', 'target/none')
      assert.deepEqual([unknown.exitCode, /no audit record names a run "target\/none"/.test(unknown.stderr)], [failures.UnknownName.exitCode, true])
    })

    it('exports what an auditor without Muster proves with the commands that come along', async () => {
      const directory = join(rig.base, 'export')
      const { stdout, exitCode, stderr } = await muster('audit', 'export', directory, '--run', backup.runId)
      assert.equal(exitCode, 0, stderr)
      assert.match(stdout, /^1 runs of \d records in /)
      const readme = await readFile(join(directory, 'README.md'), 'utf8')
      const fingerprint = (await readFile(join(rig.places.keys, 'root.fingerprint'), 'utf8')).trim()
      const commands = (/```sh\n([^]*?)```/.exec(readme)?.[1] ?? assert.fail(readme)).replace('SHA256:…', fingerprint)
      const prove = () => runTool('/bin/sh', ['-c', `set -eu\n${commands}`], { cwd: directory, env: { PATH: '/usr/bin:/bin' } })
      await prove()
      for (const key of [backup.evidence?.key, backup.history?.key, `kits/${backup.kit}/kit.json`]) {
        assert.deepEqual(await readFile(join(directory, key ?? '')), await readFile(inStore('nas', key ?? '')))
      }
      assert.ok(!(await readdir(directory, { recursive: true })).includes(restore.evidence?.key ?? ''))
      const whole = join(rig.base, 'export-of-a-restore')
      await muster('audit', 'export', whole, '--run', restore.runId)
      const { decision, plan } = JSON.parse((await readFile(join(whole, restore.evidence?.key ?? ''), 'utf8')).split('\n')[0] ?? '') as Evidence
      assert.equal(sha256Hex(await readFile(join(whole, decision?.key ?? ''))), plan)
      await rm(join(directory, record(1)))
      await assert.rejects(prove(), /does not follow the one before|failed/)
      const again = await muster('audit', 'export', directory)
      assert.deepEqual([again.exitCode, /is not empty/.test(again.stderr)], [failures.TargetNotEmpty.exitCode, true])
    })

    it('lists a run whose glass was broken as due for review until somebody else has looked at it', async () => {
      const due = (await muster('status')).stdout
      assert.match(
        due,
        /! review due {2}target\/shop, (today|\d+ \w+) \d\d:\d\d.*: bob broke the glass: nobody else answers\n +→ muster audit review [0-9a-f-]{36} --note TEXT/,
      )
      const self = await musterAs('bob', 'audit', 'review', restore.runId, '--note', 'fine')
      assert.deepEqual([self.exitCode, /bob broke the glass: somebody else/.test(self.stderr)], [failures.ApprovalRejected.exitCode, true])
      const { exitCode, stderr } = await musterAs('carol', 'audit', 'review', restore.runId, '--note', 'the pager of the others was off')
      assert.equal(exitCode, 0, stderr)
      assert.doesNotMatch((await muster('status')).stdout, /review due/)
      const last = (await readdir(inStore('nas', 'records', 'shop'))).sort().at(-1) ?? ''
      const kept = JSON.parse((await readFile(inStore('nas', 'records', 'shop', last), 'utf8')).split('\n')[0] ?? '') as { body: Partial<AuditRecord> & object }
      assert.deepEqual(kept.body, { kind: 'review', workflowId: 'target/shop', run: restore.runId, by: 'carol', note: 'the pager of the others was off' })
    })

    it('finds evidence that no record names hours later: the archive does not run, or records are gone', async () => {
      const { stdout } = await muster('backup', 'shop', '--json')
      const { record: kept } = JSON.parse(stdout) as { record: { key: string } }
      const deps = {
        stores: ['local'],
        store: (name: string) => rig.agent.store(rig.config, name),
        verifier: await rig.agent.verifier(rig.config),
        expected: () => true,
        witnesses: [],
        onProgress: () => undefined,
      }
      const now = await verifyAudit({ ...deps, now: () => new Date() })
      const later = await verifyAudit({ ...deps, now: () => new Date(Date.now() + 4 * 3_600_000) })
      const of = ({ problems }: AuditFindings) => problems.filter(({ what }) => what.startsWith(kept.key)).map(({ kind }) => kind)
      assert.deepEqual([of(now), of(later)], [[], ['unnamed']])
    })

    it('replays a run whose workflow has changed since with its own code, and says how today differs', async () => {
      const line = "    notices.send('started', 'info', `backup of ${input.system} started`, '')\n"
      const code = await changedBundle('backup-system.ts', line, '')
      await rig.stopWorkers()
      await saveReplayKit(rig.places, { code })
      const workers = await createWorkers({
        connection: env.nativeConnection,
        namespace: env.namespace ?? 'default',
        agent: rig.agent,
        roles: { workflows: true, site: true, host: true },
        bundle: { code },
      })
      const stop = new AbortController()
      const done = runWorkers(workers, stop.signal)
      await run('backupSystem', 'backup/changed')
      stop.abort()
      await done
      await rig.startWorkers()
      await listedAsClosed('backup/changed')
      await archive(0)
      const { stdout, exitCode, stderr } = await muster('audit', 'replay', 'backup/changed')
      assert.equal(exitCode, 0, stdout + stderr)
      assert.match(stdout, /✓ \d+ events replay: that code[^]*! differs: the workflow has changed since: .*TMPRL1100/)
      // A run that the change does not touch still replays.
      const other = await muster('audit', 'replay', restore.runId, '--today', '--json')
      const { original, today } = JSON.parse(other.stdout) as ReplayedRun
      assert.deepEqual([other.exitCode, original, today?.replays], [0, null, true])
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
encryption: { identity: "file:${base}/keys/identity.txt" }
people: { alice: { role: operator }, bob: { role: operator }, carol: { role: operator } }
systems:
  shop:
    restore: { commitAfter: 0, approvals: { count: 2 } }
    components:
      uploads: { type: files, paths: [${base}/uploads] }
`
}
