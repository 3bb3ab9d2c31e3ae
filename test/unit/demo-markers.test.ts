import assert from 'node:assert/strict'
import { compareAt, lastBefore } from '../../scripts/demo/markers.ts'

/** Marker `n` is sent at `n` × 10 ms and acknowledged 4 ms later. */
const markers = Array.from({ length: 10 }, (_, index) => {
  const number = index + 1
  return { number, sentAt: number * 10, ackedAt: number * 10 + 4 }
})

describe("the demo's comparison of markers", () => {
  it('expects what was acknowledged before the target, and leaves open what was under way', () => {
    assert.deepEqual(compareAt(markers, new Set([1, 2, 3, 4]), 52, 10, new Set()), { expected: 4, found: 4, afterTargetFound: 0 })
    assert.deepEqual(compareAt(markers, new Set([1, 2, 3, 4, 5]), 52, 10, new Set()), { expected: 4, found: 4, afterTargetFound: 0 })
  })

  it('sees a hole', () => {
    assert.deepEqual(compareAt(markers, new Set([1, 3, 4]), 52, 10, new Set()), { expected: 4, found: 3, afterTargetFound: 0 })
  })

  it('sees what came back from after the target, and not what was written after the recovery', () => {
    assert.deepEqual(compareAt(markers, new Set([1, 2, 3, 4, 7, 9, 10]), 52, 8, new Set()), { expected: 4, found: 4, afterTargetFound: 1 })
  })

  it('sees what an earlier recovery had left out', () => {
    assert.deepEqual(compareAt(markers, new Set([1, 2, 4]), 52, 10, new Set([3])), { expected: 3, found: 3, afterTargetFound: 0 })
    assert.deepEqual(compareAt(markers, new Set([1, 2, 3, 4]), 52, 10, new Set([3])), { expected: 3, found: 3, afterTargetFound: 1 })
  })

  it('knows the last number that was acknowledged at a moment', () => {
    assert.equal(lastBefore(markers, 44), 4)
    assert.equal(lastBefore(markers, 43), 3)
    assert.equal(lastBefore(markers, 3), 0)
  })
})
