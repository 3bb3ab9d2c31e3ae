import assert from 'node:assert/strict'
import { access, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { Command } from 'commander'
import { shipperRequest } from '../../adapters/component/postgresql/shipper-client.ts'
import { createSecretResolver } from '../../adapters/secret/resolver.ts'
import type { Desk } from '../../clients/cli/desk.ts'
import { addDrill } from '../../clients/cli/drill.ts'
import { addList, type SystemListing } from '../../clients/cli/list.ts'
import { addLs } from '../../clients/cli/ls.ts'
import type { Output } from '../../clients/cli/output.ts'
import { addRepository } from '../../clients/cli/repository.ts'
import { addStatus } from '../../clients/cli/status.ts'
import type { SystemStatus } from '../../clients/protection.ts'
import type { RepositoryFindings } from '../../clients/repository-check.ts'
import { MusterError } from '../../domain/failures.ts'
import { createDocumentCache } from '../../repository/document-cache.ts'
import { appendRecord } from '../../repository/control-records.ts'
import { decryptionOf } from '../../wiring/decryption.ts'
import { standingOrNull } from '../../wiring/adoption.ts'
import { heldBackHere } from '../../wiring/held-here.ts'
import { examine } from '../../wiring/doctor.ts'
import { hostDirectory, shipperSocket } from '../../wiring/places.ts'
import { createStore } from '../../wiring/stores.ts'
import { treeEntries } from '../../wiring/tree-entries.ts'
import { localTrust } from '../../wiring/trust.ts'
import { databaseConfig } from '../support/database-config.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { flipByte } from '../support/postgres-backup.ts'
import { createRig, type Rig, startTemporal, waitFor } from '../support/rig.ts'

describe('muster status, drill, list, ls and repository on a real system', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let cluster: TestCluster
  let rig: Rig
  let withTemporal = true

  before(async () => {
    env = await startTemporal()
    cluster = await createCluster()
    await cluster.sql('create table markers (n int); grant select on markers to muster')
    rig = await createRig({ env, yaml: (base) => yamlFor(base, cluster), prepare: prepareTree })
  })
  after(async () => {
    await rig?.stop()
    await cluster?.destroy()
    await env?.teardown()
  })

  /** Runs a verb as the command line does, and gives back what it printed. */
  async function muster<T>(...words: string[]): Promise<{ value: T; text: string; exitCode: number }> {
    const lines: string[] = []
    let value: unknown
    const out: Output = {
      json: false,
      isTerminal: false,
      line: (text = '') => void lines.push(text),
      result(result, human) {
        value = result
        human()
      },
      progress() {},
      progressDone() {},
      warn: (text) => void lines.push(text),
    }
    const program = new Command().exitOverride()
    for (const add of [addStatus, addDrill, addList, addLs, addRepository]) add(program, () => deskWith(out))
    const before = process.exitCode
    process.exitCode = 0
    try {
      await program.parseAsync(words, { from: 'user' })
      // The answer is a JSON document.
      return { value: JSON.parse(JSON.stringify(value)) as T, text: lines.join('\n'), exitCode: Number(process.exitCode ?? 0) }
    } finally {
      process.exitCode = before
    }
  }

  function deskWith(out: Output): Desk {
    const { agent, places } = rig
    const secrets = createSecretResolver()
    const part: Pick<
      Desk,
      | 'out'
      | 'user'
      | 'applied'
      | 'store'
      | 'verifier'
      | 'controlVerifier'
      | 'cacheOf'
      | 'shipperStatus'
      | 'temporal'
      | 'treeEntries'
      | 'decryption'
      | 'standing'
      | 'heldBack'
    > = {
      out,
      user: 'alice',
      applied: (hash) => agent.config(hash),
      store: async (config, name) => createStore(config, name, secrets),
      verifier: async () => (await localTrust(places)).verifier,
      controlVerifier: async () => (await localTrust(places)).controlVerifier,
      cacheOf: (host) => createDocumentCache(join(hostDirectory(places, host), 'catalog')),
      standing: () => standingOrNull(places, () => part.temporal()),
      heldBack: (options) => heldBackHere(places, () => part.temporal(), options),
      shipperStatus: (host) => shipperRequest(shipperSocket(places, host), 'status', undefined).catch(() => null),
      decryption: decryptionOf,
      treeEntries: (manifest, store, identity) => treeEntries(rig.config, secrets, manifest, store, identity),
      async temporal() {
        if (withTemporal) return rig.client
        throw new MusterError('TemporalUnreachable', 'Temporal does not answer at 127.0.0.1:1')
      },
    }
    return part as Desk
  }

  const status = async () => {
    const { value, ...rest } = await muster<{ systems: SystemStatus[] }>('status')
    return { ...rest, system: value.systems[0] as SystemStatus }
  }

  it('says before the first backup that nothing is protected, and what to do', async () => {
    const { system, text, exitCode } = await status()
    assert.equal(system.word, 'not protected')
    assert.equal(exitCode, 1)
    assert.match(text, /NOT PROTECTED/)
    assert.match(text, /there is no backup yet\n\s+→ muster backup shop/)
  })

  it('is protected after a backup, with windows up to now and the lag of each store', async () => {
    await cluster.sql('insert into markers values (1)')
    await env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup-1', args: [{ system: 'shop' }] })
    await waitFor('WAL in both stores', async () => (await status()).system.word === 'protected')
    const { system, text, exitCode } = await status()
    assert.equal(exitCode, 0, text)
    assert.deepEqual(system.reasons, [])
    assert.ok(system.lostNowSeconds !== null && system.lostNowSeconds < 60)
    assert.deepEqual(
      system.windows.map(({ store, inService }) => [store, inService]),
      [
        ['local', true],
        ['nas', true],
      ],
    )
    assert.match(text, /database\s+windows {2}(today|\d[\w ]*) \d\d:\d\d → now \(local/)
    assert.match(text, /next\s+.*daily.* in /)
    assert.equal((await muster('status', 'shop')).exitCode, 0)
    await assert.rejects(muster('status', 'nosuch'), { type: 'UnknownName' })
  })

  it('shows what a drill would rehearse and how long that takes: assumed, then measured; the drill itself beside what was expected', async () => {
    const before = await muster('drill', 'shop', '--plan')
    assert.match(before.text, /drill of shop, restore, to the newest reachable moment/)
    assert.match(before.text, /database {5}backup \S+ from (local|nas), on localhost\n/)
    assert.match(before.text, /expected duration .* \(assumed, never measured: nothing of this system was restored yet\)/)
    const { text } = await muster('drill', 'shop')
    assert.match(text, /worked for .*, expected .* \(assumed, never measured/)
    // The store that reaches the newest moment is chosen, and which of the two that is changes with each shipment: the next drill may be forecast by what the other one took.
    assert.match(
      (await muster('drill', 'shop', '--dry-run')).text,
      /expected duration .* \(measured in 1 run, newest \d{4}-\d\d-\d\d(; \w+ as on localhost from (local|nas))*\)/,
    )
  })

  it('goes on without Temporal and says that schedules do not run', async () => {
    withTemporal = false
    try {
      const { system, text, exitCode } = await status()
      assert.equal(system.word, 'degraded')
      assert.equal(exitCode, 1)
      assert.match(text, /schedules do not run: Temporal does not answer.*\n\s+→ muster up/)
      assert.match(text, /newest {3}(today|\d[\w ]*) \d\d:\d\d/)
    } finally {
      withTemporal = true
    }
  })

  it('lists backups, windows, incarnations and named points', async () => {
    const { signer, ...writer } = await recordWriter()
    const { value: before } = await muster<SystemListing>('list', 'shop')
    const incarnation = before.components[0]?.incarnations[0]?.incarnation ?? ''
    await appendRecord({ ...writer, signer }, 'shop', () => ({
      kind: 'restore-point',
      component: 'database',
      incarnation,
      name: 'before-upgrade',
      lsn: '0/3000060',
      at: new Date().toISOString(),
    }))
    const { value, text } = await muster<SystemListing>('list', 'shop')
    assert.deepEqual(
      value.components.map(({ component, backups }) => [component, backups.map(({ state, stores }) => [state, stores])]),
      [
        ['database', [['valid', ['local', 'nas']]]],
        ['uploads', [['valid', ['local', 'nas']]]],
      ],
    )
    assert.match(text, /incarnation.*\n.*timeline 1.*in service/)
    assert.match(text, /before-upgrade {3}.*0\/3000060/)
    assert.ok(value.components[0]?.windows.every(({ fromAt, untilAt }) => fromAt <= untilAt))
  })

  it('lists what a tree backup holds, one directory at a time, with odd names made harmless', async () => {
    const { text } = await muster('ls', 'shop', 'uploads')
    assert.match(text, /logo\.png/)
    assert.match(text, /sub\//)
    assert.doesNotMatch(text, /deep/)
    assert.ok(text.includes('odd\\u{1b}[31m'))
    const { value } = await muster<{ entries: { path: string; linkTarget: string | null; mode: string }[] }>('ls', 'shop', 'uploads', '/sub/', '--from', 'nas')
    assert.deepEqual(
      value.entries.map(({ path }) => path),
      ['sub', 'sub/deep', 'sub/link'],
    )
    assert.equal(value.entries[2]?.linkTarget, '../logo.png')
    assert.match(value.entries[0]?.mode ?? '', /^d0/)
    await assert.rejects(muster('ls', 'shop', 'uploads', 'nothing'), { type: 'UnknownName' })
    await assert.rejects(muster('ls', 'shop', 'database'), { type: 'InvalidInput' })
    await assert.rejects(muster('ls', 'shop', 'uploads', '--backup', 'nosuch'), { type: 'BackupNotFound' })
    await assert.rejects(muster('ls', 'shop', 'uploads', '--identity', join(rig.base, 'none.txt')), { type: 'IdentityMissing' })
  })

  it('reads and proves a whole store, also after its cache was forgotten', async () => {
    const cache = join(hostDirectory(rig.places, 'localhost'), 'catalog', 'nas')
    await access(cache)
    const { value, text, exitCode } = await muster<RepositoryFindings>('repository', 'rebuild', 'nas')
    assert.equal(exitCode, 0, text)
    assert.deepEqual(value.problems, [])
    assert.equal(value.systems[0]?.backups, 2)
    assert.ok((value.systems[0]?.shipments ?? 0) > 0)
    assert.equal(value.keyLists, 1)
    assert.equal(value.configs, 1)
    assert.match(text, /its newest control record is/)
    await access(cache)
    await assert.rejects(muster('repository', 'check', 'nosuch'), { type: 'UnknownName' })
  })

  it('shows a store that went away as not answering, never as empty', async () => {
    const nas = join(rig.base, 'stores', 'nas')
    await rename(nas, `${nas}-away`)
    try {
      const { text, system } = await status()
      assert.equal(system.word, 'degraded')
      assert.match(text, /nas does not answer: .*is not there/)
      const listing = await muster<SystemListing>('list', 'shop')
      assert.deepEqual(
        listing.value.storesOut.map(({ store }) => store),
        ['nas'],
      )
      assert.match(listing.text, /nas does not answer/)
      await assert.rejects(muster('repository', 'check', 'nas'), { type: 'Unreachable' })
      assert.match((await muster('ls', 'shop', 'uploads')).text, /from local/)
    } finally {
      await rename(`${nas}-away`, nas)
    }
  })

  it('tells a debt, a damaged backup, a changed manifest and a changed WAL index apart', async () => {
    const nas = join(rig.base, 'stores', 'nas')
    const folder = async (component: string) => join(nas, 'backups', 'shop', component, (await readdir(join(nas, 'backups', 'shop', component)))[0] as string)
    const uploads = await folder('uploads')
    const index = join(uploads, 'objects', (await readdir(join(uploads, 'objects'))).find((name) => name.startsWith('index')) as string)
    await rename(index, join(rig.base, 'index'))
    assert.match((await status()).text, /backup \S+ is damaged in nas: .* is missing\n\s+→ muster repository check nas/)
    const listed = await muster<SystemListing>('list', 'shop')
    assert.equal(listed.value.components[1]?.backups[0]?.state, 'damaged')
    assert.match((await muster('ls', 'shop', 'uploads')).text, /from local/)
    await rename(join(rig.base, 'index'), index)
    await rename(join(uploads, 'manifest.json'), join(rig.base, 'manifest.json'))
    assert.match((await status()).text, /nas does not have backup \S+-full/)
    assert.ok((await muster<SystemListing>('list', 'shop')).value.components[1]?.backups.some(({ state }) => state === 'unpublished'))
    await rename(join(rig.base, 'manifest.json'), join(uploads, 'manifest.json'))

    const ends = ({ windows }: SystemStatus, store: string) => windows.find((window) => window.store === store)?.untilLsn ?? ''
    // What is shipped after the damage would be the newest, and the damaged one no end of a window. It may stop between the stores.
    await waitFor('local to have what nas has', async () => {
      await rig.stopShipper()
      const { system } = await status()
      if (ends(system, 'local') >= ends(system, 'nas')) return true
      await rig.startShipper()
      return false
    })
    const incarnations = join(nas, 'wal', 'shop', 'database')
    const indexes = join(incarnations, (await readdir(incarnations))[0] as string, 'index')
    const newest = (await readdir(indexes)).sort().at(-1) as string
    await flipByte(join(indexes, newest), 100)
    await rm(join(hostDirectory(rig.places, 'localhost'), 'catalog'), { recursive: true })
    const lied = await status()
    assert.match(lied.text, /nas holds 1 documents that cannot be believed: .*signature/)
    assert.ok(ends(lied.system, 'nas') < ends(lied.system, 'local'))
    await flipByte(join(await folder('database'), 'manifest.json'), 100)
    const found = await muster<RepositoryFindings>('repository', 'check', 'nas')
    assert.equal(found.exitCode, 1)
    assert.deepEqual(found.value.problems.map(({ key }) => key.split('/').at(-1)).sort(), [newest, 'manifest.json'].sort())
    assert.match(found.text, /✗ backups\/shop\/database\/.*signature/)
    await rm(join(hostDirectory(rig.places, 'localhost'), 'catalog'), { recursive: true })
    const now = await status()
    assert.match(now.text, /backup \S+ is damaged in nas: the signature of the manifest is not of this text/)
    assert.equal(
      now.system.windows.some(({ store }) => store === 'nas'),
      false,
    )
    assert.equal(
      now.system.windows.some(({ store }) => store === 'local'),
      true,
    )
  })

  it('doctor finds workers, streaming and slots in order, histories kept too briefly and schedules missing', async () => {
    await rig.startShipper()
    await waitFor('the stream', async () =>
      (await rig.agent.postgresql.shipperRequest(rig.agent.shipperSocket, 'status', undefined)).instances.every(({ state }) => state === 'streaming'),
    )
    const before = process.env['TEMPORAL_ADDRESS']
    process.env['TEMPORAL_ADDRESS'] = env.address
    try {
      const findings = await examine(rig.places, { system: null })
      const said = (severity: string) =>
        findings
          .filter((one) => one.severity === severity)
          .map(({ about, message }) => `${about}: ${message}`)
          .join('\n')
      assert.match(said('ok'), /temporal: workers serve muster, muster-site-primary, muster-host-localhost, muster-host-localhost-urgent/)
      assert.match(said('ok'), /WAL shipper of localhost: shop\/database streams/)
      assert.match(said('ok'), /holds its WAL \(reserved\)/)
      assert.match(said('ok'), /control records in local, nas/)
      assert.match(said('warning'), /temporal: histories are kept for 1 day/)
      assert.match(said('warning'), /schedules: .*daily is missing/)
      // The damage done above, and nothing else.
      assert.ok(
        said('problem')
          .split('\n')
          .every((line) => /^store nas: .*signature/.test(line)),
        said('problem'),
      )
    } finally {
      if (before === undefined) delete process.env['TEMPORAL_ADDRESS']
      else process.env['TEMPORAL_ADDRESS'] = before
    }
  })

  it('says that nothing is being stored when the WAL shipper is gone', async () => {
    await rig.stopShipper()
    assert.match((await status()).text, /the WAL shipper does not answer.*\n\s+→ muster up/)
  })

  async function recordWriter() {
    const { agent, config } = rig
    return {
      stores: await Promise.all(Object.keys(config.stores).map((name) => agent.store(config, name))),
      verifier: await agent.verifier(config),
      signer: await agent.signer(),
      organisation: config.organisation,
      by: 'localhost',
      now: () => new Date(),
    }
  }
})

async function prepareTree(base: string): Promise<void> {
  await mkdir(join(base, 'uploads', 'sub'), { recursive: true })
  await writeFile(join(base, 'uploads', 'logo.png'), 'first')
  await writeFile(join(base, 'uploads', 'odd\u001b[31m'), 'x')
  await writeFile(join(base, 'uploads', 'sub', 'deep'), 'y')
  await symlink('../logo.png', join(base, 'uploads', 'sub', 'link'))
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
    objectives: { rpo: 5m }
    components:
      database:
        ${databaseConfig(cluster)}
      uploads: { type: files, paths: [${base}/uploads], follows: database }
    backups: [{ every: 'daily 02:00' }]
`
}
