/** Temporal is lost, or put back to an earlier state, while runs go on: nothing that was done is done again. */
import assert from 'node:assert/strict'
import { chmod, copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Status } from '../../clients/cli/status.ts'
import type { AdoptionReport } from '../../clients/cli/adopt.ts'
import { makeKeys } from '../../wiring/keys.ts'
import type { Places } from '../../wiring/places.ts'
import type { RestoreResult } from '../../workflows/messages.ts'
import { createMusterUp, type MusterUp } from '../support/muster-up.ts'
import { createCluster, serverUser, type TestCluster } from '../support/postgres-cluster.ts'
import { waitFor } from '../support/rig.ts'

const databaseFiles = ['temporal.db', 'temporal.db-wal', 'temporal.db-shm'] as const

describe('a Temporal that was lost or rolled back', function () {
  this.timeout(180_000)
  let base: string
  let places: Places
  let cluster: TestCluster
  let up: MusterUp

  before(async () => {
    cluster = await createCluster()
    await cluster.sql('create table markers (n int primary key); grant select on markers to muster; insert into markers values (1)')
    base = await mkdtemp(join(tmpdir(), 'muster-adopt-'))
    await chmod(base, 0o755)
    places = { configFile: join(base, 'muster.yaml'), home: join(base, 'home'), keys: join(base, 'keys') }
    await makeKeys(places, 'localhost')
    await writeService(base)
    const [recipient = ''] = (await readFile(join(base, 'keys', 'recipients.txt'), 'utf8')).split('\n').filter((line) => line.startsWith('age1'))
    await writeFile(places.configFile, yamlFor(base, cluster, recipient))
    up = await createMusterUp(places)
    await up.start()
    await waitFor('the worker', () => up.isServed(), 60)
    await up.json('backup', 'shop')
  })
  after(async () => {
    await up?.stop('SIGKILL')
    await cluster?.destroy()
    await rm(base, { recursive: true, force: true })
  })

  const markers = async () => (await cluster.sql<{ n: number }>('select n from markers order by n')).map(({ n }) => n)
  const saved = (name: string) => join(base, `saved-${name}`)
  const gate = () => join(base, 'gate')
  const notices = () => readFile(join(places.home, 'notices.jsonl'), 'utf8').catch(() => '')
  const held = async () => (await up.workerLog()).split('"held back"').length - 1
  const evidenceOf = async (run: string) => (await readdir(join(base, 'store', 'evidence', 'shop'))).filter((name) => name.endsWith(`${run.slice(-8)}.json`))
  /** Each swap takes something aside. */
  const safetySets = async () =>
    (await readdir(cluster.base, { recursive: true })).filter((name) => /\.muster-shop-[^/]*\/safety-[^/]*$/.test(name) && !name.includes('/safety-/')).sort()

  /** A restore, approved, that stands in its step `stop` until the gate is opened. */
  async function restoreUntilStop(): Promise<string> {
    await rm(gate(), { force: true })
    const handle = await up.client.workflow.start('restoreSystem', {
      taskQueue: 'muster',
      workflowId: 'target/shop',
      args: [{ system: 'shop', requestedBy: 'alice' }],
      memo: { site: 'primary' },
    })
    const phase = async () => (await handle.describe()).memo?.['phase']
    await waitFor('approval', async () => (await phase()) === 'waiting for approval')
    await handle.executeUpdate('approve', { args: [{ plan: (await handle.describe()).memo?.['plan'], person: 'alice' }] })
    await waitFor('the stop', async () => (await readFile(join(base, 'stopping'), 'utf8').catch(() => '')) !== '', 60)
    return handle.firstExecutionRunId
  }

  const scheduled = async () => {
    const ids: string[] = []
    for await (const { scheduleId } of up.client.schedule.list()) ids.push(scheduleId)
    return ids.sort()
  }

  it('is not there after an ordinary restart: nothing is held back, in the middle of a run neither', async () => {
    const run = await restoreUntilStop()
    await up.stop('SIGKILL')
    await writeFile(gate(), '')
    await up.start()
    const { backup } = (await up.client.workflow.getHandle('target/shop', run).result()) as RestoreResult
    // Where it still ran while the server is copied, it would be a second run that ended afterwards.
    await up.client.workflow.getHandle(backup ?? '').result()
    assert.equal(await held(), 0, await up.workerLog())
    assert.deepEqual([await markers(), (await safetySets()).length], [[1], 1])
  })

  it('that was put back to before a restore ended holds the workers until it is adopted, and the restore is not done again', async () => {
    await cluster.sql('insert into markers values (2)')
    const run = await restoreUntilStop()
    await up.whileServerStands(async () => {
      for (const name of databaseFiles) await copyFile(join(places.home, name), saved(name)).catch(() => undefined)
    })
    await writeFile(gate(), '')
    await up.client.workflow.getHandle('target/shop', run).result()
    assert.equal((await evidenceOf(run)).length, 1)
    await cluster.sql('insert into markers values (3)')
    const [before, schedules] = [await safetySets(), await scheduled()]
    await up.stop()
    for (const name of databaseFiles) {
      await rm(join(places.home, name), { force: true })
      await copyFile(saved(name), join(places.home, name)).catch(() => undefined)
    }

    await rm(gate())
    await up.start()
    await waitFor('the hold', async () => (await held()) > 0, 60)
    assert.equal((await up.client.workflow.getHandle('target/shop', run).describe()).status.name, 'RUNNING', 'the old run is there again')
    const status = JSON.parse((await up.run('--json', 'status')).stdout) as Status
    assert.match(status.heldBack ?? '', /it shows as running what went further or ended: restoreSystem of shop/)
    assert.match((await up.run('doctor')).stdout, /workers are held back: .*\n.*muster apply --adopt/)
    await waitFor('the alarm', async () => (await notices()).includes('workers are held back'))

    // Those of schedules come at any moment.
    const runs = async () => (await up.client.workflow.count("WorkflowId != 'install-config' AND TemporalScheduledById IS NULL")).count
    const were = await runs()
    for (const words of [
      ['backup', 'shop'],
      ['backup', 'shop', '--no-wait'],
      ['archive-wal', 'shop'],
      ['drill', 'shop', '--plan'],
      ['restore', 'shop', '--plan'],
      ['approve', '--run', 'target/shop'],
      ['resume', 'target/shop', '--reason', 'a test'],
    ]) {
      const asked = await up.run('--json', ...words)
      assert.equal(asked.code, 74, `${words.join(' ')}: ${asked.stdout} ${asked.stderr}`)
      const { error } = JSON.parse(asked.stdout) as { error: { type: string; message: string; hint: string } }
      assert.match(
        error.message,
        /^workers are held back since 20\d\d-.*Z: this Temporal was lost or rolled back: .*restoreSystem of shop.*; nothing was started$/,
      )
      assert.match(error.hint, /muster apply --adopt/)
    }
    assert.equal(await runs(), were, 'no run is left')
    const watched = await up.run('watch', 'target/shop')
    assert.equal(watched.code, 74, watched.stderr)
    assert.match(watched.stderr, /workers are held back since .*; target\/shop waits, and goes on when this Temporal is adopted/)

    const [look = '', decide = '', after = ''] = await shownCommands()
    const looked = (await up.json<{ adoption: AdoptionReport }>(...wordsOf(look))).adoption
    assert.deepEqual([looked.adopted, looked.standing.held], [null, true])
    const old = looked.standing.runs.find(({ runId }) => runId === run)
    assert.deepEqual([old?.finding, old?.todo, old?.needsPerson], ['would-repeat', 'terminate', false])
    assert.equal(await up.isServed(), false, 'a dry run decides nothing')

    const { adoption } = await up.json<{ adoption: AdoptionReport }>(...wordsOf(decide), '--yes')
    assert.deepEqual(
      adoption.adopted?.terminated.map(({ runId }) => runId),
      [run],
    )
    await waitFor('the worker', () => up.isServed(), 30)
    assert.equal((await up.client.workflow.getHandle('target/shop', run).describe()).status.name, 'TERMINATED')
    assert.deepEqual(await markers(), [1, 2, 3])
    assert.deepEqual(await safetySets(), before, 'no second swap')
    assert.equal(await readFile(join(base, 'running'), 'utf8'), 'running\n')
    assert.deepEqual(await scheduled(), schedules)
    assert.equal((JSON.parse((await up.run('--json', ...wordsOf(after))).stdout) as Status).heldBack, null)
    await up.json('backup', 'shop')
    assert.equal((await notices()).split('workers are held back').length - 1, 1, 'people are told once')
  })

  it('that is lost is adopted by itself on one site: schedules are back, the next backup works', async () => {
    const schedules = await scheduled()
    assert.ok(schedules.length > 1)
    await up.stop()
    for (const name of databaseFiles) await rm(join(places.home, name), { force: true })
    await up.start()
    await waitFor('the worker', () => up.isServed(), 60)
    assert.match(await up.workerLog(), /adopted this Temporal: there is one site, and no run was past its first irreversible step/)
    // They are listed some moments after they were made.
    await waitFor('as many schedules', async () => (await scheduled()).length === schedules.length)
    assert.deepEqual(await scheduled(), schedules)
    assert.match(await notices(), /Temporal was lost or rolled back, and adopted/)
    await up.json('backup', 'shop')
    assert.deepEqual(await markers(), [1, 2, 3])
  })

  it('that is lost in the middle of a restore is left to a person who has looked at the system', async () => {
    const run = await restoreUntilStop()
    await up.stop('SIGKILL')
    for (const name of databaseFiles) await rm(join(places.home, name), { force: true })
    // What the host noted is lost too: the mark in the store is left.
    await rm(join(places.home, 'hosts', 'localhost', 'runs'), { recursive: true })
    const times = await held()
    await up.start()
    await waitFor('the hold', async () => (await held()) > times, 60)
    const refused = await up.run('--json', 'apply', '--adopt', '--yes')
    assert.equal(refused.code, 54, refused.stdout)
    assert.match(refused.stdout, new RegExp(`nobody has looked at what became of target/shop \\(run ${run}\\): it was changing the system in place`))
    assert.equal(await up.isServed(), false)
    const { adoption } = await up.json<{ adoption: AdoptionReport }>('apply', '--adopt', '--yes', '--looked-at', run)
    assert.deepEqual(adoption.adopted?.terminated, [])
    await waitFor('the worker', () => up.isServed(), 30)
    await writeFile(gate(), '')
    assert.deepEqual(await markers(), [1, 2, 3], 'the old database still serves')
    await up.json('backup', 'shop')
  })
})

/** Of the page that people read. */
async function shownCommands(): Promise<readonly string[]> {
  const page = await readFile(new URL('../../docs/operating.md', import.meta.url), 'utf8')
  const block = /<!-- adopt -->\n```sh\n([^]*?)```/.exec(page)?.[1] ?? assert.fail('no commands are shown')
  return block.split('\n').filter((line) => line.startsWith('muster '))
}

function wordsOf(command: string): readonly string[] {
  return command.replace(/ +#.*/, '').split(' ').slice(1)
}

/** Its state is a file; it stops when the gate is open. */
async function writeService(base: string): Promise<void> {
  await writeFile(join(base, 'running'), 'running\n')
  await writeFile(
    join(base, 'service'),
    `#!/bin/sh
case "$1" in
start) echo running > '${base}/running' ;;
stop) echo yes > '${base}/stopping'; while [ ! -e '${base}/gate' ]; do sleep 0.1; done; rm -f '${base}/running' '${base}/stopping' ;;
status) test -f '${base}/running' ;;
esac
`,
    { mode: 0o755 },
  )
}

function yamlFor(base: string, cluster: TestCluster, recipient: string): string {
  const { connection } = cluster.config
  return `
organisation: Test
stores: { local: { type: directory, path: ${base}/store } }
encryption: { recipients: [${recipient}], identity: "file:${base}/keys/identity.txt" }
limits: { agent: 30s, heartbeat: 2s }
systems:
  shop:
    components:
      database:
        type: postgresql
        dataDirectory: ${cluster.directory}
        connection: { host: ${connection.host}, port: ${connection.port}, user: muster, database: postgres }
        server: { control: pg_ctl, options: ["-c", "port=${connection.port}", "-c", "unix_socket_directories=${connection.host}"], logFile: ${cluster.base}/server.log }
        runAs: ${serverUser}
        binDirectory: ${cluster.config.binDirectory}
        checkpoint: fast
        wal: { shipEvery: 1s }
    services:
      web: { type: command, start: [${base}/service, start], stop: [${base}/service, stop], status: [${base}/service, status] }
    restore: { commitAfter: 0 }
`
}
