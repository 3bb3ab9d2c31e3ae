import assert from 'node:assert/strict'
import { access, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { Standby } from '../../domain/standby.ts'
import { parseLsn } from '../../domain/wal.ts'
import type { MonitorHealthResult, MoveResult, RefreshStandbyResult } from '../../workflows/messages.ts'
import { startTemporal } from '../support/rig.ts'
import { createTwoSites, type TwoSites } from '../support/two-sites.ts'

describe('a standby at the other site, on real parts', function () {
  this.timeout(240_000)
  let env: TestWorkflowEnvironment
  let sites: TwoSites
  let number = 0

  before(async () => {
    env = await startTemporal()
    sites = await createTwoSites(env, {
      // Both agents are there all the time: nobody waits until one is missed.
      limits: '{ agent: 30s, heartbeat: 30s }',
      failover: ['mode: warm', 'refreshEvery: 24h'],
      restore: '{ commitAfter: 0, approvals: { count: 0 } }',
      checks: '[{ sql: "select count(*) from markers", min: 1 }, { sql: "select count(*) from markers where n >= 0", min: 1 }]',
    })
    const space = await sites.cluster.makeDirectory('space')
    await sites.cluster.sql(`create tablespace roomy location '${space}'`)
    await sites.cluster.sql('create table bulk (n int) tablespace roomy; grant select on bulk to muster; insert into bulk values (1)')
    await sites.cluster.sql('insert into markers select generate_series(1, 10)')
    await run('backupSystem', 'primary')
  })
  after(async () => {
    await sites?.stop()
    await env?.teardown()
  })

  async function start(type: string, site: string, input: object = {}, id = `${type}/${(number += 1)}`) {
    return env.client.workflow.start(type, { taskQueue: 'muster', workflowId: id, args: [{ system: 'shop', ...input }], memo: { site } })
  }
  async function run<R>(type: string, site: string, input: object = {}, id?: string): Promise<R> {
    return (await start(type, site, input, id)).result() as Promise<R>
  }
  const refresh = () => run<RefreshStandbyResult>('refreshStandby', 'dr')
  const place = () => join(sites.awayDirectory, '..', '.muster-shop-database-standby')
  const note = async () => JSON.parse(await readFile(join(place(), 'standby.json'), 'utf8')) as Standby
  const runsThere = (directory: string) =>
    access(join(directory, 'postmaster.pid')).then(
      () => true,
      () => false,
    )
  /** The newest commit has to be in the stores before a refresh can see it. */
  const ship = () => run('archiveWal', 'primary')

  /** Names of the steps of a run. */
  async function stepsOf(type: string, site: string, id: string): Promise<{ readonly result: MoveResult | null; readonly steps: readonly string[] }> {
    const handle = await start(type, site, { requestedBy: 'alice' }, id)
    const result = (await handle.result().catch(() => null)) as MoveResult | null
    const { events } = await handle.fetchHistory()
    return { result, steps: (events ?? []).flatMap((one) => one.activityTaskScheduledEventAttributes?.activityType?.name ?? []) }
  }

  it('is reported as missing by the plan and by the health of the system', async () => {
    const { plan } = await run<MoveResult>('failover', 'dr', { planOnly: true })
    assert.ok(plan.forecast.warnings.includes('database has no standby here: it is restored from a backup'))
    const { reasons } = await run<MonitorHealthResult>('monitorHealth', 'primary')
    assert.ok(reasons.some(({ text }) => text === 'a failover to dr is not ready: database has no standby here: it is restored from a backup'))
  })

  it('is refreshed on schedule by the site that stands by', async () => {
    const handle = env.client.schedule.getHandle('muster/test/shop/refresh-standby')
    const { action, spec } = await handle.describe()
    assert.deepEqual([action.workflowType, action.memo?.['site']], ['refreshStandby', 'dr'])
    assert.equal(spec.intervals?.[0]?.every, 24 * 3600 * 1000)
  })

  it('begins with a backup, replays what the stores hold, and runs only while it does', async () => {
    await sites.cluster.sql('insert into markers values (11)')
    await ship()
    const { databases } = await refresh()
    assert.deepEqual(
      databases.map(({ component, seeded }) => [component, seeded]),
      [['database', true]],
    )
    const { state, replayedLsn, tablespaces } = await note()
    assert.deepEqual([state, replayedLsn], ['ready', databases[0]?.replayedLsn])
    assert.equal(tablespaces.length, 1)
    assert.equal(await runsThere(join(place(), 'aside', 'data')), false)
  })

  it('goes on from where it was, and keeps only the WAL that it needs', async () => {
    const before = await note()
    await sites.cluster.sql('insert into markers values (12); select pg_switch_wal()')
    await sites.cluster.sql('checkpoint; insert into markers values (13); select pg_switch_wal()')
    await ship()
    const { databases } = await refresh()
    assert.equal(databases[0]?.seeded, false)
    const now = await note()
    assert.equal(now.seed, before.seed)
    assert.ok(parseLsn(now.replayedLsn ?? '') > parseLsn(before.replayedLsn ?? ''))
    await sites.cluster.sql('checkpoint')
    await ship()
    await refresh()
    const segments = (await readdir(join(place(), 'wal'))).filter((name) => /^[0-9A-F]{24}$/.test(name))
    assert.ok(segments.length <= 2, segments.join())
  })

  it('is read against its checksums once a day, and begins anew where a page is damaged', async () => {
    const [{ path } = { path: '' }] = await sites.cluster.sql<{ path: string }>("select pg_relation_filepath('markers') as path")
    await sites.cluster.sql('checkpoint')
    await ship()
    await refresh()
    const before = await note()
    assert.equal(before.verifiedAt, undefined)
    const yesterday = new Date(Date.now() - 25 * 3600_000).toISOString()
    await writeFile(join(place(), 'standby.json'), JSON.stringify({ ...before, seededAt: yesterday }))
    await refresh()
    assert.ok((await note()).verifiedAt)
    const page = await open(join(place(), 'aside', 'data', path), 'r+')
    await page.write(Buffer.from('flipped'), 0, 7, 4000)
    await page.close()
    await writeFile(join(place(), 'standby.json'), JSON.stringify({ ...(await note()), verifiedAt: yesterday }))
    await assert.rejects(refresh(), (error: Error) => /1 pages of .* are damaged: .*verification failed in file/.test(String((error.cause as Error).message)))
    const { plan } = await run<MoveResult>('failover', 'dr', { planOnly: true })
    assert.deepEqual(plan.notWarm, ['the standby of database is not used: it is damaged'])
    assert.equal((await refresh()).databases[0]?.seeded, true)
  })

  it('is refreshed by one run at a time', async () => {
    await rm(place(), { recursive: true })
    const both = await Promise.all([refresh(), refresh()])
    assert.deepEqual(both.map(({ databases }) => databases[0]?.seeded).sort(), [false, true])
    assert.ok(both.some(({ databases }) => databases[0]?.why === 'another run refreshes it now'))
    assert.equal((await refresh()).databases[0]?.seeded, false)
  })

  it('is given back by a failover that does not go on, and is used by the next', async () => {
    const before = await note()
    // The check of the copy fails: nothing is promoted.
    await sites.cluster.sql('create table aside as select * from markers; delete from markers')
    await ship()
    const { result, steps } = await stepsOf('failover', 'dr', 'target/shop')
    assert.equal(result, null)
    assert.ok(steps.includes('adoptStandby') && !steps.includes('restoreDatabaseAside'), steps.join())
    assert.deepEqual([(await note()).state, (await note()).seed], ['ready', before.seed])
    await sites.cluster.sql('insert into markers select * from aside; drop table aside')
    await ship()
    assert.equal((await refresh()).databases[0]?.seeded, false)
    assert.equal(await sites.home.serviceState(), 'running')
  })

  it('is taken over by a failover, with every commit that came after its last refresh', async () => {
    await sites.cluster.sql('insert into markers values (20); insert into bulk values (2)')
    const { plan } = await run<MoveResult>('failover', 'dr', { planOnly: true })
    assert.match(plan.forecast.recoveryPoint[0]?.why ?? '', /^the standby of backup /)
    assert.deepEqual(plan.notWarm, undefined)
    const { result, steps } = await stepsOf('failover', 'dr', 'target/shop')
    assert.equal(result?.outcome, 'succeeded')
    assert.ok(steps.includes('adoptStandby') && !steps.includes('restoreDatabaseAside'), steps.join())
    assert.deepEqual(await sites.awaySql('select max(n) as n, count(*)::int as all from markers'), [{ n: 20, all: 14 }])
    assert.deepEqual(await sites.awaySql('select count(*)::int as all from bulk'), [{ all: 2 }])
    await env.client.workflow.getHandle(result.backup ?? '').result()
    const left = (await readdir(join(sites.awayDirectory, '..', '.muster-shop-database'))).filter((name) => !name.startsWith('epoch-'))
    assert.deepEqual(
      left.filter((name) => ['aside', 'wal', 'standby.json'].includes(name)),
      [],
    )
  })

  it('is not refreshed where the system serves', async () => {
    assert.deepEqual((await refresh()).databases, [])
  })

  it('begins anew once the system is home again, and is taken over again, on the timelines of both moves', async () => {
    await sites.awaySql('insert into markers values (21)')
    const back = await run<MoveResult>('failback', 'primary', {}, 'target/shop')
    assert.equal(back.outcome, 'succeeded')
    await env.client.workflow.getHandle(back.backup ?? '').result()
    await sites.cluster.sql('insert into markers values (22)')
    await ship()
    assert.equal((await refresh()).databases[0]?.seeded, true)
    await sites.cluster.sql('insert into markers values (23)')
    await ship()
    assert.equal((await refresh()).databases[0]?.seeded, false)
  })

  it('begins anew where the system went back to a moment before what it has replayed', async () => {
    const before = await note()
    const lsn = (await sites.cluster.sql('select pg_current_wal_lsn()::text as lsn'))[0] as { readonly lsn: string }
    await sites.cluster.sql('insert into markers values (24)')
    await ship()
    assert.equal((await refresh()).databases[0]?.seeded, false)
    await run('recoverToPointInTime', 'primary', { to: { lsn: lsn.lsn } }, 'target/shop')
    await sites.cluster.sql('insert into markers values (25)')
    await ship()
    const { plan } = await run<MoveResult>('failover', 'dr', { planOnly: true })
    assert.match(plan.notWarm?.join() ?? '', /the standby of database is not used: it replayed to .* beyond .* where that life ended/)
    assert.equal((await refresh()).databases[0]?.seeded, true)
    assert.notEqual((await note()).seed, before.seed)
    const { result, steps } = await stepsOf('failover', 'dr', 'target/shop')
    assert.equal(result?.outcome, 'succeeded')
    assert.ok(steps.includes('adoptStandby'))
    assert.deepEqual(
      await sites.awaySql('select n from markers where n > 20 order by n'),
      [21, 22, 23, 25].map((n) => ({ n })),
    )
    await env.client.workflow.getHandle(result.backup ?? '').result()
  })
})
