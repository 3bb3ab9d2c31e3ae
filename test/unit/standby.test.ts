import assert from 'node:assert/strict'
import { directoriesOf, parseStandby, type Standby, standbyStray } from '../../domain/standby.ts'
import { parseLsn } from '../../domain/wal.ts'

const standby: Standby = {
  format: 'muster-standby-1',
  state: 'ready',
  seed: '5eed5eed',
  fromStore: 'offsite',
  backup: '20261121T020000Z-d4t4',
  incarnation: 'aaaa',
  tablespaces: [{ oid: 16400, path: '/srv/space', into: '/srv/space-5eed5eed' }],
  youngTablespaces: [{ oid: 16500, path: '/srv/young', into: '/srv/young-5eed5eed' }],
  walInto: null,
  seededAt: '2026-11-21T02:10:00.000Z',
  replayedLsn: '0/5000100',
  lastCommitAt: null,
  refreshedAt: '2026-11-21T02:14:00.000Z',
}

const way = (untilLsn: string, ...lives: readonly (readonly [string, string | null])[]) => ({
  untilLsn: parseLsn(untilLsn),
  incarnations: lives.map(([incarnation, forkLsn]) => ({ incarnation, forkLsn })),
})

describe('a standby on the way to the newest moment', () => {
  it('goes on in the life that it follows, and into a later one that began where it is or after', () => {
    assert.equal(standbyStray(standby, way('0/6000000', ['aaaa', null])), null)
    assert.equal(standbyStray(standby, way('0/5000100', ['aaaa', null])), null)
    assert.equal(standbyStray(standby, way('0/7000000', ['aaaa', null], ['bbbb', '0/5000100'])), null)
    assert.equal(standbyStray(standby, way('0/7000000', ['0000', null], ['aaaa', '0/3000000'], ['bbbb', '0/6000000'])), null)
  })

  it('cannot go back: neither to a fork before where it is, nor to stores that hold less', () => {
    assert.match(standbyStray(standby, way('0/7000000', ['aaaa', null], ['bbbb', '0/50000FF'])) ?? '', /beyond 0\/50000FF where that life ended/)
    assert.match(standbyStray(standby, way('0/50000FF', ['aaaa', null])) ?? '', /the stores lead to 0\/50000FF/)
    assert.match(standbyStray(standby, way('0/7000000', ['bbbb', null])) ?? '', /\(aaaa\) is not on the way/)
  })

  it('is none while it is made, once it is taken, and before it was whole', () => {
    assert.equal(standbyStray({ ...standby, state: 'seeding' }, way('0/6000000', ['aaaa', null])), 'it is seeding')
    assert.equal(standbyStray({ ...standby, state: 'adopted' }, way('0/6000000', ['aaaa', null])), 'it is adopted')
    assert.match(standbyStray({ ...standby, replayedLsn: null }, way('0/6000000', ['aaaa', null])) ?? '', /never replayed/)
  })

  it('names every directory that it has outside its data directory', () => {
    assert.deepEqual(directoriesOf({ ...standby, walInto: '/wal/shop-5eed5eed' }), ['/srv/space-5eed5eed', '/srv/young-5eed5eed', '/wal/shop-5eed5eed'])
  })

  it('names none that does not carry its seed, whatever its note says', () => {
    const edited = { ...standby, tablespaces: [{ oid: 1, path: '/srv/space', into: '/srv/space' }], youngTablespaces: [], walInto: '/' }
    assert.deepEqual(directoriesOf(edited), [])
    assert.deepEqual(directoriesOf({ ...edited, walInto: '/wal/muster-5eed5eed' }), ['/wal/muster-5eed5eed'])
  })

  it('is left after three refreshes in which its copy did not come up', () => {
    assert.equal(standbyStray({ ...standby, failedRefreshes: 2 }, way('0/6000000', ['aaaa', null])), null)
    assert.match(standbyStray({ ...standby, failedRefreshes: 3 }, way('0/6000000', ['aaaa', null])) ?? '', /did not come up in 3 refreshes/)
  })

  it('is none where its note is not whole', () => {
    const text = JSON.stringify(standby)
    assert.deepEqual(parseStandby(text), standby)
    for (let length = 0; length < text.length; length++) assert.equal(parseStandby(text.slice(0, length)), null)
    for (const key of ['seed', 'backup', 'tablespaces', 'youngTablespaces', 'walInto', 'replayedLsn', 'state'])
      assert.equal(parseStandby(JSON.stringify({ ...standby, [key]: undefined })), null, key)
    assert.equal(parseStandby(JSON.stringify({ ...standby, seed: '../../..' })), null)
  })
})
