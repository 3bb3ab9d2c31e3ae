import assert from 'node:assert/strict'
import { archivedTypes } from '../../activities/site/archive/find-runs.ts'
import { runOf } from '../../adapters/history/closed-run.ts'
import { countRoutine, keepUntil } from '../../domain/audit.ts'
import { workflowTypes } from '../../workflows/messages.ts'
import { auditKey, historyKey, kitKey, parseAuditKey, parseEvidenceKey } from '../../domain/object-keys.ts'

const time = (iso: string) => ({ seconds: { toNumber: () => Date.parse(iso) / 1000 }, nanos: 250_000_000 })
const payload = (value: unknown) => ({ data: Buffer.from(JSON.stringify(value)) })

describe('an audit record', () => {
  it('is kept for seven years, also from a leap day', () => {
    assert.equal(keepUntil('2026-11-21T02:00:00.000Z'), '2033-11-21T02:00:00.000Z')
    assert.equal(keepUntil('2028-02-29T02:00:00.000Z'), '2035-03-01T02:00:00.000Z')
  })

  it('counts runs that found everything in order, by procedure and system', () => {
    const run = (system: string, closedAt: string) => ({ procedure: 'archiveWal', system, closedAt })
    assert.deepEqual(countRoutine([run('shop', '03:00'), run('post', '02:00'), run('shop', '01:00')]), [
      { procedure: 'archiveWal', system: 'shop', runs: 2, firstClosedAt: '01:00', lastClosedAt: '03:00' },
      { procedure: 'archiveWal', system: 'post', runs: 1, firstClosedAt: '02:00', lastClosedAt: '02:00' },
    ])
  })

  it('has a key that nothing hostile becomes a part of', () => {
    assert.deepEqual(parseAuditKey(auditKey('primary', 12)), { site: 'primary', sequence: 12 })
    for (const key of ['audit/../00000001.json', 'audit/primary/1.json', 'audit/a/b/00000001.json', 'audit/primary/00000001.json.tmp']) {
      assert.equal(parseAuditKey(key), null, key)
    }
    assert.throws(() => auditKey('../x', 1), /is not a name/)
    assert.throws(() => historyKey('..', '2026-11-21T02:00:00Z', 'drill', 'r', 'f'.repeat(64)), /is not a name/)
    assert.throws(() => kitKey('../../etc'), /is no hash/)
    assert.deepEqual(parseEvidenceKey('evidence/shop/20261121T020000Z-drill-0a1b2c3d.json'), { system: 'shop', procedure: 'drill', run: '0a1b2c3d' })
    assert.equal(parseEvidenceKey('evidence/shop/20261121T020000Z-drill-0a1b2c3d.html'), null)
  })
})

describe('a closed run', () => {
  const listed = {
    execution: { workflowId: 'drill/shop/1', runId: '01a2' },
    type: { name: 'drill' },
    status: 7,
    startTime: time('2026-11-21T02:00:00Z'),
    closeTime: time('2026-11-21T02:05:00Z'),
    memo: { fields: { site: payload('dr'), outcome: payload('succeeded'), evidence: payload({ key: 'evidence/shop/1.json' }) } },
    searchAttributes: { indexedFields: { MusterSystem: payload('shop') } },
  }

  it('is read from what the server lists', () => {
    assert.deepEqual(runOf(listed), {
      workflowId: 'drill/shop/1',
      runId: '01a2',
      type: 'drill',
      status: 'timed-out',
      startedAt: '2026-11-21T02:00:00.250Z',
      closedAt: '2026-11-21T02:05:00.250Z',
      said: { site: 'dr', system: 'shop', outcome: 'succeeded', evidence: 'kept' },
    })
  })

  it('hides no other where its memo cannot be decoded or says something else', () => {
    const odd = { fields: { site: { data: Buffer.from([0xff, 0x00]) }, outcome: payload({ no: 'text' }) } }
    assert.deepEqual(runOf({ ...listed, memo: odd, searchAttributes: null })?.said, { site: null, system: null, outcome: null, evidence: null })
    const lost = { fields: { evidence: payload({ problem: 'no store took it' }) } }
    assert.equal(runOf({ ...listed, memo: lost })?.said.evidence, 'lost')
    assert.equal(runOf({ ...listed, closeTime: null }), null)
  })
})

describe('the archive', () => {
  it('knows every procedure but itself', () => {
    assert.deepEqual([...archivedTypes].sort(), workflowTypes.filter((type) => type !== 'archiveHistories').toSorted())
  })
})
