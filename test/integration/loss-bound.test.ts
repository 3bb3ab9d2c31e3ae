import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { MoveResult } from '../../workflows/messages.ts'
import { startTemporal, waitFor } from '../support/rig.ts'
import { createTwoSites, type TwoSites } from '../support/two-sites.ts'

const maxLossSeconds = 1

describe('a failover from a store that is older than it may be', function () {
  this.timeout(240_000)
  let env: TestWorkflowEnvironment
  let sites: TwoSites

  before(async () => {
    env = await startTemporal()
    sites = await createTwoSites(env, { failover: [`maxLoss: ${maxLossSeconds}s`] })
    await sites.cluster.sql('insert into markers select generate_series(1, 10)')
    await env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup/1', args: [{ system: 'shop' }], memo: { site: 'primary' } })
    await sites.home.agent.postgresql.shipperRequest(sites.home.agent.shipperSocket, 'flush', { system: 'shop', component: 'database', timeoutSeconds: 20 })
    await sites.home.stopShipper()
    await sites.home.stopAgent()
    await sites.cluster.sql('insert into markers values (11)')
    await sleep(maxLossSeconds * 1000)
  })
  after(async () => {
    await sites?.stop()
    await env?.teardown()
  })

  const start = (workflowId: string, input: object) =>
    env.client.workflow.start('failover', { taskQueue: 'muster', workflowId, memo: { site: 'dr' }, args: [{ system: 'shop', requestedBy: 'alice', ...input }] })

  it('is planned, and shows what has to be accepted', async () => {
    const { plan } = (await (await start('plan/1', { planOnly: true })).result()) as MoveResult
    assert.match(plan.forecast.beyond ?? '', /^database: commits after .*: up to .* of commits would be lost, and maxLoss is 1 s$/)
    assert.ok(plan.forecast.warnings.some((text) => text.startsWith('has to be accepted (--accept-loss): ')))
    assert.deepEqual(plan.decision.bounds, { maxLossSeconds })
  })

  it('does not begin without that', async () => {
    await assert.rejects((await start('target/shop', {})).result(), (error: Error) =>
      /Accept it: muster failover shop --accept-loss/.test(String((error.cause as Error).message)),
    )
    assert.equal((await sites.state()).site?.site, 'primary')
  })

  it('goes on once it was said, however long people take after that, and the decision that they approve says so', async () => {
    const handle = await start('target/shop', { acceptLoss: true })
    const at = (phase: string) => waitFor(phase, async () => (await handle.describe()).memo?.['phase'] === phase)
    await at('waiting for approval')
    const plan = String((await handle.describe()).memo?.['plan'])
    await handle.executeUpdate('approve', { args: [{ plan, person: 'alice' }] })
    await at('fence: waiting for people')
    for (const person of ['alice', 'bob']) await handle.executeUpdate('attest', { args: [{ plan, person, statement: 'the link of alpha is pulled' }] })
    const result = (await handle.result()) as MoveResult
    assert.deepEqual([result.outcome, result.plan.decision.move?.acceptLoss], ['succeeded', true])
    assert.deepEqual(await sites.awaySql('select max(n) as n from markers'), [{ n: 10 }])
  })
})
