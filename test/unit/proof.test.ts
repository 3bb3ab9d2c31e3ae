import assert from 'node:assert/strict'
import type { DrillRule } from '../../domain/config.ts'
import { formatDuration } from '../../domain/durations.ts'
import type { Evidence } from '../../domain/evidence.ts'
import { evidenceWith, missedObjectives } from '../../domain/evidence.ts'
import { evidencePage } from '../../domain/evidence-page.ts'
import { judgeProof } from '../../domain/proof.ts'

const now = new Date('2026-11-25T12:00:00Z')
const weekly: DrillRule = { name: 'weekly', kind: 'restore', every: 'weekly sunday 04:00', zone: 'UTC', random: false }

function evidence(declaredAt: string, changes: Partial<Evidence> = {}): Evidence {
  return {
    ...evidenceWith({
      system: 'shop',
      procedure: 'drill',
      kind: 'restore',
      run: { workflowId: 'drill/shop/1', runId: '01a2' },
      requestedBy: 'alice',
      configHash: 'c'.repeat(64),
      outcome: 'succeeded',
      host: 'db1',
      target: { kind: 'latest' },
      times: { declaredAt, approvedAt: null, dataReadyAt: declaredAt, serviceVerifiedAt: declaredAt, dnsObservedAt: null, endedAt: declaredAt },
      measured: { rtoSeconds: 12, rpoSeconds: 3 },
    }),
    organisation: 'Example',
    ran: null,
    writer: { host: 'db1', machineId: '0'.repeat(32), muster: '0.1.0', tools: { age: '1.2.1' } },
    ...changes,
  }
}

describe('what is proven of a system', () => {
  it('is nothing to complain of where no drill is configured', () => {
    assert.deepEqual(judgeProof([], [], now), { lastProven: null, problems: [] })
  })

  it('is missing where a drill is configured and none has run', () => {
    assert.deepEqual(judgeProof([], [weekly], now).problems, ['it was never proven: drills are configured and none has run'])
  })

  it('is the newest drill that brought everything back, with what it took', () => {
    const proof = judgeProof([evidence('2026-11-15T04:00:10Z'), evidence('2026-11-22T04:00:10Z', { outcome: 'degraded' })], [weekly], now)
    assert.deepEqual(proof, { lastProven: { at: '2026-11-22T04:00:10Z', kind: 'restore', rtoSeconds: 12 }, problems: [] })
  })

  it('is doubtful after a drill that failed, until one succeeds; a cancelled one says nothing', () => {
    const failed = evidence('2026-11-22T04:00:10Z', { outcome: 'failed', deviations: ['CheckFailed: no rows'] })
    const cancelled = evidence('2026-11-22T05:00:10Z', { outcome: 'cancelled' })
    const proof = judgeProof([evidence('2026-11-15T04:00:10Z'), failed, cancelled], [weekly], now)
    assert.equal(proof.lastProven?.at, '2026-11-15T04:00:10Z')
    assert.deepEqual(proof.problems, ['its last drill failed on 2026-11-22T04:00Z: CheckFailed: no rows'])
    assert.deepEqual(judgeProof([failed, evidence('2026-11-22T06:00:00Z')], [weekly], now).problems, [])
  })

  it('goes out of date when a drill that is due does not run', () => {
    assert.deepEqual(judgeProof([evidence('2026-11-15T04:00:10Z')], [weekly], now).problems, [
      'drill weekly (restore) was due since 2026-11-22T04:00Z and did not run',
    ])
    assert.deepEqual(judgeProof([evidence('2026-11-22T04:00:10Z')], [weekly, { ...weekly, name: 'moment', kind: 'pitr' }], now).problems, [
      'drill moment (pitr) has never run',
    ])
  })

  it('is measured against the objectives', () => {
    assert.deepEqual(missedObjectives({ rtoSeconds: 10, rpoSeconds: 5 }, { rtoSeconds: 12.34, rpoSeconds: 5 }), [
      'recovery time was 12.3 s, the objective is 10 s',
    ])
    assert.deepEqual(missedObjectives({ rtoSeconds: 10 }, { rtoSeconds: null, rpoSeconds: 99 }), [])
  })
})

describe('the sheet of a drill', () => {
  it('shows figures, steps and checks, and lets no text of a run be markup', () => {
    const page = evidencePage(
      evidence('2026-11-22T04:00:10Z', {
        requestedBy: '"><script>alert(1)</script>',
        objectives: { rtoSeconds: 10 },
        steps: [{ name: 'restore aside', startedAt: '2026-11-22T04:00:11Z', seconds: 7.5 }],
        expected: { seconds: 250, basis: 'measured in 3 runs, newest 2026-11-20', measuredSeconds: 7.5 },
        checks: [{ name: 'select count(*) from orders', ok: true, detail: '9', atBackup: '8' }],
      }),
      'evidence/shop/1.json',
      'f'.repeat(64),
    )
    for (const text of [
      formatDuration(12),
      `objective ${formatDuration(10)} ✗ missed`,
      'no objective set',
      'restore aside',
      '<p>worked for</p><p class="large">7.5 s</p>',
      'expected 4 min 10 s, measured in 3 runs, newest 2026-11-20',
      '7.5 s</td>',
      'select count(*) from orders',
      'f'.repeat(64),
    ]) {
      assert.ok(page.includes(text), `${text} is not in the sheet`)
    }
    assert.ok(!page.includes('<script>'))
    assert.ok(!evidencePage(evidence('2026-11-22T04:00:10Z'), 'evidence/shop/1.json', 'f'.repeat(64)).includes('worked for'), 'of a record of before')
  })
})
