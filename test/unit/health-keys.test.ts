import assert from 'node:assert/strict'
import { alarmsOf, keyOf } from '../../domain/health-alarms.ts'
import type { Reason } from '../../domain/protection.ts'

const of = (text: string): Reason => ({ word: 'degraded', component: null, text, next: 'muster doctor shop' })

describe('whether two alarms are the same', () => {
  it('is not changed by figures and times', () => {
    const one = of('offsite is 12 s behind, last shipped at 2026-11-28T20:00:00.123Z, gap from 0/5000000')
    const other = of('offsite is 4,012.5 s behind, last shipped at 2026-11-28T21:30:00Z, gap from 0/7000000')
    assert.equal(keyOf(one), keyOf(other))
  })

  it('is not so where names differ by a digit', () => {
    const [nas1, nas2] = [of('nas1 does not answer: time-out after 20 s'), of('nas2 does not answer: time-out after 20 s')]
    assert.notEqual(keyOf(nas1), keyOf(nas2))
    assert.notEqual(keyOf(of('host db-1 is silent')), keyOf(of('host db-2 is silent')))
    const { tell, told } = alarmsOf([], [nas1, nas2], '2026-11-28T20:00:00.000Z')
    assert.deepEqual([tell.length, told.length], [2, 2])
    const later = alarmsOf(told, [nas1], '2026-11-28T21:00:00.000Z')
    assert.deepEqual(later.over, ['nas2 does not answer: time-out after 20 s'])
  })
})
