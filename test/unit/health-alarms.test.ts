import assert from 'node:assert/strict'
import { alarmsOf } from '../../domain/health-alarms.ts'
import type { Reason } from '../../domain/protection.ts'

const at = (hour: number) => new Date(Date.UTC(2026, 10, 21, hour)).toISOString()
const late = (minutes: number, word: Reason['word'] = 'degraded'): Reason => ({
  word,
  component: 'database',
  text: `WAL in the required stores is ${minutes} min behind`,
  next: 'muster doctor shop',
})

describe('what people are told of the health of a system', () => {
  it('is told once, whatever its figures are an hour later', () => {
    const first = alarmsOf([], [late(5)], at(1))
    assert.deepEqual([first.tell, first.over], [[late(5)], []])
    const second = alarmsOf(first.told, [late(9)], at(2))
    assert.deepEqual([second.tell, second.over], [[], []])
    assert.match(second.told[0]?.text ?? '', /9 min/)
  })

  it('is told again when it has become worse, after a day, and when it is over', () => {
    const { told } = alarmsOf([], [late(5)], at(1))
    assert.deepEqual(alarmsOf(told, [late(5, 'not protected')], at(2)).tell, [late(5, 'not protected')])
    assert.deepEqual(alarmsOf(told, [late(5)], at(24)).tell, [])
    const daily = alarmsOf(told, [late(5)], at(25))
    assert.deepEqual([daily.tell, daily.told[0]?.toldAt], [[late(5)], at(25)])
    assert.deepEqual(alarmsOf(told, [], at(2)), { tell: [], over: ['database: WAL in the required stores is 5 min behind'], told: [] })
  })

  it('tells the same trouble of two components apart, and of one twice only once', () => {
    const other = { ...late(5), component: 'ledger' }
    assert.equal(alarmsOf([], [late(5), late(6), other], at(1)).tell.length, 2)
  })
})
