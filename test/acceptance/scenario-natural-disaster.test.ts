import assert from 'node:assert/strict'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { failures } from '../../domain/failures.ts'
import { addresses } from '../support/dns-rig.ts'
import { startTemporal, waitFor } from '../support/rig.ts'
import { createTwoSites, type TwoSites } from '../support/two-sites.ts'
import { type Muster, typedMuster } from '../support/typed-muster.ts'

describe('scenario natural-disaster: home is destroyed, rebuilt, and gone back to', function () {
  this.timeout(240_000)
  let env: TestWorkflowEnvironment
  let sites: TwoSites
  let muster: Muster
  const uploads = (where: string, name: string) => join(sites.installation.base, where, name)

  before(async () => {
    env = await startTemporal()
    sites = await createTwoSites(env)
    muster = typedMuster(sites.installation.beta, env.client, { user: 'carol' })
    await sites.cluster.sql('insert into markers select generate_series(1, 10)')
    await muster.good('backup', 'shop')
    await muster.good('archive-wal', 'shop')
  })
  after(async () => {
    muster?.stop()
    await sites?.stop()
    await env?.teardown()
  })

  it('moves away when everything at home is gone, and ends before the way back', async () => {
    await sites.home.stopAgent()
    await sites.home.stopShipper()
    await sites.cluster.kill()
    await rm(sites.cluster.directory, { recursive: true })
    await rm(join(sites.installation.base, 'uploads'), { recursive: true })
    const sequence = muster.approved('bob', 0, 'scenario', 'natural-disaster', 'shop', '--yes')
    const handle = env.client.workflow.getHandle('target/shop')
    const phase = async () => (await handle.describe().catch(() => null))?.memo?.['phase']
    await waitFor('the fence to wait for people', async () => (await phase()) === 'fence: waiting for people', 90)
    await Promise.all(['alice', 'bob'].map((person) => muster.good('fence', 'target/shop', '--as', person, '--statement', 'alpha stands under water')))
    const { stdout } = await sequence
    assert.match(stdout, /so far done. It goes on when primary is rebuilt[\s\S]*→ muster scenario natural-disaster shop --from failback --yes/)
    assert.deepEqual(await sites.awaySql('select count(*)::int as n from markers'), [{ n: 10 }])
  })

  it('lives at the other site meanwhile, and goes home with everything, by the command that it printed', async () => {
    await sites.awaySql('insert into markers values (21)')
    await muster.good('backup', 'shop')
    await writeFile(uploads('uploads-there', 'new.txt'), 'made at the other site')
    await sites.awaySql('insert into markers values (22)')
    const early = await muster.run('scenario', 'natural-disaster', 'shop', '--yes')
    assert.equal(early.exitCode, failures.PreconditionFailed.exitCode)
    assert.match(early.stderr, /has moved to dr already[\s\S]*--from failback/)
    // Rebuilt: new disks and a boot, so nothing of the old server is on them; agent and shipper run.
    for (const name of await readdir(join(sites.cluster.base, 'socket'))) await rm(join(sites.cluster.base, 'socket', name))
    await sites.home.startAgent()
    await sites.home.startShipper()
    const { stdout } = await muster.approved('bob', 0, 'scenario', 'natural-disaster', 'shop', '--from', 'failback', '--yes', '--json')
    const { steps, next } = JSON.parse(stdout)
    assert.deepEqual(
      [...steps.map(({ id, outcome }: { id: string; outcome: string }) => [id, outcome]), next],
      [['failback', 'succeeded'], ['prove-home', 'succeeded'], null],
    )
    assert.deepEqual(await sites.cluster.sql('select max(n) as n, count(*)::int as all from markers'), [{ n: 22, all: 12 }])
    assert.equal(await readFile(uploads('uploads', 'new.txt'), 'utf8'), 'made at the other site')
    assert.deepEqual([await sites.home.serviceState(), await sites.away.serviceState()], ['running', 'stopped'])
    assert.deepEqual(await sites.dns.held(`app.${sites.dns.zone}`, 'A'), [`app.${sites.dns.zone} 60 IN A ${addresses.primary}`])
    assert.equal((await sites.state()).site?.site, 'primary')
  })
})
