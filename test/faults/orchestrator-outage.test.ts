import assert from 'node:assert/strict'
import { measureOutage } from '../../bench/orchestrator-outage.ts'

describe('Temporal killed under load', function () {
  this.timeout(300_000)

  it('does not change how far the off-site store is behind', async () => {
    const figures = await measureOutage({ outageSeconds: 60, shipEverySeconds: 2, steadySeconds: 30 })
    assert.ok(figures.commits > 100, `${figures.commits} commits during the outage`)
    // The bound of the promise itself; the ratio of two runs on a noisy machine is printed, and judged by the bench.
    assert.ok(figures.during <= 2 * figures.shipEverySeconds, JSON.stringify(figures))
    process.stdout.write(`      ${JSON.stringify(figures)}\n`)
  })
})
