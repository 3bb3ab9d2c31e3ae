import assert from 'node:assert/strict'
import { hasReached } from '../../domain/contacts.ts'
import { defaultTimeLimits, tellAgainSeconds } from '../../domain/time-limits.ts'

const failed = (...channels: readonly string[]) => channels.map((channel) => ({ channel, problem: 'refused' }))

describe('whether a notice reached anybody', () => {
  it('is so where a channel that somebody reads took it, or a contact was reached', () => {
    assert.equal(hasReached({ delivered: ['log', 'email'], failed: failed('slack') }), true)
    assert.equal(hasReached({ delivered: ['log', 'email (on call)'], failed: failed('email') }), true)
    assert.equal(hasReached({ delivered: ['log'], failed: failed('email'), contacts: [{ contact: 0, role: 'on call' }] }), true)
  })

  it('is not so where only the log took it, unless there is nothing but the log', () => {
    assert.equal(hasReached({ delivered: ['log'], failed: failed('email', 'slack') }), false)
    assert.equal(hasReached({ delivered: ['log'], failed: failed('slack (lead)'), contacts: [] }), false)
    assert.equal(hasReached({ delivered: ['log'], failed: [] }), true)
  })

  it('is not so where nothing took it', () => {
    assert.equal(hasReached({ delivered: [], failed: failed('all') }), false)
    assert.equal(hasReached({ delivered: [], failed: failed('log') }), false)
  })

  it('is tried again after a minute, then twice as long each time, at last each hour', () => {
    assert.deepEqual(
      [1, 2, 3, 6, 7, 100].map((tries) => tellAgainSeconds(defaultTimeLimits, tries)),
      [60, 120, 240, 1920, 3600, 3600],
    )
  })
})
