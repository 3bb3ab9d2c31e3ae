import assert from 'node:assert/strict'
import { measureOutage } from '../../bench/orchestrator-outage.ts'

/** During the outage the off-site loss may be this much of what it was before it. */
const allowedRatio = 1.2

/**
 * Samples are a second apart, so where a sample falls between two shipments moves a figure by up to one second, and at
 * `shipEvery: 2s` that alone is more than a fifth. Shipping that stopped with Temporal would show as up to 60 s.
 */
const samplingSeconds = 1

describe('Temporal killed under load', function () {
  this.timeout(300_000)

  it('does not change how far the off-site store is behind', async () => {
    const { samples, ...figures } = await measureOutage({
      outageSeconds: 60,
      shipEverySeconds: 2,
      steadySeconds: 30,
      clients: 2,
      rate: 100,
      scale: 1,
      offsite: 'directory',
      build: 'sources',
    })
    const told = JSON.stringify(figures)
    assert.ok(figures.transactions > 1000, `pgbench committed during the outage: ${told}`)
    assert.ok(samples.during.length > 40, `${samples.during.length} samples during the outage`)
    assert.ok(figures.during <= 2 * figures.shipEverySeconds, told)
    assert.ok(figures.during <= allowedRatio * figures.before + samplingSeconds, told)
    assert.ok(figures.backSeconds !== null, `archiveWal works again after the outage: ${told}`)
    process.stdout.write(`      ${told}\n`)
  })
})
