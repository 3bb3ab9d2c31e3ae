import assert from 'node:assert/strict'
import { canonicalJson } from '../../domain/canonical-json.ts'
import { type ForecastFigures, lossText, type RestoreForecast, shownLimitBytes, shownOf } from '../../domain/forecast.ts'

const reference = { key: 'forecasts/shop/20261121T021400Z-f0f0f0f0f0f0f0f0.json', sha256: 'f0'.repeat(32), stores: ['local'] }

function forecast(changes: Partial<ForecastFigures> = {}): RestoreForecast {
  return {
    format: 'muster-forecast-1',
    organisation: 'Test',
    system: 'shop',
    configHash: 'c0'.repeat(32),
    decision: 'd0'.repeat(32),
    takenAt: '2026-11-21T02:14:00.000Z',
    takenBy: 'db1',
    recoveryPoint: [{ component: 'database', at: '2026-11-21T02:14:00.000000Z', skewSeconds: null, why: 'asked for' }],
    newestReachableAt: null,
    loss: { now: 'none known', afterTail: 'none known', nowSeconds: 0, afterTailSeconds: 0 },
    tailSources: [],
    durationSeconds: 8,
    durationBasis: 'assumed',
    space: [],
    storesOut: [],
    warnings: [],
    ...changes,
  }
}

describe('what a plan carries of its forecast', () => {
  it('is every figure where they fit, with the key and the hash of the whole', () => {
    const whole = forecast({ warnings: ['one'], space: [{ path: '/srv', neededBytes: 1, freeBytes: 2 }] })
    const { format: _format, organisation: _organisation, system: _system, configHash: _hash, decision: _decision, takenBy: _by, ...figures } = whole
    assert.deepEqual(shownOf(whole, reference, []), { ...figures, ...reference, omitted: 0 })
  })

  it('stays small whatever there is to say, loses lines of the longest list first, and counts them', () => {
    const warnings = Array.from({ length: 500 }, (_, index) => `local: backup ${index} is damaged, ${'x'.repeat(100)}`)
    const shown = shownOf(forecast({ warnings, loss: { now: 'y'.repeat(50_000), afterTail: '', nowSeconds: null, afterTailSeconds: null } }), reference, [
      'not stored',
    ])
    assert.ok(canonicalJson(shown).length <= shownLimitBytes + 20, `${canonicalJson(shown).length} bytes`)
    assert.equal(shown.recoveryPoint.length, 1)
    assert.equal(shown.warnings[0], 'not stored')
    assert.equal(shown.omitted + shown.warnings.length, 501)
    assert.ok(shown.warnings.length > 50)
  })

  it('says a loss in words and, where it is known, in time', () => {
    assert.equal(lossText('commits after noon', 90), 'commits after noon (at most 1 min 30 s)')
    assert.equal(lossText('commits after the target', null), 'commits after the target')
  })
})
