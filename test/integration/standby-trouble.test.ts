import assert from 'node:assert/strict'
import { access, appendFile, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { Work } from '../../activities/boundary.ts'
import { adoptStandby } from '../../activities/host/standby/adopt-standby.ts'
import { discardAside } from '../../activities/host/restore/swap.ts'
import type { DatabaseStep } from '../../activities/host/restore/types.ts'
import type { PostgresqlDecision } from '../../domain/decision.ts'
import type { Standby } from '../../domain/standby.ts'
import type { MoveResult, RefreshStandbyResult } from '../../workflows/messages.ts'
import { startTemporal } from '../support/rig.ts'
import { createTwoSites, type TwoSites } from '../support/two-sites.ts'

describe('a standby in trouble, on real parts', function () {
  this.timeout(240_000)
  let env: TestWorkflowEnvironment
  let sites: TwoSites
  let number = 0

  before(async () => {
    env = await startTemporal()
    sites = await createTwoSites(env, {
      // No agent leaves here, and a busy machine may take seconds to wake one.
      limits: '{ agent: 30s, heartbeat: 5s }',
      failover: ['mode: warm', 'refreshEvery: 24h'],
      restore: '{ commitAfter: 0, approvals: { count: 0 } }',
    })
    const space = await sites.cluster.makeDirectory('space')
    await sites.cluster.sql(`create tablespace roomy location '${space}'`)
    await sites.cluster.sql('create table bulk (n int) tablespace roomy; insert into bulk values (1); insert into markers select generate_series(1, 10)')
    await run('backupSystem', 'primary')
    await refresh()
  })
  after(async () => {
    await sites?.stop()
    await env?.teardown()
  })

  const run = async <R>(type: string, site: string, input: object = {}): Promise<R> => {
    const handle = await start(type, site, input)
    return handle.result() as Promise<R>
  }
  const start = (type: string, site: string, input: object = {}, id = `${type}/${(number += 1)}`) =>
    env.client.workflow.start(type, { taskQueue: 'muster', workflowId: id, args: [{ system: 'shop', requestedBy: 'alice', ...input }], memo: { site } })
  const refresh = () => run<RefreshStandbyResult>('refreshStandby', 'dr')
  const plan = () => run<MoveResult>('failover', 'dr', { planOnly: true })
  const place = () => join(dirname(sites.awayDirectory), '.muster-shop-database-standby')
  const data = () => join(place(), 'aside', 'data')
  const noteFile = () => join(place(), 'standby.json')
  const note = async () => JSON.parse(await readFile(noteFile(), 'utf8')) as Standby
  const write = (value: Standby) => writeFile(noteFile(), JSON.stringify(value))
  const isThere = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    )
  const space = ({ tablespaces }: Standby) => tablespaces[0]?.into as string

  /** A step of a run that was planned now. */
  async function stepOf(run: string): Promise<DatabaseStep> {
    const { decision } = (await plan()).plan
    const database = decision.components.find((one): one is PostgresqlDecision => one.type === 'postgresql') as PostgresqlDecision
    assert.ok(database.standby)
    const { configHash, target } = decision
    return { system: 'shop', component: 'database', configHash, run, target, mode: 'move', identityFile: null, decision: database }
  }
  const work = (runId: string): Work => ({ ...nothing, runId, label: `muster:${runId}:1` })

  it('keeps its tablespaces when a run that never took it gives up', async () => {
    const step = await stepOf('target/shop:never')
    await discardAside(sites.away.agent)(step, work('never'))
    assert.deepEqual([(await note()).state, await isThere(space(await note()))], ['ready', true])
  })

  it('is not removed in parts by a refresh while a run that waits for people still holds it', async () => {
    const taken = await note()
    await write({ ...taken, state: 'adopted', adoptedBy: 'target/shop:waiting', adoptedAt: new Date(Date.now() - 2 * 3600_000).toISOString() })
    assert.equal((await refresh()).databases[0]?.seeded, true)
    assert.equal(await isThere(space(taken)), true)
    assert.notEqual((await note()).seed, taken.seed)
  })

  for (const [what, text] of [
    ['cut off', '{"format":"muster-standby-1","sta'],
    ['empty', ''],
    ['of another form', '{"format":"muster-standby-1","state":"ready","seed":"../../.."}'],
  ] as const) {
    it(`does not stop a plan whose note is ${what}`, async () => {
      const right = await readFile(noteFile(), 'utf8')
      await writeFile(noteFile(), text)
      const { notWarm } = (await plan()).plan
      assert.deepEqual(notWarm, ['database has no standby here: it is restored from a backup'])
      await writeFile(noteFile(), right)
    })
  }

  it('is not planned with where a tablespace of it is gone', async () => {
    const mine = await note()
    await rename(space(mine), `${space(mine)}.away`)
    assert.deepEqual((await plan()).plan.notWarm, ['database has no standby here: it is restored from a backup'])
    await rename(`${space(mine)}.away`, space(mine))
    assert.equal((await plan()).plan.notWarm, undefined)
  })

  it('gives nothing back that was restored instead of it', async () => {
    const step = await stepOf('target/shop:late')
    await rename(join(data(), 'global', 'pg_control'), join(place(), 'pg_control'))
    const { adopted } = await adoptStandby(sites.away.agent)(step, work('late'))
    assert.equal(adopted, false)
    await discardAside(sites.away.agent)(step, work('late'))
    assert.equal(await isThere(noteFile()), false)
    assert.equal((await refresh()).databases[0]?.seeded, true)
  })

  it('fails where its server turns every client away', async () => {
    const map = join(data(), 'global', 'pg_filenode.map')
    await rename(map, join(place(), 'map'))
    await assert.rejects(refresh(), (error: Error) => /pg_filenode.map/.test(String((error.cause as Error).message)))
    await rename(join(place(), 'map'), map)
    assert.equal((await refresh()).databases[0]?.seeded, false)
  })

  it('is begun anew when its copy does not come up again and again, and two refreshes at once leave one that is sound', async () => {
    const before = await note()
    await damage()
    for (let round = 0; round < 3; round++) await assert.rejects(refresh(), (error: Error) => /not refreshed/.test(String((error.cause as Error).message)))
    assert.match((await plan()).plan.notWarm?.join() ?? '', /did not come up in 3 refreshes/)
    await Promise.allSettled([refresh(), refresh()])
    assert.equal((await refresh()).databases.length, 1)
    const now = await note()
    assert.deepEqual([now.state, now.seed === before.seed], ['ready', false])
  })

  it('is left for its backup by a failover that finds its copy damaged', async () => {
    await sites.cluster.sql('insert into markers values (11); insert into bulk values (2)')
    await damage()
    assert.equal((await plan()).plan.notWarm, undefined)
    const handle = await start('failover', 'dr', {}, 'target/shop')
    const result = (await handle.result()) as MoveResult
    assert.equal(result.outcome, 'succeeded')
    const { events } = await handle.fetchHistory()
    const steps = (events ?? []).flatMap((one) => one.activityTaskScheduledEventAttributes?.activityType?.name ?? [])
    assert.ok(steps.includes('adoptStandby') && steps.includes('restoreDatabaseAside'), steps.join())
    assert.deepEqual(await sites.awaySql('select max(n) as n, (select count(*)::int from bulk) as bulk from markers'), [{ n: 11, bulk: 2 }])
    assert.equal(await isThere(noteFile()), false)
    await env.client.workflow.getHandle(result.backup ?? '').result()
  })

  /** As a disk does: the server cannot start, and nothing that is looked at before says so. */
  async function damage(): Promise<void> {
    await appendFile(join(data(), 'postgresql.auto.conf'), 'no setting at all\n')
  }
})

const nothing: Work = {
  signal: new AbortController().signal,
  label: 'test',
  attempt: 1,
  activityId: '1',
  runId: 'test',
  workflowId: 'test',
  progress: () => undefined,
  assertCurrent: () => Promise.resolve(),
}
