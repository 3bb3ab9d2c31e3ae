import assert from 'node:assert/strict'
import fc from 'fast-check'
import { choosePieces, coveredIntervals, planFetch, replayableUntil } from '../../domain/wal-shipments.ts'
import type { WalRange } from '../../domain/wal-shipments.ts'
import { segmentName } from '../../domain/wal.ts'

const size = 1024 * 1024
const base = 5n * BigInt(size)

/** The true history of a stream: cut into ranges at random LSNs, finished segments also shipped whole. */
const streamArbitrary = fc
  .record({
    lengths: fc.array(fc.integer({ min: 8, max: 400_000 }), { minLength: 1, maxLength: 30 }),
    overlaps: fc.array(fc.integer({ min: 0, max: 50_000 }), { minLength: 30, maxLength: 30 }),
  })
  .map(({ lengths, overlaps }) => shipmentsOf(lengths, overlaps))

function shipmentsOf(lengths: readonly number[], overlaps: readonly number[]): { all: WalRange[]; truth: bigint } {
  const all: WalRange[] = []
  let at = base
  lengths.forEach((length, index) => {
    const segmentBase = (at / BigInt(size)) * BigInt(size)
    const end = at + BigInt(length) < segmentBase + BigInt(size) ? at + BigInt(length) : segmentBase + BigInt(size)
    const back = BigInt(overlaps[index] ?? 0)
    const start = at - back > segmentBase ? at - back : segmentBase
    const segment = segmentName(1, segmentBase, size)
    all.push({ segment, startLsn: start, endLsn: end, kind: 'partial' })
    if (end === segmentBase + BigInt(size)) all.push({ segment, startLsn: segmentBase, endLsn: end, kind: 'segment' })
    at = end
  })
  return { all, truth: at }
}

const pickArbitrary = fc.array(fc.nat(), { minLength: 1, maxLength: 120 })

describe('WAL shipments', () => {
  it('never lower the replayable LSN, in any order, repeated or lost', () => {
    fc.assert(
      fc.property(streamArbitrary, pickArbitrary, ({ all, truth }, picks) => {
        const arrived: WalRange[] = []
        let before = base
        for (const pick of picks) {
          arrived.push(all[pick % all.length] as WalRange)
          const now = replayableUntil(arrived, base)
          assert.ok(now >= before, 'the replayable LSN went down')
          assert.ok(now <= truth, 'the replayable LSN is higher than what was written')
          before = now
        }
      }),
      { numRuns: 500 },
    )
  })

  it('are all needed bytes once each has arrived, whatever came twice or late', () => {
    fc.assert(
      fc.property(streamArbitrary, fc.infiniteStream(fc.nat()), ({ all, truth }, order) => {
        const keys = new Map(all.map((one) => [one, order.next().value as number]))
        const shuffled = [...all, ...all].sort((a, b) => (keys.get(a) as number) - (keys.get(b) as number))
        assert.equal(replayableUntil(shuffled, base), truth)
        const plan = planFetch(shuffled, { timelineId: 1, fromLsn: base, segmentSizeBytes: size })
        assert.equal(plan.endLsn, truth)
      }),
      { numRuns: 300 },
    )
  })

  it('give at most what was not lost, and exactly up to the first lost byte', () => {
    fc.assert(
      fc.property(streamArbitrary, fc.nat(), ({ all }, drop) => {
        const kept = all.filter((_, index) => index !== drop % all.length)
        const until = replayableUntil(kept, base)
        assert.ok(until <= replayableUntil(all, base))
        assert.ok(!kept.some((one) => one.startLsn <= until && one.endLsn > until), 'stopped although the next byte is there')
        for (let lsn = base; lsn < until; lsn += 4096n) {
          assert.ok(
            kept.some((one) => one.startLsn <= lsn && lsn < one.endLsn),
            'a byte before the replayable LSN is nowhere',
          )
        }
      }),
      { numRuns: 300 },
    )
  })

  it('are joined without a hole inside a segment, and a whole segment always wins', () => {
    fc.assert(
      fc.property(streamArbitrary, pickArbitrary, ({ all }, picks) => {
        const arrived = picks.map((pick) => all[pick % all.length] as WalRange)
        for (const segment of new Set(arrived.map((one) => one.segment))) {
          const pieces = choosePieces(arrived, segment, size)
          if (arrived.some((one) => one.segment === segment && one.kind === 'segment')) {
            assert.deepEqual(
              pieces.map((one) => one.kind),
              ['segment'],
            )
          }
          pieces.forEach((piece, index) => {
            if (index > 0) assert.ok(piece.startLsn <= (pieces[index - 1] as WalRange).endLsn)
          })
        }
      }),
      { numRuns: 300 },
    )
  })

  it('begin nothing where the first byte of the segment is missing', () => {
    const segment = segmentName(1, base, size)
    const late: WalRange = { segment, startLsn: base + 8n, endLsn: base + 16n, kind: 'partial' }
    assert.deepEqual(choosePieces([late], segment, size), [])
    assert.equal(replayableUntil([late], base), base)
    assert.equal(planFetch([late], { timelineId: 1, fromLsn: base, segmentSizeBytes: size }).segments.length, 0)
  })

  it('of history files hold no bytes of the stream', () => {
    const history: WalRange = { segment: '00000002.history', startLsn: 0n, endLsn: 100n, kind: 'history' }
    assert.deepEqual(coveredIntervals([history]), [])
    const plan = planFetch([history, history], { timelineId: 2, fromLsn: base, segmentSizeBytes: size })
    assert.equal(plan.histories.length, 1)
  })
})
