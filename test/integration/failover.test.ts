import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { Evidence } from '../../domain/evidence.ts'
import { walIndexPrefix } from '../../domain/object-keys.ts'
import type { Incarnation } from '../../domain/repository-format.ts'
import { isSegmentName, parseLsn, parseSegmentName } from '../../domain/wal.ts'
import { publishWal } from '../../repository/wal-publish.ts'
import { openDocument } from '../../repository/signed-document.ts'
import { divergedHere } from '../../wiring/diverged.ts'
import { guardHere } from '../../wiring/guard.ts'
import type { MoveResult } from '../../workflows/messages.ts'
import { startTemporal, waitFor } from '../support/rig.ts'
import { addresses } from '../support/dns-rig.ts'
import { failsWith } from '../support/fails-with.ts'
import { createTwoSites, type TwoSites } from '../support/two-sites.ts'

/** As the shipper of home does it. */
async function archive({ home }: TwoSites, directory: string, segments: readonly string[], { incarnation, timelineId }: Incarnation): Promise<void> {
  const { agent } = home
  const { config } = await agent.config(null)
  const parts = { stores: [await agent.store(config, 'near')], encryption: agent.encryption(config), signer: await agent.signer() }
  for (const segment of segments) {
    const path = join(directory, segment)
    const sizeBytes = (await stat(path)).size
    const { startLsn } = parseSegmentName(segment, sizeBytes)
    const { compressed, done } = agent.postgresql.compressRange(path, 0, sizeBytes)
    const about = { organisation: config.organisation, system: 'shop', component: 'database', incarnation, timelineId, segment, kind: 'segment' as const }
    const times = { firstCommitAt: null, lastCommitAt: null, lastCommitLsn: null }
    const facts = { ...about, ...times, startLsn, endLsn: startLsn + BigInt(sizeBytes), stores: ['near'], writer: { host: 'alpha', muster: '0' } }
    const [published] = await publishWal(parts, compressed, facts, `${path}.age`)
    await done
    assert.equal(published?.problem, null)
  }
}

describe('failover to the other site, on real parts', function () {
  this.timeout(240_000)
  let env: TestWorkflowEnvironment

  before(async () => {
    env = await startTemporal()
  })
  after(async () => {
    await env?.teardown()
  })

  async function backUp(site = 'primary'): Promise<void> {
    await env.client.workflow.execute('backupSystem', {
      taskQueue: 'muster',
      workflowId: `backup/${site}/${Date.now()}`,
      args: [{ system: 'shop' }],
      memo: { site },
    })
  }

  async function move(
    type: 'failover' | 'failback' | 'switchover',
    site: string,
    during: (plan: string) => Promise<void> = async () => undefined,
  ): Promise<MoveResult> {
    const common = { taskQueue: 'muster', memo: { site } }
    const input = { system: 'shop', requestedBy: 'alice' }
    const planned = (await env.client.workflow.execute(type, {
      ...common,
      workflowId: `plan/${Date.now()}`,
      args: [{ ...input, planOnly: true }],
    })) as MoveResult
    const { decisionHash, decision } = planned.plan
    const handle = await env.client.workflow.start(type, {
      ...common,
      workflowId: 'target/shop',
      args: [{ ...input, approve: decisionHash, expiresAt: decision.expiresAt }],
    })
    const [result] = await Promise.all([handle.result(), during(decisionHash)])
    return result as MoveResult
  }

  /** As it lies in the store of the site where the system is now; no host there reaches the other one. */
  async function evidenceOf(sites: TwoSites, { record }: MoveResult): Promise<Evidence> {
    assert.deepEqual(record?.stores, ['offsite'])
    const file = join(sites.installation.base, 'stores', 'offsite', record?.key ?? '')
    const { config } = await sites.away.agent.config(null)
    return openDocument<Evidence>(await sites.away.agent.verifier(config), 'evidence', await readFile(file), file).value
  }

  describe('where the old side answers', () => {
    let sites: TwoSites
    before(async () => {
      sites = await createTwoSites(env)
    })
    after(async () => {
      await sites?.stop()
    })

    it('stops it, loses nothing, and serves at the other site', async () => {
      await sites.cluster.sql('insert into markers select generate_series(1, 10)')
      await backUp()
      await sites.cluster.sql('insert into markers values (11)')
      const result = await move('failover', 'dr')
      assert.equal(result.outcome, 'succeeded')
      assert.equal(result.fence?.by, 'agents')
      assert.deepEqual(await sites.awaySql('select max(n) as n, count(*)::int as all from markers'), [{ n: 11, all: 11 }])
      assert.equal(await readFile(join(sites.installation.base, 'uploads-there', 'logo.txt'), 'utf8'), 'first')
      assert.deepEqual([await sites.home.serviceState(), await sites.away.serviceState()], ['stopped', 'running'])
      await assert.rejects(sites.cluster.sql('select 1'), 'the old database is stopped')
      assert.deepEqual(await sites.dns.held(`app.${sites.dns.zone}`, 'A'), [`app.${sites.dns.zone} 60 IN A ${addresses.dr}`])
      assert.match(result.dns[0] ?? '', /1 of 1 servers that count have the new answer/)
      const evidence = await evidenceOf(sites, result)
      assert.deepEqual([evidence.outcome, evidence.plan, evidence.requestedBy], ['succeeded', result.plan.decisionHash, 'alice'])
      assert.deepEqual(evidence.move, { from: 'primary', to: 'dr', fence: result.fence, dns: result.dns })
      const { declaredAt, approvedAt, dataReadyAt, serviceVerifiedAt, dnsObservedAt } = evidence.times
      const reached = [declaredAt, approvedAt, dataReadyAt, dnsObservedAt, serviceVerifiedAt]
      assert.deepEqual(reached, reached.map(String).sort())
      assert.equal(evidence.measured.rpoSeconds, 0)
      assert.match(evidence.recovered.find(({ component }) => component === 'database')?.manifestSha256 ?? '', /^[0-9a-f]{64}$/)
      assert.match(evidence.expected?.basis ?? '', /^assumed, never measured/)
      assert.ok((evidence.expected?.measuredSeconds ?? 0) > 0)
      await env.client.workflow.getHandle(result.backup ?? '').result()
    })

    it('starts nothing there that Muster does not start itself, since no store outside can be asked', async () => {
      await assert.rejects(guardHere(sites.installation.beta, 'shop', { host: 'beta', person: 'alice' }), failsWith('Unreachable', /"beta" reaches no store/))
    })

    it('is protected there, and the old site does nothing for it any more', async () => {
      const state = await sites.state()
      assert.equal(state.site?.site, 'dr')
      assert.equal(state.site?.controlIncarnation, 2)
      assert.deepEqual(
        state.fences.map(({ site, proof }) => [site, proof.by]),
        [['primary', 'agents']],
      )
      const schedules = new Map<string, unknown>()
      for await (const { scheduleId } of env.client.schedule.list()) {
        schedules.set(scheduleId, (await env.client.schedule.getHandle(scheduleId).describe()).action.memo?.['site'])
      }
      const archives = [...schedules].filter(([id]) => id.includes('/archive-histories-'))
      assert.deepEqual(archives.map(([id, site]) => [id.split('/').at(-1), site]).sort(), [
        ['archive-histories-dr', 'dr'],
        ['archive-histories-primary', 'primary'],
      ])
      const ofSystem = [...schedules].filter(([id]) => id.includes('/shop/'))
      assert.equal(ofSystem.length, schedules.size - archives.length)
      assert.deepEqual([...new Set(ofSystem.map(([, site]) => site))], ['dr'])
      await backUp('dr')
      await assert.rejects(backUp('primary'), (error: Error) => /is active at site "dr"/.test(String((error.cause as Error).message)))
      await waitFor('the old shipper to stand still', async () => {
        const status = await sites.home.agent.postgresql.shipperRequest(sites.home.agent.shipperSocket, 'status', undefined)
        return status.instances[0]?.state === 'paused'
      })
    })

    it('goes back home without losing a commit or a file, and sets aside what was left there', async () => {
      await sites.awaySql('insert into markers values (21)')
      await writeFile(join(sites.installation.base, 'uploads-there', 'new.txt'), 'made at the other site')
      const result = await move('failback', 'primary')
      assert.equal(result.outcome, 'succeeded')
      assert.deepEqual(await sites.cluster.sql('select max(n) as n, count(*)::int as all from markers'), [{ n: 21, all: 12 }])
      assert.equal(await readFile(join(sites.installation.base, 'uploads', 'new.txt'), 'utf8'), 'made at the other site')
      assert.deepEqual([await sites.home.serviceState(), await sites.away.serviceState()], ['running', 'stopped'])
      assert.equal((await sites.state()).site?.site, 'primary')
      assert.deepEqual(await sites.dns.held(`app.${sites.dns.zone}`, 'A'), [`app.${sites.dns.zone} 60 IN A ${addresses.primary}`])
      assert.ok(result.safety.some(({ path }) => path === sites.cluster.directory))
      assert.match(result.plan.forecast.durationBasis, /^measured in 1 run, newest .*; database as on beta from offsite; stopping the old side assumed$/)
      await env.client.workflow.getHandle(result.backup ?? '').result()
    })

    it('switches over while both work, and refuses to where an agent is missing', async () => {
      await sites.cluster.sql('insert into markers values (22)')
      const result = await move('switchover', 'dr')
      assert.deepEqual(await sites.awaySql('select max(n) as n from markers'), [{ n: 22 }])
      assert.match(result.plan.forecast.durationBasis, /^measured in 2 runs, newest /)
      const { expected } = await evidenceOf(sites, result)
      assert.equal(expected?.seconds, result.plan.forecast.durationSeconds)
      assert.ok((expected?.measuredSeconds ?? 0) > 0)
      await env.client.workflow.getHandle(result.backup ?? '').result()
      await sites.away.stopAgent()
      await sites.away.startAgent({ host: false })
      await assert.rejects(move('failback', 'primary'), (error: Error) => /absent: beta/.test(String((error.cause as Error).message)))
    })
  })

  describe('where the old side is cut off and goes on serving', () => {
    let sites: TwoSites
    before(async () => {
      sites = await createTwoSites(env)
    })
    after(async () => {
      await sites?.stop()
    })

    it('waits until two people say that it is stopped, and then takes over what was shipped', async () => {
      await sites.cluster.sql('insert into markers select generate_series(1, 10)')
      await backUp()
      await sites.cluster.sql('insert into markers values (11)')
      await sites.home.agent.postgresql.shipperRequest(sites.home.agent.shipperSocket, 'flush', { system: 'shop', component: 'database', timeoutSeconds: 20 })
      await sites.home.stopAgent()
      await sites.home.stopShipper()
      await sites.cluster.sql('insert into markers values (12)')
      const result = await move('failover', 'dr', async (plan) => {
        const handle = env.client.workflow.getHandle('target/shop')
        await waitFor('the fence to wait for people', async () => (await handle.describe()).memo?.['phase'] === 'fence: waiting for people')
        const say = (person: string) =>
          handle.executeUpdate('attest', { args: [{ plan, person, statement: 'the link of alpha is pulled, and its service is stopped' }] })
        await say('alice')
        await assert.rejects(say('alice'), (error: Error) => /said so already/.test(String((error.cause as Error).message)))
        assert.equal((await sites.state()).site?.site, 'primary', 'one person is not enough')
        await say('bob')
      })
      assert.equal(result.fence?.by, 'people')
      const { move: moved } = await evidenceOf(sites, result)
      assert.deepEqual(moved?.fence, result.fence)
      assert.deepEqual(await sites.awaySql('select max(n) as n from markers'), [{ n: 11 }])
    })

    async function isStopped(): Promise<boolean> {
      const { agent } = sites.home
      const { config } = await agent.config(null)
      return (await agent.postgresql.observeServer(await agent.instance(config, 'shop', 'database'))).state === 'stopped'
    }

    it('is guarded: the old side may not start, and is stopped when it is reached again', async () => {
      const places = sites.installation.alpha
      await assert.rejects(
        guardHere(places, 'shop', { host: 'alpha', person: 'alice' }),
        failsWith('NotActiveSite', /active at site "dr" since .*, moved there by target\/shop/),
      )
      await sites.cluster.sql('insert into markers values (13)')
      await sites.cluster.sql('insert into markers values (14)')
      assert.equal(await sites.home.serviceState(), 'running')
      await sites.home.startShipper()
      await waitFor('the old service to be stopped', async () => (await sites.home.serviceState()) === 'stopped')
      await waitFor('the old database to be stopped', isStopped)
      const notice = /"severity":"critical".*shop was still served on alpha and is stopped: it is active at site dr/
      await waitFor('the notice', async () => notice.test(await readFile(join(places.home, 'notices.jsonl'), 'utf8')))
      assert.deepEqual(await sites.awaySql('select max(n) as n from markers'), [{ n: 11 }], 'the other side serves on')
    })

    it('counts what the old side committed behind the fork, and leaves it there', async () => {
      const places = sites.installation.alpha
      const report = await divergedHere(places, 'shop', { host: 'alpha' })
      const [database] = report.databases
      assert.equal(database?.directory, sites.cluster.directory)
      assert.equal(database?.incomplete, null)
      // 12 was committed before people said that the side is stopped, 13 and 14 after it; the server may have added its own.
      assert.ok((database?.before ?? 0) >= 1, JSON.stringify(database))
      assert.ok((database?.after ?? 0) >= 2, JSON.stringify(database))
      assert.equal(database?.commits.length, (database?.before ?? 0) + (database?.after ?? 0))
      assert.ok(database?.commits.every(({ lsn }) => parseLsn(lsn) >= parseLsn(database.forkLsn)))
    })

    it('counts the same where a checkpoint has recycled it, from the spool or the stores, and says where nothing is left', async () => {
      const places = sites.installation.alpha
      const look = async () => (await divergedHere(places, 'shop', { host: 'alpha' })).databases[0] ?? assert.fail()
      const whole = await look()
      const { incarnation } = whole
      const life = (await sites.state()).incarnations.find((one) => one.incarnation === incarnation) ?? assert.fail()
      const wal = join(sites.cluster.directory, 'pg_wal')
      const [away, spools] = [join(sites.cluster.base, 'recycled'), join(places.home, 'hosts', 'alpha', 'wal', 'shop.database')]
      const segments = (await readdir(wal)).filter(isSegmentName)
      const bring = async (from: string, to: string) => {
        await mkdir(to, { recursive: true })
        for (const name of segments) await rename(join(from, name), join(to, name))
      }
      await bring(wal, away)
      const spool = join(spools, `${incarnation}.tl${life.timelineId}.aside1`)
      await bring(away, spool)
      assert.deepEqual(await look(), whole, 'from the spool')
      await bring(spool, away)
      await archive(sites, away, segments, life)
      assert.deepEqual(await look(), whole, 'from the store')
      const newest =
        segments
          .filter((name) => !name.endsWith('.partial'))
          .sort()
          .at(-1) ?? assert.fail()
      await rename(join(away, newest), join(wal, newest))
      assert.deepEqual(await look(), whole, 'the newest from pg_wal, the others from the store')
      await rename(join(wal, newest), join(away, newest))
      for (const store of ['near', 'offsite'])
        await rm(join(sites.installation.base, 'stores', store, walIndexPrefix('shop', 'database', incarnation)), { recursive: true })
      await rename(spools, `${spools}.away`)
      assert.match((await look()).incomplete ?? '', /nothing from .* on is there, neither in its pg_wal nor/)
      await rename(`${spools}.away`, spools)
      await bring(away, wal)
      assert.deepEqual(await look(), whole)
      await rename(wal, `${wal}.lost`)
      assert.match((await look()).incomplete ?? '', /pg_wal cannot be read: ENOENT/)
      await rename(`${wal}.lost`, wal)
      assert.deepEqual(await readdir(join(places.home, 'hosts', 'alpha', 'diverged')), [], 'what was fetched is gone again')
    })

    it('leaves the old data as it can be started, and stops it again when it is', async () => {
      // Nobody looks now.
      await sites.home.stopShipper()
      await sites.cluster.start()
      assert.deepEqual(await sites.cluster.sql('select n from markers where n > 11 order by n'), [{ n: 12 }, { n: 13 }, { n: 14 }])
      await sites.home.startShipper()
      await waitFor('the old database to be stopped again', isStopped)
    })

    it('leaves what the old side ships later out, and its shipper stands still', async () => {
      await waitFor('the old shipper to stand still', async () => {
        const status = await sites.home.agent.postgresql.shipperRequest(sites.home.agent.shipperSocket, 'status', undefined)
        return status.instances[0]?.state === 'paused'
      })
      assert.equal((await sites.state()).incarnations.length, 2)
    })
  })
})
