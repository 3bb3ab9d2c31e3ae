import assert from 'node:assert/strict'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { startTemporal, waitFor } from '../support/rig.ts'
import { createTwoSites, type TwoSites } from '../support/two-sites.ts'
import { type Muster, typedMuster } from '../support/typed-muster.ts'

describe('an apply where systems may fail over', function () {
  this.timeout(240_000)
  let env: TestWorkflowEnvironment
  let sites: TwoSites
  let muster: Muster

  before(async () => {
    env = await startTemporal()
    sites = await createTwoSites(env)
    muster = typedMuster(sites.installation.alpha, env.client)
  })
  after(async () => {
    muster?.stop()
    await sites?.stop()
    await env?.teardown()
  })

  it('says that nothing could be restored there before the first backup, and that it could after it', async () => {
    // Before its shipper has said who the database is, nothing is known of it at all.
    await waitFor('the first incarnation', async () => (await sites.state()).incarnations.length > 0)
    assert.match(await muster.good('apply'), /failover shop to dr {3}NOT READY: no base backup leads to incarnation/)
    await muster.good('backup', 'shop')
    assert.match(await muster.good('apply'), /failover shop to dr {3}✓ can be planned; loss now: database: commits after /)
  })

  it('says which agent is missing, or that nobody there could look, and is applied all the same', async () => {
    await sites.away.stopAgent()
    await sites.away.startAgent({ host: false })
    assert.match(await muster.good('apply'), /failover shop to dr {3}NOT READY: no agent of host beta took the step: observeTargets/)
    await sites.away.stopAgent()
    await sites.home.stopAgent()
    await sites.home.startAgent({ workflows: true })
    assert.match(await muster.good('apply'), /applied [0-9a-f]{12}\n[\s\S]*failover shop to dr {3}could not be looked at: no worker of site dr answers/)
  })
})
