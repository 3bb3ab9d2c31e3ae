/** The fence command of a failover, tried before it is needed: by the hourly look, by doctor on the host that would run it, and by a drill. */
import assert from 'node:assert/strict'
import { copyFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { examine } from '../../wiring/doctor.ts'
import { keyFiles } from '../../wiring/places.ts'
import type { DrillResult, MonitorHealthResult } from '../../workflows/messages.ts'
import { startTemporal } from '../support/rig.ts'
import { createTwoSites, type TwoSites } from '../support/two-sites.ts'

describe('the fence command of a failover', function () {
  this.timeout(180_000)
  let env: TestWorkflowEnvironment
  let sites: TwoSites
  let number = 0
  const base = () => sites.installation.base

  before(async () => {
    env = await startTemporal()
    sites = await createTwoSites(env, {
      failover: (folder) => [`fence: { command: [${folder}/power, "off"], proof: [${folder}/power, is-off], timeout: 6s }`],
    })
    await power('exit 1')
    await sites.cluster.sql('insert into markers select generate_series(1, 10)')
    await run('backupSystem', 'primary')
    const { alpha, beta } = sites.installation
    await copyFile(join(alpha.keys, keyFiles.recipients), join(beta.keys, keyFiles.recipients))
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

  /** The proof ends so; whoever runs the command itself leaves a trace. */
  async function power(isOff: string): Promise<void> {
    const lines = ['#!/bin/sh', `case "$1" in off) echo off >> ${base()}/commands ;; is-off) ${isOff} ;; esac`]
    await writeFile(join(base(), 'power.new'), `${lines.join('\n')}\n`, { mode: 0o755 })
    await rename(join(base(), 'power.new'), join(base(), 'power'))
  }

  const byHealth = async () =>
    (await run<MonitorHealthResult>('monitorHealth', 'primary')).reasons.flatMap(({ text }) => (text.includes('fence') ? [text] : []))
  const byDoctor = async (host: 'alpha' | 'beta' = 'beta') =>
    (await examine(sites.installation[host], { system: 'shop' })).flatMap(({ about, severity, message }) =>
      about === 'fence shop' ? [`${severity}: ${message}`] : [],
    )
  const byDrill = async () => {
    const { outcome, evidence } = await run<DrillResult>('drill', 'dr', { kind: 'failover' })
    return { outcome, checks: evidence.checks.filter(({ name }) => name.includes('fence')).length, deviations: evidence.deviations }
  }

  it('is well where its proof does not hold while the site serves', async () => {
    assert.deepEqual(await byHealth(), [])
    assert.deepEqual(await byDoctor(), ['ok: its programs are here, and its proof does not hold while nobody stopped anything'])
    assert.deepEqual(await byDrill(), { outcome: 'succeeded', checks: 1, deviations: [] })
  })

  it('is not ready where its proof always holds: two sites could serve', async () => {
    await power('exit 0')
    const text = `the proof of the fence, ${base()}/power, holds now: if shop is still served at the other side, it proves nothing, and two sites could serve`
    assert.deepEqual(await byHealth(), [`a failover to dr is not ready: ${text}`])
    assert.deepEqual(await byDoctor(), [`problem: ${text}`])
    assert.deepEqual(await byDrill(), { outcome: 'degraded', checks: 0, deviations: [text] })
  })

  it('is not ready where its proof does not end', async () => {
    await power('exec sleep 60')
    assert.match((await byHealth()).join(), /the proof of the fence could not be tried: .*power .*6 s/)
    assert.match((await byDoctor()).join(), /^problem: the proof of the fence could not be tried: .*power .*6 s/)
  })

  it('is not ready where its program is not there; the host of the lost site needs none', async () => {
    await rename(join(base(), 'power'), join(base(), 'power.away'))
    const text = `the fence needs ${base()}/power, not found here or not executable`
    assert.deepEqual(await byHealth(), [`a failover to dr is not ready: ${text}`])
    assert.deepEqual(await byDoctor(), [`problem: ${text}`])
    await rename(join(sites.installation.alpha.keys, keyFiles.host('beta')), join(base(), 'key-of-beta'))
    assert.deepEqual(await byDoctor('alpha'), [])
  })

  it('is never run by any of them', async () => {
    await assert.rejects(copyFile(join(base(), 'commands'), join(base(), 'commands.copy')), /ENOENT/)
  })
})
