import assert from 'node:assert/strict'
import fc from 'fast-check'
import { classifyEnd } from '../../adapters/component/postgresql/receiver.ts'
import { slotName } from '../../adapters/component/postgresql/slots.ts'
import { parseCommit } from '../../adapters/component/postgresql/waldump.ts'
import { coveredIntervals, replayableUntil } from '../../domain/wal-shipments.ts'
import { WalCoverage, requiredEnd } from '../../workers/shipper-coverage.ts'
import { decideStart, newestRun } from '../../workers/shipper-continuity.ts'
import { LagTracker } from '../../workers/shipper-lag.ts'
import { flushRequest, resumeRequest } from '../../workers/shipper-questions.ts'

const size = 16 * 1024 * 1024
const at = (segments: number) => BigInt(segments * size)
const none = {
  segmentSizeBytes: size,
  requiredLsn: null,
  anchorLsn: null,
  forkLsn: null,
  streamLsn: at(9) + 40n,
  spool: null,
}

describe('where receiving begins', () => {
  it('is the slot for a database that was never shipped', () => {
    assert.deepEqual(decideStart(none), { kind: 'begin', lsn: at(9) })
  })
  it('is where the spool ends when nothing is missing between it and the stores', () => {
    const spool = newestRun(['000000010000000000000004', '000000010000000000000005'], '000000010000000000000006', size)
    assert.deepEqual(decideStart({ ...none, requiredLsn: at(5) + 8n, spool }), { kind: 'continue', lsn: at(6) })
  })
  it('is the end of what the stores have when the spool has a hole before it', () => {
    const spool = newestRun(['000000010000000000000004', '000000010000000000000007'], null, size)
    assert.deepEqual(decideStart({ ...none, requiredLsn: at(5) + 8n, spool }), { kind: 'begin', lsn: at(5) })
  })
  it('is the end of what the stores have when an old spool ends before it', () => {
    const spool = newestRun(['000000010000000000000002'], null, size)
    assert.deepEqual(decideStart({ ...none, requiredLsn: at(5), spool }), { kind: 'begin', lsn: at(5) })
  })
  it('is the anchor slot when the spool is lost and no store answers', () => {
    assert.deepEqual(decideStart({ ...none, anchorLsn: at(3) }), { kind: 'begin', lsn: at(3) })
  })
  it('is the fork for a new incarnation, also where the anchor lies before it', () => {
    assert.deepEqual(decideStart({ ...none, forkLsn: at(4) + 100n }), { kind: 'begin', lsn: at(4) })
    assert.deepEqual(decideStart({ ...none, forkLsn: at(4) + 100n, anchorLsn: at(2) }), { kind: 'begin', lsn: at(4) })
  })
})

describe('what a store has', () => {
  it('is the same as the set of its shipments, in whatever order they came', () => {
    const range = fc.tuple(fc.nat(60), fc.nat(20)).map(([start, length]) => ({
      segment: '000000010000000000000001',
      startLsn: BigInt(start),
      endLsn: BigInt(start + length),
      kind: 'partial' as const,
      nonce: '00000000',
    }))
    fc.assert(
      fc.property(fc.array(range), fc.nat(60), (ranges, from) => {
        const coverage = new WalCoverage()
        for (const one of ranges) coverage.add(one)
        assert.equal(coverage.endFrom(BigInt(from)), replayableUntil(ranges, BigInt(from)))
        assert.equal(coverage.newestStretch(1)?.endLsn, coveredIntervals(ranges).at(-1)?.endLsn)
      }),
    )
  })
  it('counts up to the LSN that enough stores have', () => {
    const ends = new Map([
      ['a', 30n],
      ['b', 20n],
      ['c', 10n],
    ])
    assert.equal(
      requiredEnd(ends, (stores) => stores.size >= 2),
      20n,
    )
    assert.equal(
      requiredEnd(ends, (stores) => stores.has('c')),
      10n,
    )
    assert.equal(
      requiredEnd(ends, () => false),
      null,
    )
  })
})

describe('the age of what a store misses', () => {
  it('begins with the last look at which nothing was missing', () => {
    const lag = new LagTracker()
    assert.equal(lag.lagSeconds(0n, 0), null)
    for (const [lsn, ms] of [
      [10n, 1000],
      [10n, 2000],
      [10n, 3000],
      [20n, 4000],
      [30n, 9000],
    ] as const)
      lag.look(lsn, ms)
    assert.equal(lag.lagSeconds(30n, 10_000), 0)
    assert.equal(lag.lagSeconds(25n, 10_000), 6)
    assert.equal(lag.lagSeconds(10n, 10_000), 7)
  })
})

describe("what PostgreSQL's programs say", () => {
  it('gives the time of a commit, cut to milliseconds', () => {
    const line = 'rmgr: Transaction len (rec/tot):     34/    34, tx:        728, lsn: 0/03008208, prev 0/030081D0, desc: COMMIT 2026-11-21 02:00:00.123999 UTC'
    assert.deepEqual(parseCommit(line), { lsn: 0x3008208n, endLsn: 0x300822an, at: '2026-11-21T02:00:00.123Z' })
    assert.equal(parseCommit(line.replace('COMMIT', 'ABORT')), null)
    assert.equal(parseCommit('pg_waldump: error: invalid record length'), null)
  })
  it('tells WAL that is gone from a slot in use', () => {
    assert.equal(
      classifyEnd(
        'pg_receivewal: error: unexpected termination of replication stream: ERROR:  requested WAL segment 000000010000000000000011 has already been removed',
      ),
      'wal-removed',
    )
    assert.equal(classifyEnd('ERROR:  replication slot "muster" is active for PID 352'), 'slot-busy')
    assert.equal(classifyEnd('error: write-ahead log file "x.partial" has 5000000 bytes, should be 0 or 16777216'), 'bad-partial')
    assert.equal(classifyEnd('something else'), 'failed')
  })
})

describe('names of slots', () => {
  it('are legal, short and different for different components', () => {
    const name = slotName({ system: 'a'.repeat(63), component: 'b-c' }, 'stream')
    assert.match(name, /^[a-z0-9_]{1,63}$/)
    assert.notEqual(slotName({ system: 'a-b', component: 'c' }, 'anchor'), slotName({ system: 'a', component: 'b-c' }, 'anchor'))
  })
})

describe('questions to the shipper', () => {
  it('are refused with the field that is wrong', () => {
    assert.throws(() => flushRequest({ system: 'a' }), /"component"/)
    assert.throws(() => flushRequest({ system: 'a', component: 'b', timeoutSeconds: -1 }), /"timeoutSeconds"/)
    assert.throws(() => flushRequest({ system: 'a', component: 'b', stores: 'one' }), /"stores"/)
    assert.throws(() => resumeRequest({ system: 'a', component: 'b', connection: { socketDirectory: '/x', port: 99999 } }), /"connection.port"/)
    assert.throws(() => resumeRequest({ system: 'a', component: 'b', newIncarnation: { incarnation: '../..' } }), /newIncarnation|"component"/)
  })
})
