import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { findLabelPrefix } from '../../adapters/process/find-processes.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { Evidence } from '../../domain/evidence.ts'
import { viewEvidence } from '../../repository/evidence-view.ts'
import { noCache } from '../../repository/document-cache.ts'
import type { DrillResult } from '../../workflows/messages.ts'
import { databaseConfig } from '../support/database-config.ts'
import { contentOf } from '../support/content-of.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { createRig, type Rig, startTemporal, workflowBundle } from '../support/rig.ts'

describe('a drill on real parts', function () {
  this.timeout(180_000)
  let env: TestWorkflowEnvironment
  let cluster: TestCluster
  let rig: Rig
  let runs = 0

  before(async () => {
    env = await startTemporal()
    cluster = await createCluster({ tablespace: true })
    await cluster.sql(
      'create table markers (n int primary key, at timestamptz default clock_timestamp()) tablespace side; grant select on markers to muster; insert into markers select generate_series(1, 10)',
    )
    rig = await createRig({ env, prepare, yaml: (base) => yamlFor(base, cluster) })
    await run('backupSystem', { system: 'shop' })
    await cluster.sql('insert into markers select generate_series(11, 20)')
    await run('archiveWal', { system: 'shop' })
  })

  after(async () => {
    await rig?.stop()
    await cluster?.destroy()
    await env?.teardown()
  })

  const run = <T>(type: string, input: object): Promise<T> =>
    env.client.workflow.execute(type, { taskQueue: 'muster', workflowId: `${type}/${runs++}`, args: [input] }) as Promise<T>

  async function prepare(base: string): Promise<void> {
    await mkdir(join(base, 'uploads'))
    await writeFile(join(base, 'uploads', 'logo.png'), 'first')
  }

  /** Everything in a store but its evidence, by content. */
  async function digest(store: string): Promise<string> {
    const folder = join(rig.base, 'stores', store)
    const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
    const hash = createHash('sha256')
    for (const name of names.sort().filter((one) => !one.startsWith(join(folder, 'evidence')))) hash.update(name).update(await readFile(name))
    return hash.digest('hex')
  }

  const leftovers = async () => readdir(join(rig.places.home, 'hosts', 'localhost', 'drills')).catch(() => [])

  for (const kind of ['restore', 'pitr'] as const) {
    it(`of kind ${kind} brings back data that passes its checks, and leaves the repository and the host as they were`, async () => {
      await rig.stopShipper()
      const before = await digest('local')
      const handle = await env.client.workflow.start('drill', {
        taskQueue: 'muster',
        workflowId: `drill/${runs++}`,
        args: [{ system: 'shop', kind, requestedBy: 'alice' }],
      })
      const namespaces = await watchQuarantine(handle.result())
      const { outcome, evidence } = (await handle.result()) as DrillResult
      assert.equal(outcome, 'succeeded', JSON.stringify(evidence))
      assert.equal(await digest('local'), before)
      assert.deepEqual(await leftovers(), [])
      assert.deepEqual(await findLabelPrefix(`muster:${handle.firstExecutionRunId}:`), [])
      const own = await readlink('/proc/self/ns/net')
      assert.ok(namespaces.size > 0 && !namespaces.has(own), `the copy ran in ${[...namespaces].join()}, this is ${own}`)
      const [check] = evidence.checks
      assert.ok(Number(check?.detail) >= (kind === 'restore' ? 20 : 10), JSON.stringify(evidence.checks))
      assert.equal(check?.atBackup, '10')
      assert.ok((evidence.measured.rtoSeconds ?? 0) > 0)
      assert.equal(evidence.measured.rpoSeconds === null, kind === 'pitr')
      assert.deepEqual(await cluster.sql('select count(*)::int as n from markers'), [{ n: 20 }])
      assert.equal(await readFile(join(rig.base, 'uploads', 'logo.png'), 'utf8'), 'first')
      await rig.startShipper()
    })
  }

  it('keeps out of a tablespace that was made after the backup, and replays what is in it', async () => {
    const place = await cluster.makeDirectory('young')
    await cluster.sql(`create tablespace young location '${place}'`)
    // Nobody but this test writes into it.
    await cluster.sql(
      'create table late (n int) with (autovacuum_enabled = off) tablespace young; grant select on late to muster; insert into late select generate_series(1, 1000)',
    )
    await run('archiveWal', { system: 'shop' })
    await rig.stopShipper()
    // What the drill replays is older than what is in service.
    await cluster.sql('update late set n = n + 1000')
    await cluster.sql('checkpoint')
    const before = await contentOf(place)
    if (process.geteuid?.() !== 0) {
      await assert.rejects(run('drill', { system: 'shop', drill: 'young' }), (error: Error) =>
        /made after the backup/.test(String((error.cause as Error).message)),
      )
      assert.deepEqual(await contentOf(place), before)
      return rig.startShipper()
    }
    const { outcome, evidence } = await run<DrillResult>('drill', { system: 'shop', drill: 'young' })
    assert.equal(outcome, 'succeeded', JSON.stringify(evidence))
    assert.ok(before.size > 0)
    assert.deepEqual(await contentOf(place), before)
    assert.deepEqual(await cluster.sql('select min(n) as n from late'), [{ n: 1001 }])
    assert.deepEqual(await leftovers(), [])
    await rig.startShipper()
  })

  it('of one component, and of a recovery point by chance', async () => {
    const tree = await run<DrillResult>('drill', { system: 'shop', kind: 'component', components: ['uploads'] })
    assert.deepEqual([tree.outcome, tree.evidence.recovered.length], ['succeeded', 1])
    const chance = await run<DrillResult>('drill', { system: 'shop', random: true })
    assert.equal(chance.outcome, 'succeeded')
    assert.equal(chance.evidence.target?.kind, 'backup')
    assert.deepEqual(await leftovers(), [])
  })

  it('is planned with the speeds of the drills before it, and a plan alone restores nothing and leaves nothing', async () => {
    const records = async () => (await readdir(join(rig.base, 'stores', 'local', 'evidence', 'shop'))).length
    const done = await run<DrillResult>('drill', { system: 'shop' })
    const took = Object.fromEntries(done.evidence.recovered.map((one) => [one.component, one.took]))
    for (const measure of [took['database']?.restored, took['database']?.walFetched, took['database']?.walReplayed, took['uploads']?.restored]) {
      assert.ok(measure && measure.bytes > 0 && measure.seconds > 0, JSON.stringify(took))
    }
    const before = await records()
    const { plan, record } = await run<DrillResult>('drill', { system: 'shop', planOnly: true })
    assert.deepEqual([record, await records(), await leftovers()], [null, before, []])
    // The store that reaches the newest moment is chosen, and which of the two that is changes with each shipment.
    assert.match(plan?.forecast.durationBasis ?? '', /^measured in [2-9] runs, newest \d{4}-\d\d-\d\d(; \w+ as on localhost from (local|nas))*$/)
    const { expected } = (await run<DrillResult>('drill', { system: 'shop' })).evidence
    assert.match(expected?.basis ?? '', /^measured in /)
    assert.ok((expected?.seconds ?? 0) > 0 && (expected?.measuredSeconds ?? 0) > 0, JSON.stringify(expected))
  })

  it('leaves evidence in each store that standard tools verify, and a sheet', async () => {
    const { record, evidence } = await run<DrillResult>('drill', { system: 'shop', requestedBy: '<b>mallory</b>' })
    assert.deepEqual(record?.stores, ['local', 'nas'])
    const file = join(rig.base, 'stores', 'nas', record?.key ?? '')
    const [text = '', ...signature] = (await readFile(file, 'utf8')).split('\n')
    const { ran, writer, auditHead, decision, ...rest } = JSON.parse(text) as Evidence
    assert.deepEqual(rest, { ...evidence, organisation: 'Test' })
    assert.deepEqual([writer.host, auditHead], ['localhost', null])
    const decided = await readFile(join(rig.base, 'stores', 'nas', decision?.key ?? ''))
    assert.equal(createHash('sha256').update(decided).digest('hex'), evidence.plan)
    assert.deepEqual(ran?.code, [(await workflowBundle()).hash])
    assert.ok(ran?.activities.some(({ name, worker, ended }) => name === 'promoteAside' && ended === 'completed' && worker?.includes('localhost')))
    assert.match(ran?.tools['localhost']?.['zstd'] ?? '', /Zstandard/)
    assert.equal(createHash('sha256').update(`${text}\n`).digest('hex'), record?.sha256)
    await writeFile(join(rig.base, 'sig'), signature.join('\n'))
    await writeFile(join(rig.base, 'allowed'), `localhost ${await readFile(join(rig.places.keys, 'host_localhost_ed25519.pub'), 'utf8')}`)
    const words = ['-Y', 'verify', '-f', join(rig.base, 'allowed'), '-I', 'localhost', '-n', 'muster-evidence', '-s', join(rig.base, 'sig')]
    await runTool('ssh-keygen', words, { stdin: `${text}\n` })
    const sheet = await readFile(file.replace(/json$/, 'html'), 'utf8')
    assert.ok(sheet.includes(record?.sha256 ?? '?') && sheet.includes('&#60;b&#62;mallory') && !sheet.includes('<b>mallory'))
    const verifier = await rig.agent.verifier(rig.config)
    const view = { stores: ['local'], store: (name: string) => rig.agent.store(rig.config, name), verifier, cache: noCache, timeoutSeconds: 20 }
    const { evidence: all, invalid } = await viewEvidence(view, 'shop', ['drill'])
    assert.deepEqual(invalid, [])
    assert.ok(all.some(({ run: { runId } }) => runId === evidence.run.runId))
  })

  it('runs the smoke command of a configured drill against the copies, and fails with its last words', async () => {
    const good = await run<DrillResult>('drill', { system: 'shop', drill: 'smoked' })
    assert.equal(good.outcome, 'succeeded')
    assert.ok(good.evidence.checks.some(({ name, ok }) => ok && name === 'smoke command of smoked'))
    assert.ok(good.evidence.checks.some(({ name }) => name === 'uploads against its index'))
    await assert.rejects(run('drill', { system: 'shop', drill: 'broken' }), (error: Error) => {
      assert.match(String((error.cause as Error).message), /smoke command \/bin\/sh ended with 3: the shop is closed/)
      return true
    })
    assert.deepEqual(await leftovers(), [])
  })

  it('is degraded where a check counts less than half of what it did when the backup was made, though it passes', async () => {
    await cluster.sql('delete from markers where n > 4')
    await run('archiveWal', { system: 'shop' })
    const { outcome, evidence } = await run<DrillResult>('drill', { system: 'shop' })
    assert.deepEqual([outcome, evidence.deviations], ['degraded', ['select count(*) from markers: 4, which is less than half of the 10 when it was backed up']])
    await cluster.sql('insert into markers select generate_series(5, 20)')
    await run('archiveWal', { system: 'shop' })
  })

  it('says that a check fails, and is cleaned up', async () => {
    await rig.reconfigure(yamlFor(rig.base, cluster).replace('min: 1', 'min: 1000'))
    await assert.rejects(run('drill', { system: 'shop' }), (error: Error) => {
      assert.match(String((error.cause as Error).message), /20 is less than 1000/)
      return true
    })
    assert.deepEqual(await leftovers(), [])
  })
})

/** Network namespaces of servers in quarantine, as long as the run goes on. */
async function watchQuarantine(ended: Promise<unknown>): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  let over = false
  void ended.then(
    () => (over = true),
    () => (over = true),
  )
  while (!over) {
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      if (line.startsWith('postgres: muster quarantine')) found.add(await readlink(`/proc/${pid}/ns/net`).catch(() => 'gone'))
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  found.delete('gone')
  return found
}

function yamlFor(base: string, cluster: TestCluster): string {
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/stores/local }
  nas: { type: directory, path: ${base}/stores/nas }
encryption: { identity: "file:${base}/keys/identity.txt" }
systems:
  shop:
    objectives: { rpo: 1h, rto: 10m }
    components:
      database:
        ${databaseConfig(cluster)}
        checks: [{ sql: "select count(*) from markers", min: 1 }]
      uploads: { type: files, paths: [${base}/uploads], follows: database }
    drills:
      - { kind: pitr, every: "weekly sunday 04:00" }
      - { name: smoked, every: "weekly sunday 05:00", smoke: [/bin/sh, -c, "test \\"$(psql -Atc 'select count(*) from markers')\\" = 20 && test -s \\"$MUSTER_DRILL_UPLOADS/logo.png\\" && ! ip -o link | grep -q 'state UP'"] }
      - { name: young, every: "weekly sunday 05:30", smoke: [/bin/sh, -c, "test \\"$(psql -Atc 'select min(n), max(n), count(*) from late')\\" = '1|1000|1000'"] }
      - { name: broken, every: "weekly sunday 06:00", smoke: [/bin/sh, -c, "echo the shop is closed >&2; exit 3"] }
`
}
