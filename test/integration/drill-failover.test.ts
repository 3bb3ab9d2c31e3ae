import assert from 'node:assert/strict'
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { DrillResult, MonitorHealthResult } from '../../workflows/messages.ts'
import { addresses } from '../support/dns-rig.ts'
import { startTemporal } from '../support/rig.ts'
import { createTwoSites, type TwoSites } from '../support/two-sites.ts'

describe('a drill of a failover, on real parts', function () {
  this.timeout(180_000)
  let env: TestWorkflowEnvironment
  let sites: TwoSites
  let number = 0

  before(async () => {
    env = await startTemporal()
    sites = await createTwoSites(env)
    await sites.cluster.sql('insert into markers select generate_series(1, 10)')
    await run('backupSystem', 'primary')
    await sites.cluster.sql('insert into markers values (11)')
    await run('archiveWal', 'primary')
  })
  after(async () => {
    await sites?.stop()
    await env?.teardown()
  })

  const run = <R>(type: string, site: string, input: object = {}): Promise<R> =>
    env.client.workflow.execute(type, {
      taskQueue: 'muster',
      workflowId: `${type}/${(number += 1)}`,
      args: [{ system: 'shop', requestedBy: 'alice', ...input }],
      memo: { site },
    }) as Promise<R>

  /** What a failover would have changed. */
  async function standing(): Promise<unknown> {
    const { site, fences, incarnations } = await sites.state()
    return {
      services: [await sites.home.serviceState(), await sites.away.serviceState()],
      record: await sites.dns.held(`app.${sites.dns.zone}`, 'A'),
      site,
      fences,
      lives: incarnations.length,
      answers: await sites.cluster.sql('select 1 as one'),
    }
  }

  it('restores the newest moment at the other site, plans the failover with its records, and changes neither site', async () => {
    const before = await standing()
    const { outcome, evidence } = await run<DrillResult>('drill', 'dr', { kind: 'failover' })
    assert.equal(outcome, 'succeeded', evidence.deviations.join('; '))
    assert.deepEqual([evidence.kind, evidence.host], ['failover', 'beta'])
    const [planned, record, ...checks] = evidence.checks
    assert.equal(planned?.name, 'failover from primary to dr can be planned')
    assert.deepEqual([record?.name, record?.detail], [`app.${sites.dns.zone} A can be changed`, `to ${addresses.dr}`])
    assert.equal(checks.find(({ name }) => name.includes('markers'))?.detail, '11')
    assert.ok((evidence.measured.rtoSeconds ?? 0) > 0)
    assert.deepEqual(await standing(), before)
    assert.deepEqual(await readdir(join(sites.installation.beta.home, 'hosts', 'beta', 'drills')).catch(() => []), [])
    await assert.rejects(sites.awaySql('select 1'))
  })

  it('fails, and says why, where the failover could not change its record', async () => {
    const file = join(sites.installation.base, 'tsig')
    const right = await readFile(file, 'utf8')
    await writeFile(file, Buffer.from('another key, as long as the right one').toString('base64'), { mode: 0o600 })
    try {
      await assert.rejects(run('drill', 'dr', { kind: 'failover' }), (error: Error) => /key/.test(String((error.cause as Error).message)))
    } finally {
      await writeFile(file, right, { mode: 0o600 })
    }
    assert.equal((await run<DrillResult>('drill', 'dr', { kind: 'failover' })).outcome, 'succeeded')
  })

  it('is not ready, says the health of the system, where no store has the recovery kit of the other site', async () => {
    const kits = async () => (await run<MonitorHealthResult>('monitorHealth', 'primary')).reasons.filter(({ text }) => text.includes('recovery kit'))
    assert.deepEqual(await kits(), [])
    const places = ['near', 'offsite'].map((store) => join(sites.installation.base, 'stores', store, 'recovery-kits'))
    for (const place of places) await rename(place, `${place}.away`)
    try {
      const [reason, ...others] = await kits()
      assert.deepEqual(
        [reason?.word, reason?.text, reason?.next, others],
        ['degraded', 'a failover to dr is not ready: no store has a recovery kit of it', 'muster apply, where the keys and secrets are', []],
      )
    } finally {
      for (const place of places) await rename(`${place}.away`, place)
    }
    assert.deepEqual(await kits(), [])
  })

  it('is refused at the site where the system is, and scheduled at the other', async () => {
    await assert.rejects(run('drill', 'primary', { kind: 'failover' }), (error: Error) => /would go to dr/.test(String((error.cause as Error).message)))
    await sites.apply('    drills: [{ name: rehearsal, kind: failover, every: monthly day 1 03:00 }]\n')
    const { action } = await env.client.schedule.getHandle('muster/test/shop/drill-rehearsal').describe()
    assert.deepEqual([action.workflowType, action.memo?.['site']], ['drill', 'dr'])
  })
})
