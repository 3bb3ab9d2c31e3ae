/** A site with several systems is lost, and Temporal with it: one command at the other site, as it is typed at night. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { AuditRecord } from '../../domain/audit.ts'
import type { Evidence } from '../../domain/evidence.ts'
import { failures } from '../../domain/failures.ts'
import { createAgent } from '../../wiring/agent.ts'
import { openRepository } from '../../wiring/open-repository.ts'
import { ownCommand } from '../../wiring/own-command.ts'
import { keyFiles, type Places } from '../../wiring/places.ts'
import { pinnedFingerprint } from '../../wiring/trust.ts'
import { upHere } from '../../wiring/up-here.ts'
import { createWorkers, runWorkers } from '../../workers/worker.ts'
import type { FailoverSiteResult } from '../../workflows/messages.ts'
import { createInstallation, type Installation } from '../support/installation.ts'
import { freePort } from '../support/postgres-cluster.ts'
import { startTemporal, waitFor, workflowBundle } from '../support/rig.ts'

const systems = ['shop', 'mail', 'wiki', 'notes'] as const
const people = ['alice', 'bob', 'carol'] as const

describe('a lost site with several systems, on real parts', function () {
  this.timeout(240_000)
  let installation: Installation
  let dr: Places
  let ports: readonly string[]
  const started: ChildProcess[] = []

  before(async () => {
    installation = await createInstallation()
    const { base, alpha, beta } = installation
    for (const person of people) await runTool('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(base, person)])
    for (const system of systems) {
      await mkdir(join(base, system))
      await writeFile(join(base, system, 'one.txt'), `first of ${system}`)
    }
    await writeFile(join(base, 'web-home'), '')
    await installation.apply(await yaml())
    await backUpAll()
    dr = { configFile: join(base, 'dr', 'muster.yaml'), home: join(base, 'dr', 'home'), keys: join(base, 'dr', 'keys') }
    await openRepository(dr, {
      store: join(base, 'stores', 'offsite'),
      rootFingerprint: await pinnedFingerprint(alpha),
      identityFile: join(beta.keys, keyFiles.identity),
      host: null,
      withoutKit: false,
      acceptOlder: false,
      dryRun: false,
      onProgress: () => undefined,
    })
    ports = ['--port', String(await freePort()), '--ui-port', String(await freePort())]
    for (const system of systems) await rm(join(base, system), { recursive: true })
    await rename(join(base, 'alpha'), join(base, 'lost'))
  })
  after(async () => {
    for (const one of started) one.kill('SIGKILL')
    const up = dr && (await upHere(dr))
    if (up) {
      process.kill(up.pid, 'SIGTERM')
      await waitFor('the end of muster up', async () => (await upHere(dr)) === null, 60)
    }
    await installation?.remove()
  })

  async function yaml(): Promise<string> {
    const { base } = installation
    const keyOf = async (person: string) => (await readFile(join(base, `${person}.pub`), 'utf8')).split(' ').slice(0, 2).join(' ')
    const keys = await Promise.all(people.map(async (person) => `  ${person}: { approve: "${await keyOf(person)}" }`))
    const service = (file: string) => `{ type: command, start: [touch, ${base}/${file}], stop: [rm, -f, ${base}/${file}], status: [test, -f, ${base}/${file}] }`
    const tree = (system: string) => `components: { files: { type: files, host: alpha, paths: [${base}/${system}] } }`
    const failover = (system: string, more = '') => `failover: { to: dr, components: { files: { paths: [${base}/${system}-there] } }${more} }`
    return `
organisation: Test
sites: { primary: { hosts: [alpha] }, dr: { hosts: [beta] } }
stores: { offsite: { type: directory, path: ${base}/stores/offsite, hosts: [alpha, beta], site: dr, host: beta } }
encryption: { identity: "file:${base}/dr/keys/identity.txt", restoreHosts: [alpha, beta] }
limits: { agent: 5s, heartbeat: 10s, failoversPerHost: 1 }
people:
${keys.join('\n')}
systems:
  notes: { ${tree('notes')}, backups: [{ every: daily 02:00 }] }
  wiki: { priority: P3, ${tree('wiki')}, restore: { commitAfter: 0 }, ${failover('wiki')} }
  mail: { priority: P2, ${tree('mail')}, restore: { commitAfter: 0 }, ${failover('mail')} }
  shop:
    priority: P1
    objectives: { rto: 10m }
    ${tree('shop')}
    services: { web: { host: alpha, ${service('web-home').slice(2)} }
    restore: { commitAfter: 0 }
    ${failover('shop', `, services: { web: ${service('web-there')} }`)}
`
  }

  /** While the site is there: with a Temporal that is gone afterwards. */
  async function backUpAll(): Promise<void> {
    const env = await startTemporal()
    const stop = new AbortController()
    const workers = await createWorkers({
      connection: env.nativeConnection,
      namespace: env.namespace ?? 'default',
      agent: await createAgent({ places: installation.alpha, host: 'alpha', site: 'primary', temporal: env.client }),
      roles: { workflows: true, site: true, host: true },
      bundle: await workflowBundle(),
    })
    const done = runWorkers(workers, stop.signal)
    try {
      const back = (system: string) =>
        env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: `backup/${system}`, args: [{ system }], memo: { site: 'primary' } })
      await Promise.all(systems.map(back))
    } finally {
      stop.abort()
      await done
      await env.teardown()
    }
  }

  function muster(user: string, ...words: readonly string[]) {
    const [program, ...first] = ownCommand()
    const { TEMPORAL_ADDRESS: _, ...own } = process.env
    const child = spawn(program, [...first, '--config', dr.configFile, ...words], {
      env: { ...own, MUSTER_HOME: dr.home, MUSTER_KEYS: dr.keys, MUSTER_USER: user },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    started.push(child)
    const said = { out: '', err: '' }
    child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()))
    const ended = new Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>((resolve) =>
      child.once('close', (code) => resolve({ code, ...said })),
    )
    return { child, said: () => said.out + said.err, ended }
  }

  const firstLine = async <T>(path: string): Promise<T> => JSON.parse((await readFile(path, 'utf8')).split('\n')[0] ?? '') as T
  const siteFailover = (...words: readonly string[]) => muster('alice', 'failover', '--site', 'primary', '--offline', ...ports, ...words)
  const isThere = (name: string) =>
    stat(join(installation.base, name)).then(
      () => true,
      () => false,
    )

  /** One byte of what a system would be restored from is another one, which only reading it shows; called again, it is as before. */
  async function damage(system: string): Promise<void> {
    const found = await readdir(join(installation.base, 'stores', 'offsite', 'backups', system), { recursive: true, withFileTypes: true })
    const { parentPath, name } = found.find((file) => /^tree-.*\.age$/.test(file.name)) ?? assert.fail(`there is no backup of ${system}`)
    const path = join(parentPath, name)
    const bytes = await readFile(path)
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    await chmod(path, 0o600)
    await writeFile(path, bytes)
  }

  const signedBy = (person: string, ...words: readonly string[]) => [...words, '--key', join(installation.base, person)]

  it('shows one table: what goes where, in which order, what it loses and takes, and what has no plan', async () => {
    const { code, out, err } = await siteFailover('--plan').ended
    assert.equal(code, 1, `${out}${err}`)
    const rows = [...out.matchAll(/^ {2}(\d) +(\w+) +(P\d) +primary → dr +(?:today|\d[\w ]*) \d\d:\d\d +at most .+? +1 signed +([0-9a-f]{12})$/gm)].map((row) =>
      row.slice(1, 4),
    )
    assert.deepEqual(
      rows,
      [
        ['1', 'shop', 'P1'],
        ['2', 'mail', 'P2'],
        ['3', 'wiki', 'P3'],
      ],
      out,
    )
    assert.match(out, /✗ notes: left out, no failover plan: write failover for it/)
    assert.match(out, /all are back after about /)
    assert.deepEqual(await Promise.all(systems.map((system) => isThere(`${system}-there`))), [false, false, false, false])
  })

  it('brings each back that it can, after one person has signed for all and two have said once that the site is stopped', async () => {
    await damage('mail')
    const run = siteFailover()
    const says = (text: string) => waitFor(`${text}; ${run.said()}`, async () => run.said().includes(text) || run.child.exitCode !== null, 120)
    await says('muster approve --run failover-site/primary')
    // Mail may have given up by then, or gives up right now: its copy is found to be damaged while it is prepared.
    const { code: all, out: approved, err: refused } = await muster('bob', ...signedBy('bob', 'approve', '--run', 'failover-site/primary')).ended
    assert.ok(all === 0 || /target\/mail: /.test(refused), `${approved}${refused}`)
    for (const system of ['shop', 'wiki']) assert.match(approved, new RegExp(`^approved [0-9a-f]{12} of target/${system} as bob$`, 'm'))
    await says('muster fence target/shop')
    for (const person of ['bob', 'carol']) {
      const said = await muster(person, ...signedBy(person, 'fence', 'failover-site/primary', '--statement', 'the building has burnt down')).ended
      assert.equal(said.code, 0, `${said.out}${said.err}`)
    }
    const { code, out, err } = await run.ended
    assert.equal(code, failures.ChecksumMismatch.exitCode, `${out}${err}`)
    assert.match(out, /^ {2}shop +P1 +succeeded +.+? +10 min ✓ +– +evidence\/shop\/\S+-failover-\S+\.json$/m)
    assert.match(out, /^ {2}mail +P2 +rolled-back +– +none set +– +evidence\/mail\/\S+\.json\n +✗ .*fails its hash.*the old service was not touched/m)
    assert.match(out, /^ {2}wiki +P3 +succeeded /m)
    assert.match(out, /^rolled-back in .*: failover of site primary: 2 of 4 systems are back; mail: /m)
    for (const system of ['shop', 'wiki']) assert.equal(await readFile(join(installation.base, `${system}-there`, 'one.txt'), 'utf8'), `first of ${system}`)
    assert.deepEqual([await isThere('mail-there'), await isThere('web-there')], [false, true])
    assert.match(out, /^ {2}evidence evidence\/_installation\/\S+-failoverSite-\S+\.json$/m)
  })

  it('brings the rest back when it is asked again, and leaves alone what is there already', async () => {
    await damage('mail')
    const run = siteFailover('--json')
    await waitFor(
      `mail to wait; ${run.said()}`,
      async () => muster('bob', ...signedBy('bob', '--json', 'approve', '--run', 'failover-site/primary')).ended.then(({ code }) => code === 0),
      120,
    )
    const { code, out, err } = await run.ended
    assert.equal(code, 1, `${out}${err}`)
    const { outcome, systems: moved, leftOut } = JSON.parse(out) as FailoverSiteResult
    assert.equal(outcome, 'degraded')
    assert.deepEqual(
      moved.map((one) => [one.system, one.outcome, one.record?.stores]),
      [['mail', 'succeeded', ['offsite']]],
    )
    assert.deepEqual(leftOut.map(({ system, why }) => `${system}: ${why}`).toSorted(), [
      'notes: no failover plan',
      'shop: active elsewhere',
      'wiki: active elsewhere',
    ])
    assert.equal(await readFile(join(installation.base, 'mail-there', 'one.txt'), 'utf8'), 'first of mail')
  })

  it('leaves a signed record and a sheet of each attempt, which the audit chain names and proves', async () => {
    const store = join(installation.base, 'stores', 'offsite')
    const client = new Client({ connection: await Connection.connect({ address: (await upHere(dr))?.address ?? assert.fail('muster up does not run') }) })
    await waitFor('both to be listed', async () => (await client.workflow.count("WorkflowType = 'failoverSite' AND ExecutionStatus != 'Running'")).count >= 3)
    await client.workflow.execute('archiveHistories', { taskQueue: 'muster', workflowId: 'archive-now', args: [{}], memo: { site: 'dr' } })
    await client.connection.close()
    const records = (await readdir(join(store, 'audit', 'dr'))).map(async (name) => firstLine<AuditRecord>(join(store, 'audit', 'dr', name)))
    const runs = (await Promise.all(records)).flatMap((one) => one.runs).filter(({ procedure, evidence }) => procedure === 'failoverSite' && evidence)
    const kept = await Promise.all(runs.map(({ evidence }) => firstLine<Evidence>(join(store, evidence?.key ?? ''))))
    assert.deepEqual(
      kept.map(({ outcome, lostSite }) => [outcome, lostSite?.site, lostSite?.systems.map((one) => `${one.system} ${one.outcome}`).toSorted()]).toSorted(),
      [
        ['degraded', 'primary', ['mail succeeded']],
        ['rolled-back', 'primary', ['mail rolled-back', 'shop succeeded', 'wiki succeeded']],
      ],
    )
    const shop = kept.flatMap(({ lostSite }) => lostSite?.systems ?? []).find(({ system }) => system === 'shop')
    const text = (await readFile(join(store, shop?.evidence?.key ?? ''), 'utf8')).split('\n')[0]
    assert.equal(createHash('sha256').update(`${text}\n`).digest('hex'), shop?.evidence?.sha256)
    const sheet = await readFile(join(store, runs[0]?.evidence?.key.replace(/json$/, 'html') ?? ''), 'utf8')
    assert.match(sheet, /<h1>failover of site primary, /)
    const { code, out } = await muster('alice', 'audit', 'verify').ended
    assert.equal(code, 0, out)
  })
})
