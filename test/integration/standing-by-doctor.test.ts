import assert from 'node:assert/strict'
import { copyFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { loadSigner } from '../../adapters/crypto/signature.ts'
import type { DoctorFinding } from '../../clients/cli/desk.ts'
import { appendRecord } from '../../repository/control-records.ts'
import { examine } from '../../wiring/doctor.ts'
import { keyFiles } from '../../wiring/places.ts'
import { startTemporal } from '../support/rig.ts'
import { createTwoSites, type TwoSites } from '../support/two-sites.ts'

describe('doctor on a host of the site that a system fails over to', function () {
  this.timeout(180_000)
  let env: TestWorkflowEnvironment
  let sites: TwoSites

  before(async () => {
    env = await startTemporal()
    sites = await createTwoSites(env)
    await env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup/1', args: [{ system: 'shop' }], memo: { site: 'primary' } })
    const { alpha, beta } = sites.installation
    await copyFile(join(alpha.keys, keyFiles.recipients), join(beta.keys, keyFiles.recipients))
    // The host of the site that may be lost has its own key alone.
    await rename(join(alpha.keys, keyFiles.host('beta')), join(sites.installation.base, 'key-of-beta'))
  })
  after(async () => {
    await sites?.stop()
    await env?.teardown()
  })

  const identity = () => join(sites.installation.alpha.keys, keyFiles.identity)
  const look = (host: 'alpha' | 'beta') => examine(sites.installation[host], { system: 'shop' })
  const about = (all: readonly DoctorFinding[], what: string) =>
    all.filter((one) => one.about === what).map(({ severity, message }) => `${severity}: ${message}`)
  const amiss = (all: readonly DoctorFinding[]) =>
    all.filter((one) => one.about.startsWith('failover of') && one.severity !== 'ok').map(({ message }) => message)

  it('examines there what the failover would use: programs, identity, room, services', async () => {
    const all = await look('beta')
    assert.deepEqual(amiss(all), [])
    const database = about(all, 'failover of shop/database to dr').join('\n')
    assert.match(database, /ok: .* free at .*\/away.*\/data for /)
    assert.match(database, /ok: the server would be run by \S+/)
    assert.match(database, /ok: the programs of PostgreSQL \d+ are here/)
    assert.match(database, /ok: the identity was tried with backup \S+ from offsite/)
    assert.match(about(all, 'failover of shop/uploads to dr').join('\n'), /ok: .* free at .*uploads-there for /)
    assert.deepEqual(about(all, 'failover of service shop/web to dr'), ['ok: is stopped, and its state can be told'])
    assert.deepEqual(about(all, 'database shop/database'), ['ok: is on host alpha; examine it there'])
  })

  it('says what would stop the failover there: another identity, a service that runs already', async () => {
    const kept = `${identity()}.kept`
    const service = join(sites.installation.base, 'service-away.running')
    await rename(identity(), kept)
    await writeFile(service, 'running\n')
    try {
      const found = amiss(await look('beta'))
      assert.ok(found.includes(`the age identity ${identity()} cannot be read on this host`), found.join('\n'))
      assert.ok(found.includes('it runs, and shop is active at primary'), found.join('\n'))
    } finally {
      await rename(kept, identity())
      await rm(service)
    }
    assert.deepEqual(amiss(await look('beta')), [])
  })

  it('examines at home what serves there, and nothing of the other site', async () => {
    const all = await look('alpha')
    assert.match(about(all, 'database shop/database').join('\n'), /ok: PostgreSQL \S+.* answers, is the server of /)
    assert.deepEqual(about(all, 'service shop/web')[0]?.replace(/;.*/, ''), 'ok: is running')
    assert.deepEqual(
      all.filter((one) => one.about.startsWith('failover of')),
      [],
    )
  })

  it('changes sides with the system: where it is active now counts', async () => {
    const { alpha } = sites.installation
    const { agent } = sites.home
    const { config } = await agent.config(null)
    const stores = await Promise.all(Object.keys(config.stores).map((name) => agent.store(config, name)))
    const writer = { stores, verifier: await agent.verifier(config), organisation: 'Test', by: 'control', now: () => new Date() }
    const signer = await loadSigner(join(alpha.keys, keyFiles.control))
    await appendRecord({ ...writer, signer }, 'shop', () => ({ kind: 'site', site: 'dr', controlIncarnation: 2 }))
    const there = await look('beta')
    assert.deepEqual(amiss(there), [])
    assert.match(about(there, 'database shop/database').join('\n'), /problem: .*shop\/database/, 'no server is there, and it is the active one')
    const home = await look('alpha')
    assert.deepEqual(about(home, 'database shop/database'), ['ok: is on host beta; examine it there'])
    assert.match(about(home, 'failover of shop/database to primary').join('\n'), /ok: the identity was tried with backup/)
    assert.deepEqual(about(home, 'failover of service shop/web to primary'), ['warning: it runs, and shop is active at dr'])
  })
})
