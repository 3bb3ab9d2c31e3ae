/** What is seen of authoritative servers: real ones, broken ones, silent ones, and those at a site that is lost. */
import assert from 'node:assert/strict'
import type { ManualRecordConfig } from '../../domain/config.ts'
import { judgeObservations, type ServerObservation } from '../../domain/dns-observation.ts'
import { nameServers, openDns, rfc2136Record, setOf, ttlSeconds } from '../support/dns-labs.ts'
import { type DnsZone, startDnsZone } from '../support/dns-zone.ts'
import { type Behaviour, type NameServer, startNameServer } from '../support/name-server.ts'
import { failsWith } from '../support/fails-with.ts'
import { waitFor } from '../support/rig.ts'

const name = 'app.kennel.example.'
const values = { primary: ['192.0.2.1'], dr: ['198.51.100.2'] }

describe('observing real servers', () => {
  let zone: DnsZone
  before(async () => {
    zone = await startDnsZone('kennel.example.', { secondaryFollows: false, lines: [`${name} 60 A 192.0.2.1`] })
  })
  after(() => zone?.stop())

  it('shows one that was not updated, and that is no success', async () => {
    const config = rfc2136Record(zone, name, 'A', values)
    const dns = openDns(config)
    const [primary, dr] = [setOf(config, 'primary'), setOf(config, 'dr')]
    assert.ok(judgeObservations(await dns.observe(primary), { lostSite: null, minimumObserved: 2 }).everywhere)
    assert.equal((await dns.change({ expected: primary, wanted: dr })).outcome, 'changed')
    const looks = await dns.observe(dr)
    assert.deepEqual(
      looks.map(({ ok, observed, answers, ttlSeconds: ttl }) => ({ ok, observed, answers, ttl })),
      [
        { ok: true, observed: true, answers: ['198.51.100.2'], ttl: 60 },
        { ok: false, observed: true, answers: ['192.0.2.1'], ttl: 60 },
      ],
    )
    assert.equal((looks[0]?.serial ?? 0) - (looks[1]?.serial ?? 0), 1)
    const verdict = judgeObservations(looks, { lostSite: null, minimumObserved: 1 })
    assert.equal(verdict.everywhere, false)
    assert.match(verdict.summary, /1 of 2 servers .*not yet: .*answers 192\.0\.2\.1 instead of 198\.51\.100\.2/)
    await dns.change({ expected: dr, wanted: primary })
  })

  it('finds them by asking the zone, where none are configured', async () => {
    const config = { ...rfc2136Record(zone, name, 'A', values), nameServers: [] }
    const { primary, secondary, port } = zone
    const dns = openDns(config, { resolvers: [`${primary.address}:${port}`], port })
    const looks = await dns.observe(setOf(config, 'primary'))
    assert.deepEqual(
      looks.map(({ server, address, ok }) => ({ server, address, ok })),
      [
        { server: `ns1.kennel.example.:${port}`, address: `${primary.address}:${port}`, ok: true },
        { server: `ns2.kennel.example.:${port}`, address: `${secondary.address}:${port}`, ok: true },
      ],
    )
    const nowhere = openDns({ ...config, zone: 'nothing.kennel.example.' }, { resolvers: [`${primary.address}:${port}`], port })
    await assert.rejects(nowhere.observe(setOf(config, 'primary')), failsWith('PreconditionFailed', /nothing\.kennel\.example\. has no name servers/))
    const deaf = openDns(config, { resolvers: ['127.0.0.1:1'] })
    await assert.rejects(deaf.observe(setOf(config, 'primary')), failsWith('Unreachable', /resolvers of this host say/))
  })

  it('tells of one that hangs, within its time', async () => {
    const config = rfc2136Record(zone, name, 'A', values)
    await zone.secondary.freeze()
    try {
      const started = performance.now()
      const looks = await openDns(config).observe(setOf(config, 'primary'))
      assert.ok(performance.now() - started < 20_000)
      assert.deepEqual(
        looks.map(({ ok }) => ok),
        [true, false],
      )
      assert.match(looks[1]?.problem ?? '', /^does not answer within 2 s$/)
    } finally {
      zone.secondary.thaw()
    }
  })

  it('does not wait for one that hangs at the lost site, and asks one that answers there all the same', async () => {
    const record = rfc2136Record(zone, name, 'A', values)
    const [one, two] = record.nameServers
    assert.ok(one && two)
    const config = {
      ...record,
      nameServers: [
        { ...one, site: 'dr' },
        { ...two, site: 'primary' },
      ],
    }
    const dns = openDns(config, { lostSite: 'primary' })
    const wanted = setOf(config, 'primary')
    let seen: readonly ServerObservation[] = []
    // It has a quarter of a second longer than the others, which a busy machine may sleep through.
    await waitFor('the answer of both', async () => (seen = await dns.observe(wanted)).every(({ ok }) => ok))
    assert.deepEqual(
      seen.map(({ site }) => site),
      ['dr', 'primary'],
    )
    await zone.secondary.freeze()
    try {
      const looks = await dns.observe(wanted)
      const verdict = judgeObservations(looks, { lostSite: 'primary', minimumObserved: 1 })
      assert.equal(verdict.everywhere, true)
      assert.match(verdict.owed.join(), /had not answered when the servers that count had/)
      await assert.rejects(dns.observe(wanted, AbortSignal.abort()), failsWith('Cancelled', /cancelled/))
    } finally {
      zone.secondary.thaw()
    }
  })
})

describe('observing a server that', () => {
  let server: NameServer
  let config: ManualRecordConfig
  beforeEach(async () => {
    server = await startNameServer((asked) => (asked === name ? { type: 'A', ttlSeconds, values: ['198.51.100.2'] } : null))
    const common = { name, type: 'A', zone: 'kennel.example.', ttlSeconds, values, minimumObserved: 1 } as const
    config = { provider: 'manual', ...common, nameServers: nameServers(server) }
  })
  afterEach(() => server?.stop())

  const look = async (): Promise<ServerObservation> => {
    const [found, ...more] = await openDns(config).observe(setOf(config, 'dr'))
    assert.ok(found && more.length === 0)
    return found
  }

  it('has the answer asks it once, and not for help of others', async () => {
    const found = await look()
    assert.deepEqual(
      { ok: found.ok, observed: found.observed, serial: found.serial, problem: found.problem },
      { ok: true, observed: true, serial: 7, problem: null },
    )
    assert.deepEqual(
      server.asked.map(({ over, recursive }) => ({ over, recursive })),
      [
        { over: 'udp', recursive: false },
        { over: 'udp', recursive: false },
      ],
    )
  })

  const broken: readonly (readonly [Behaviour, RegExp])[] = [
    ['SERVFAIL', /^answers SERVFAIL$/],
    ['REFUSED', /^answers REFUSED$/],
    ['has no authority', /^answers without authority/],
    ['is silent', /^does not answer within 2 s$/],
    ['sends rubbish', /^sends what is no answer/],
    ['truncates and is silent over TCP', /^does not answer over TCP within 4 s$/],
  ]
  for (const [behaviour, problem] of broken) {
    it(`${behaviour} has not been observed`, async () => {
      server.behaviour = behaviour
      const found = await look()
      assert.deepEqual({ ok: found.ok, observed: found.observed, answers: found.answers }, { ok: false, observed: false, answers: [] })
      assert.match(found.problem ?? '', problem)
    })
  }

  it('cannot fit its answer into a datagram is asked over TCP', async () => {
    server.behaviour = 'truncates'
    assert.equal((await look()).ok, true)
    assert.ok(server.asked.some(({ over, name: asked }) => over === 'tcp' && asked === name))
  })

  it('answers somebody else first is waited for', async () => {
    server.behaviour = 'answers another question first'
    assert.equal((await look()).ok, true)
  })

  it('does not run has not been observed', async () => {
    const { address, port } = server
    await server.stop()
    server = await startNameServer(() => null)
    config = { ...config, nameServers: nameServers({ address, port }) }
    assert.match((await look()).problem ?? '', /^does not listen$/)
  })

  it('cannot be reached from this host has not been observed', async () => {
    config = { ...config, nameServers: nameServers({ address: '255.255.255.255', port: 5353 }) }
    assert.match((await look()).problem ?? '', /^cannot be asked \(EACCES\)$/)
  })

  it('has no such record, or an alias in its place, is no success', async () => {
    await server.stop()
    let alias = false
    server = await startNameServer(() => (alias ? { type: 'CNAME', ttlSeconds, values: ['lb.example'] } : null))
    config = { ...config, nameServers: nameServers(server) }
    assert.match((await look()).problem ?? '', /^has no record app\.kennel\.example\. A$/)
    alias = true
    const found = await look()
    assert.deepEqual({ ok: found.ok, observed: found.observed }, { ok: false, observed: true })
    assert.match(found.problem ?? '', /is an alias of lb\.example\./)
  })

  it('has a name without an address is told by its name', async () => {
    const { address, port } = server
    config = { ...config, nameServers: [{ host: 'nowhere.kennel.example', port: 53 }] }
    const [found] = await openDns(config, { resolvers: [`${address}:${port}`] }).observe(setOf(config, 'dr'))
    assert.equal(found?.observed, false)
    assert.match(found?.problem ?? '', /nowhere\.kennel\.example/)
  })

  it('takes long is no longer waited for once work is cancelled', async () => {
    server.behaviour = 'is silent'
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 100)
    const started = performance.now()
    await assert.rejects(openDns(config).observe(setOf(config, 'dr'), stop.signal), failsWith('Cancelled'))
    // Its own patience ends after two seconds.
    assert.ok(performance.now() - started < 1900)
  })
})
