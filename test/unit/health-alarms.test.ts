import assert from 'node:assert/strict'
import { afterEscalation, alarmsOf } from '../../domain/health-alarms.ts'
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
    const after = alarmsOf(told, [], at(2))
    assert.deepEqual([after.tell, after.over, after.told], [[], ['database: WAL in the required stores is 5 min behind'], []])
  })

  it('tells the same trouble of two components apart, and of one twice only once', () => {
    const other = { ...late(5), component: 'ledger' }
    assert.equal(alarmsOf([], [late(5), late(6), other], at(1)).tell.length, 2)
  })

  describe('with contacts', () => {
    const turns = [
      { role: 'on call', escalateAfterSeconds: 900 },
      { role: 'lead', escalateAfterSeconds: 7200 },
      { role: 'head', escalateAfterSeconds: 900 },
    ]
    const look = (before: Parameters<typeof alarmsOf>[0], reasons: readonly Reason[], hour: number) => alarmsOf(before, reasons, at(hour), turns)
    const placesOf = ({ escalate }: ReturnType<typeof alarmsOf>) => escalate.map(({ contact }) => contact)
    /** As the workflow does it: each contact whose turn it is was reached. */
    const told = (found: ReturnType<typeof alarmsOf>, hour: number) =>
      found.escalate.reduce((all, { contact, keys }) => afterEscalation(all, keys, contact + 1, at(hour)), found.told)

    it('goes to the next contact when the last one had its time, one a look, and never beyond the last', () => {
      const first = look([], [late(5)], 1)
      assert.deepEqual([first.tell.length, placesOf(first)], [1, []])
      const second = look(first.told, [late(6)], 2)
      assert.deepEqual([second.tell.length, placesOf(second), second.escalate[0]?.since], [0, [1], at(1)])
      // The lead has two hours from when it was told.
      const third = look(told(second, 2), [late(7)], 3)
      assert.deepEqual(placesOf(third), [])
      const fourth = look(told(third, 3), [late(7)], 4)
      assert.deepEqual(placesOf(fourth), [2])
      assert.deepEqual(placesOf(look(told(fourth, 4), [late(7)], 20)), [])
    })

    it('tells whoever knows of it when it is told again and when it is over', () => {
      const known = told(look(look([], [late(5)], 0).told, [late(5)], 1), 1)
      assert.deepEqual(look(known, [late(5)], 24).contactsOf, { tell: 2, over: 0 })
      assert.deepEqual(look(known, [], 2).contactsOf, { tell: 0, over: 2 })
    })

    it('begins with the first contact for what everybody was told of before there were contacts', () => {
      const known = alarmsOf([], [late(5)], at(1)).told
      assert.deepEqual(placesOf(look(known, [late(5)], 2)), [0])
    })
  })
})
