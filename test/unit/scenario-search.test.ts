import assert from 'node:assert/strict'
import fc from 'fast-check'
import { earlierOf, justBefore, nextTry, type SearchBounds, type Tried } from '../../domain/scenario/search.ts'

const time = (seconds: number) => new Date(1_800_000_000_000 + Math.round(seconds * 1000)).toISOString().replace('Z', '000Z')
const secondsOf = (at: string) => (Date.parse(at) - 1_800_000_000_000) / 1000

/** Everything up to `goodUntil` holds. @returns what was found, and how often it looked */
function search(bounds: SearchBounds, goodUntil: number): { readonly found: number | null; readonly tried: readonly Tried[] } {
  const tried: Tried[] = []
  for (;;) {
    const next = nextTry(tried, bounds)
    if (next.kind === 'none') return { found: null, tried }
    if (next.kind === 'found') return { found: secondsOf(next.at), tried }
    tried.push({ at: next.at, holds: secondsOf(next.at) <= goodUntil })
    assert.ok(tried.length < 60, `it does not end: ${JSON.stringify(tried)}`)
  }
}

describe('the search for the last good moment', () => {
  it('takes the first candidate when it holds, and looks once', () => {
    const { found, tried } = search({ startAt: time(1000), oldestAt: time(0), withinSeconds: 60 }, 2000)
    assert.deepEqual([found, tried.length], [1000, 1])
  })

  it('finds a moment that holds, at most as far from the mistake as was asked, wherever it lies', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 90_000 }), fc.integer({ min: 1, max: 3600 }), fc.nat(), (length, within, where) => {
        const goodUntil = where % (length + 1)
        const { found, tried } = search({ startAt: time(length), oldestAt: time(0), withinSeconds: within }, goodUntil)
        assert.ok(found !== null && found <= goodUntil, `${found} is after ${goodUntil}`)
        assert.ok(goodUntil - found <= within || found === length, `${goodUntil - found} s are lost without need`)
        assert.ok(tried.length <= 2 * Math.ceil(Math.log2(length / within + 2)) + 3, `${tried.length} looks for ${length} s to ${within} s`)
      }),
    )
  })

  it('tries the oldest moment that there is before it gives up', () => {
    const { found, tried } = search({ startAt: time(1000), oldestAt: time(17), withinSeconds: 60 }, -1)
    assert.equal(found, null)
    assert.equal(secondsOf(tried.at(-1)?.at ?? ''), 17)
    assert.deepEqual(nextTry([], { startAt: time(1), oldestAt: time(2), withinSeconds: 1 }), { kind: 'none' })
  })

  it('goes on a millisecond before a moment, and takes the earlier of two', () => {
    assert.equal(justBefore('2026-11-20T02:14:00Z'), '2026-11-20T02:13:59.999000Z')
    assert.equal(earlierOf('2026-11-20T02:14:00.000002Z', '2026-11-20T02:14:00.000001Z'), '2026-11-20T02:14:00.000001Z')
  })
})
