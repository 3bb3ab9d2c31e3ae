import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { failures } from '../../domain/failures.ts'
import { addresses } from '../support/dns-rig.ts'
import { startTemporal, waitFor } from '../support/rig.ts'
import { createTwoSites, type TwoSites } from '../support/two-sites.ts'
import { type Muster, typedMuster } from '../support/typed-muster.ts'

describe('scenario data-centre-loss: the site does not answer any more', function () {
  this.timeout(240_000)
  let env: TestWorkflowEnvironment
  let sites: TwoSites
  let muster: Muster

  before(async () => {
    env = await startTemporal()
    sites = await createTwoSites(env)
    // The people stand at the other site.
    muster = typedMuster(sites.installation.beta, env.client, { user: 'carol' })
    await sites.cluster.sql('insert into markers select generate_series(1, 10)')
    await muster.good('backup', 'shop')
    await sites.cluster.sql('insert into markers values (11)')
    await muster.good('archive-wal', 'shop')
    // One copy is enough for that, and the near one is lost with the site.
    const { postgresql, shipperSocket } = sites.home.agent
    await postgresql.shipperRequest(shipperSocket, 'flush', { system: 'shop', component: 'database', stores: ['offsite'], timeoutSeconds: 60 })
  })
  after(async () => {
    muster?.stop()
    await sites?.stop()
    await env?.teardown()
  })

  it('is not the place to ask copies that would be restored at the other one', async () => {
    const words = ['scenario', 'accidental-deletion', 'shop', '--at', new Date().toISOString(), '--probe', 'select true', '--yes']
    const { exitCode, stderr } = await muster.run(...words)
    assert.equal(exitCode, failures.PreconditionFailed.exitCode, stderr)
    assert.match(stderr, /the copies would be on host alpha, and its key does not lie on this machine\n {2}→ run this on alpha/)
  })

  it('fails over to what was shipped, once two people say that the site is out, and proves the other site', async () => {
    await sites.home.stopAgent()
    await sites.home.stopShipper()
    await sites.cluster.kill()
    const plan = JSON.parse(await muster.good('scenario', 'data-centre-loss', 'shop', '--plan', '--json'))
    assert.deepEqual([plan.facts.activeSite, plan.facts.otherSite], ['primary', 'dr'])
    assert.deepEqual(
      plan.steps.map(({ id, temporal }: { id: string; temporal: { input: { at?: string } } }) => [id, temporal.input.at]),
      [
        ['failover', 'dr'],
        ['prove', 'dr'],
      ],
    )
    const sequence = muster.approved('bob', 0, 'scenario', 'data-centre-loss', 'shop', '--yes', '--json')
    const handle = env.client.workflow.getHandle('target/shop')
    const phase = async () => (await handle.describe().catch(() => null))?.memo?.['phase']
    await waitFor('the fence to wait for people', async () => (await phase()) === 'fence: waiting for people', 90)
    await Promise.all(['alice', 'bob'].map((person) => muster.good('fence', 'target/shop', '--as', person, '--statement', 'no power at alpha since 03:10')))
    const { stdout } = await sequence
    assert.deepEqual(
      JSON.parse(stdout).steps.map(({ id, outcome }: { id: string; outcome: string }) => [id, outcome]),
      [
        ['failover', 'succeeded'],
        ['prove', 'succeeded'],
      ],
    )
    assert.deepEqual(await sites.awaySql('select max(n) as n, count(*)::int as all from markers'), [{ n: 11, all: 11 }])
    assert.equal(await readFile(join(sites.installation.base, 'uploads-there', 'logo.txt'), 'utf8'), 'first')
    assert.equal(await sites.away.serviceState(), 'running')
    assert.deepEqual(await sites.dns.held(`app.${sites.dns.zone}`, 'A'), [`app.${sites.dns.zone} 60 IN A ${addresses.dr}`])
    assert.equal((await sites.state()).site?.site, 'dr')
  })
})
