import assert from 'node:assert/strict'
import { parseConfig } from '../../config/load.ts'
import type { Config } from '../../domain/config.ts'
import { byRank, isLeftOut, moveFrom, type SystemToMove, systemsAt, worstOutcome } from '../../domain/site-failover.ts'
import { expectedTurns, nextTurns, type Turn, type TurnState } from '../../domain/turns.ts'
import { failsWith } from '../support/fails-with.ts'

const recipients = ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p']

/** `a works`, or `a+b waits` where it needs a place on both. */
function turn(text: string, index: number): Turn {
  const [hosts = '', state] = text.split(' ')
  return { system: `s${index + 1}`, hosts: hosts.split('+'), state: state as TurnState }
}

const next = (perHost: number, ...turns: string[]) => nextTurns(turns.map(turn), perHost)

describe('the turns of systems that fail over together', () => {
  it('are given in the order of their rank, so many on a host at once', () => {
    assert.deepEqual(next(2, 'a waits', 'a waits', 'a waits'), ['s1', 's2'])
    assert.deepEqual(next(2, 'a works', 'a waits', 'a waits'), ['s2'])
    assert.deepEqual(next(1, 'a waits', 'b waits', 'a waits'), ['s1', 's2'])
    assert.deepEqual(next(2, 'a works', 'a works', 'a waits'), [])
  })

  it('pass over who waits for a person, and come back to it first', () => {
    assert.deepEqual(next(1, 'a rests', 'a waits'), ['s2'])
    assert.deepEqual(next(1, 'a waits', 'a works', 'a waits'), [])
    assert.deepEqual(next(1, 'a waits', 'a ended', 'a waits'), ['s1'])
  })

  it('are kept for one before that is still being planned', () => {
    assert.deepEqual(next(1, 'a planning', 'a waits'), [])
    assert.deepEqual(next(2, 'a planning', 'a waits', 'a waits'), ['s2'])
  })

  it('are all or none for one that needs several hosts, and nobody behind it starves it', () => {
    assert.deepEqual(next(1, 'a works', 'a+b waits', 'b waits'), [])
    assert.deepEqual(next(1, 'a ended', 'a+b waits', 'b waits'), ['s2'])
  })

  it('have gone beyond the limit where one may not wait, and nobody starts until it holds again', () => {
    assert.deepEqual(next(1, 'a works', 'a works', 'a waits'), [])
  })

  it('say when each is expected to be back', () => {
    const system = (name: string, seconds: number | null, ...hosts: string[]) => ({ system: name, hosts, seconds })
    const all = [system('p1', 100, 'a'), system('p2', 30, 'a'), system('p3', null, 'a'), system('other', 7, 'b'), system('last', 10, 'a')]
    assert.deepEqual(
      [...expectedTurns(all, 2)].map(([name, { startsAfterSeconds, endsAfterSeconds }]) => [name, startsAfterSeconds, endsAfterSeconds]),
      [
        ['p1', 0, 100],
        ['p2', 0, 30],
        ['other', 0, 7],
        ['p3', 30, 30],
        ['last', 30, 40],
      ],
    )
    assert.equal(expectedTurns([], 2).size, 0)
  })
})

const config: Config = parseConfig(
  `
organisation: Test
sites: { primary: { hosts: [db1] }, dr: { hosts: [dr1, dr2] }, third: { hosts: [t1] } }
stores: { offsite: { type: directory, path: /mnt/offsite, hosts: [db1, dr1, dr2, t1], site: dr, host: dr1 } }
encryption: { restoreHosts: [db1, dr1, dr2, t1] }
limits: { failoversPerHost: 3 }
systems:
  wiki: { components: { pages: { type: files, host: db1, paths: [/srv/wiki] } } }
  shop: { priority: P1, components: { uploads: { type: files, host: db1, paths: [/srv/shop] } }, failover: { to: dr, components: { uploads: { host: dr1 } } } }
  mail: { components: { boxes: { type: files, host: db1, paths: [/srv/mail] } }, failover: { to: third } }
  guest: { components: { boxes: { type: files, host: dr2, paths: [/srv/guest] } }, failover: { to: primary } }
  other: { components: { boxes: { type: files, host: t1, paths: [/srv/other] } } }
`,
  'muster.yaml',
  { recipients },
).config

describe('the systems of a lost site', () => {
  it('are those that can be there, or of these the named', () => {
    assert.deepEqual(systemsAt(config, 'primary', null), ['wiki', 'shop', 'mail', 'guest'])
    assert.deepEqual(systemsAt(config, 'primary', ['mail', 'mail']), ['mail'])
    assert.throws(() => systemsAt(config, 'primary', ['other']), failsWith('InvalidInput', /"other" is never at site primary/))
    assert.throws(() => systemsAt(config, 'primary', ['nobody']), failsWith('UnknownName', /there is no system "nobody"/))
    assert.throws(() => systemsAt(config, 'constructor', null), failsWith('UnknownName', /there is no site "constructor"/))
  })

  it('go to their other site, unless there is a reason that is told', () => {
    const found = (system: string, active: string, to: string | null = null) => {
      const one = moveFrom(config, 'primary', system, active, to)
      return isLeftOut(one) ? one.why : `${one.to}: ${one.hosts.join()}`
    }
    assert.equal(found('shop', 'primary'), 'dr: dr1')
    assert.equal(found('shop', 'dr'), 'active elsewhere')
    assert.equal(found('wiki', 'primary'), 'no failover plan')
    assert.equal(found('mail', 'primary'), 'third: t1')
    assert.equal(found('mail', 'primary', 'dr'), 'goes elsewhere')
    // It had gone there, and goes home.
    assert.equal(found('guest', 'primary'), 'dr: dr2')
    assert.equal(found('guest', 'dr'), 'active elsewhere')
  })

  it('are ordered by priority, then by how soon they have to be back', () => {
    const one = (system: string, priority: SystemToMove['priority'], rtoSeconds: number | null) => ({ system, priority, rtoSeconds, to: 'dr', hosts: [] })
    const all = [one('e', 'P3', 1), one('d', 'P2', null), one('c', 'P2', null), one('b', 'P2', 900), one('a', 'P1', null)]
    assert.deepEqual(
      all.sort(byRank).map(({ system }) => system),
      ['a', 'b', 'c', 'd', 'e'],
    )
  })

  it('end as the worst of them', () => {
    assert.equal(worstOutcome(['succeeded', 'rolled-back', 'cancelled']), 'rolled-back')
    assert.equal(worstOutcome(['succeeded', 'failed', 'refused']), 'failed')
    assert.equal(worstOutcome(['succeeded']), 'succeeded')
  })

  it('have a limit that is written where it is another than the default', () => {
    assert.equal(config.limits?.failoversPerHost, 3)
  })
})
