/** What is peculiar to servers that take signed updates: keys, clocks, broken zones, several servers, silence. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Rfc2136RecordConfig } from '../../domain/config.ts'
import type { RecordSet } from '../../domain/dns.ts'
import { openDns, rfc2136Record, setOf, ttlSeconds } from '../support/dns-labs.ts'
import { type DnsZone, startDnsZone } from '../support/dns-zone.ts'
import { freeNetwork } from '../support/free-port.ts'
import { makeKey, startKnot } from '../support/knot-server.ts'
import { startNameServer } from '../support/name-server.ts'
import { failsWith } from '../support/fails-with.ts'

describe('a record at a server that takes signed updates', () => {
  let zone: DnsZone
  let count = 0
  before(async () => {
    zone = await startDnsZone()
  })
  after(() => zone?.stop())

  interface Subject {
    readonly config: Rfc2136RecordConfig
    readonly primary: RecordSet
    readonly dr: RecordSet
    readonly request: { readonly expected: RecordSet; readonly wanted: RecordSet }
    held(): Promise<string[]>
  }

  const subject = async (changed: Partial<Rfc2136RecordConfig> = {}): Promise<Subject> => {
    const name = `app${(count += 1)}.${zone.zone}`
    const config = { ...rfc2136Record(zone, name, 'A', { primary: ['192.0.2.1'], dr: ['198.51.100.2'] }), ...changed }
    await zone.put(name, 'A', ttlSeconds, ['192.0.2.1'])
    const [primary, dr] = [setOf(config, 'primary'), setOf(config, 'dr')]
    return { config, primary, dr, request: { expected: primary, wanted: dr }, held: () => zone.held(name, 'A') }
  }

  /** The update server of the site `dr`, and one of the site `primary` before it. */
  const serversWith = (first: { readonly address: string; readonly port: number }): Rfc2136RecordConfig['servers'] => [
    { host: first.address, port: first.port, site: 'primary' },
    { host: zone.primary.address, port: zone.port, site: 'dr' },
  ]

  it('is not changed with a wrong secret', async () => {
    const { config, request, primary, held } = await subject()
    const before = await held()
    const wrong = openDns({ ...config, key: { ...config.key, secret: `env:${makeKey().secret}` } })
    assert.deepEqual(await wrong.read(), primary)
    await assert.rejects(wrong.change(request), failsWith('CredentialsRejected', /secret of the key muster\. is not the one it knows \(BADSIG\)/))
    assert.deepEqual(
      (await wrong.dryRun()).problems.map(({ type }) => type),
      ['CredentialsRejected'],
    )
    assert.deepEqual(await held(), before)
  })

  it('is not changed with a key that the server does not know', async () => {
    const { config, request, held } = await subject()
    const before = await held()
    const other = openDns({ ...config, key: { ...config.key, name: 'nobody.' } })
    await assert.rejects(other.change(request), failsWith('CredentialsRejected', /key nobody\..*\(BADKEY\)/))
    const stronger = openDns({ ...config, key: { ...config.key, algorithm: 'hmac-sha512' } })
    await assert.rejects(stronger.change(request), failsWith('CredentialsRejected', /with that algorithm.*\(BADKEY\)/))
    assert.deepEqual(await held(), before)
  })

  it('is not changed with a secret that is none, which is not shown', async () => {
    const { config, request } = await subject()
    for (const secret of ['not base64!', 'key "x" { secret "y"; };', 'YWJj\nserver 192.0.2.1', '']) {
      const odd = openDns({ ...config, key: { ...config.key, secret: `env:${secret}` } })
      await assert.rejects(odd.change(request), (error: unknown) => {
        failsWith('CredentialsRejected', /of the key muster\. is not base64/)(error)
        // The reference is named, and it ends with the secret only here.
        return secret === '' || !(error as Error).message.replace(`env:${secret}`, '').includes(secret)
      })
    }
  })

  it('is not changed where the program that sends updates is missing, which is named with its package', async () => {
    const { config, request } = await subject()
    const { PATH: path } = process.env
    process.env['PATH'] = '/nowhere'
    try {
      const { problems } = await openDns(config).dryRun()
      assert.match(problems[0]?.hint ?? '', /apt-get install bind9-dnsutils/)
      await assert.rejects(openDns(config).change(request), failsWith('CommandFailed', /nsupdate was not found/))
    } finally {
      process.env['PATH'] = path
    }
  })

  it('is not changed while the clocks are too far apart', async () => {
    const network = await freeNetwork()
    const place = { address: network.address(1), port: network.port }
    const { config, request } = await subject()
    const lines = [`$ORIGIN ${zone.zone}`, '@ 60 SOA ns hostmaster 1 60 60 600 60', '@ 60 NS ns', `ns 60 A ${place.address}`, `${config.name} 60 A 192.0.2.1`]
    const late = await startKnot(place, zone.key, [{ zone: zone.zone, lines, updates: ['A'] }], 1200)
    try {
      const dns = openDns({ ...config, servers: [{ host: place.address, port: place.port, site: 'dr' }] })
      await assert.rejects(dns.change(request), failsWith('CredentialsRejected', /clock.*too far apart \(BADTIME\)/))
      assert.deepEqual(await zone.held(config.name, 'A', late), [`${config.name} 60 IN A 192.0.2.1`])
    } finally {
      await late.stop()
    }
  })

  it('is not changed by a key that may not change it, which a dry run shows without a change', async () => {
    const network = await freeNetwork()
    const place = { address: network.address(1), port: network.port }
    const { config, request } = await subject()
    const lines = [`$ORIGIN ${zone.zone}`, '@ 60 SOA ns hostmaster 1 60 60 600 60', '@ 60 NS ns', `ns 60 A ${place.address}`, `${config.name} 60 A 192.0.2.1`]
    for (const updates of [['AAAA'], []]) {
      const strict = await startKnot(place, zone.key, [{ zone: zone.zone, lines, updates }])
      try {
        const dns = openDns({ ...config, servers: [{ host: place.address, port: place.port, site: 'dr' }] })
        const { problems, present } = await dns.dryRun()
        assert.deepEqual(
          problems.map(({ type }) => type),
          ['CredentialsRejected'],
        )
        assert.deepEqual(present, request.expected)
        await assert.rejects(dns.change(request), failsWith('CredentialsRejected'))
        assert.equal(await zone.serial(place), 1)
      } finally {
        await strict.stop()
      }
    }
  })

  it('is tried without a change: the serial number of the zone stays', async () => {
    const { config } = await subject()
    const before = await zone.serial()
    assert.deepEqual((await openDns(config).dryRun()).problems, [])
    assert.equal(await zone.serial(), before)
  })

  it('whose zone is broken there (SERVFAIL) is changed at the next server, and fails when there is none', async () => {
    const network = await freeNetwork()
    const place = { address: network.address(1), port: network.port }
    const broken = await startKnot(place, zone.key, [{ zone: zone.zone, updates: ['A'] }])
    try {
      const { config, request, held } = await subject()
      const alone = openDns({ ...config, servers: [{ host: place.address, port: place.port, site: 'primary' }] })
      await assert.rejects(alone.change(request), failsWith('Unreachable', /answers SERVFAIL/))
      const { problems } = await alone.dryRun()
      assert.match(problems[0]?.message ?? '', /SERVFAIL/)
      const both = openDns({ ...config, servers: serversWith(place) })
      assert.equal((await both.dryRun()).problems.length, 1)
      assert.match((await both.change(request)).detail, new RegExp(zone.primary.address.replaceAll('.', '\\.')))
      assert.match((await held()).join(), /198\.51\.100\.2/)
    } finally {
      await broken.stop()
    }
  })

  it('is changed at the server that can be reached', async () => {
    const network = await freeNetwork()
    const nobody = { address: network.address(1), port: network.port }
    const { config, request, held } = await subject({ servers: serversWith(nobody) })
    const dns = openDns(config)
    assert.equal((await dns.change(request)).outcome, 'changed')
    assert.match((await held()).join(), /198\.51\.100\.2/)
    const alone = openDns({ ...config, servers: [{ host: nobody.address, port: nobody.port, site: 'primary' }] })
    await assert.rejects(alone.change(request), failsWith('Unreachable', /does not listen/))
    const twice = ['primary', 'dr'].map((site) => ({ host: nobody.address, port: nobody.port, site }))
    await assert.rejects(openDns({ ...config, servers: twice }).read(), failsWith('Unreachable', /does not listen.*; .*does not listen/))
  })

  it('is changed at a server outside the lost site first', async () => {
    const silent = await startNameServer(() => null)
    silent.behaviour = 'is silent'
    try {
      const { config, request } = await subject({ servers: serversWith(silent) })
      assert.equal((await openDns(config, { lostSite: 'primary' }).change(request)).outcome, 'changed')
      assert.deepEqual(silent.asked, [])
    } finally {
      await silent.stop()
    }
  })

  it('at a server that takes no updates is not changed', async () => {
    const { config, request, held } = await subject()
    const before = await held()
    const dns = openDns({ ...config, servers: [{ host: zone.secondary.address, port: zone.port, site: 'dr' }] })
    await zone.followed()
    await assert.rejects(dns.change(request), failsWith('CredentialsRejected', new RegExp(zone.secondary.address.replaceAll('.', '\\.'))))
    assert.deepEqual(await held(), before)
  })

  it('of a zone that the server does not have is not changed', async () => {
    const { config } = await subject()
    const elsewhere = { ...config, name: 'app.kennel.invalid.', zone: 'kennel.invalid.' }
    await assert.rejects(openDns(elsewhere).read(), failsWith('PreconditionFailed', /answers REFUSED/))
  })

  it('that only a wildcard answers is told as what it is, and not changed', async () => {
    await zone.put(`*.wild.${zone.zone}`, 'A', ttlSeconds, ['192.0.2.1'])
    const { config, request } = await subject({ name: `app.wild.${zone.zone}` })
    await zone.followed()
    const serial = await zone.serial()
    const renamed = { expected: { ...request.expected, name: config.name }, wanted: { ...request.wanted, name: config.name } }
    const dns = openDns(config)
    await assert.rejects(dns.change(renamed), failsWith('PreconditionFailed', /serves app\.wild\..* A 192\.0\.2\.1, but has no such record: a wildcard/))
    assert.match((await dns.dryRun()).problems[0]?.message ?? '', /but has no such record/)
    assert.equal(await zone.serial(), serial)
  })

  it('whose servers failed in different ways may be tried again as long as one of them may come back', async () => {
    const network = await freeNetwork()
    const nobody = { address: network.address(1), port: network.port }
    const { config, request } = await subject({ servers: serversWith(nobody) })
    const wrong = { ...config, key: { ...config.key, secret: `env:${makeKey().secret}` } }
    await assert.rejects(openDns(wrong).change(request), failsWith('Unreachable', /does not listen.*; .*BADSIG/))
    await assert.rejects(openDns(wrong, { lostSite: 'primary' }).change(request), failsWith('CredentialsRejected', /BADSIG.*; .*does not listen/))
  })

  it('in whose place somebody put one of another type is not changed', async () => {
    const name = `both.${zone.zone}`
    const config = rfc2136Record(zone, name, 'CNAME', { primary: ['a.example.'], dr: ['b.example.'] })
    await zone.put(name, 'CNAME', ttlSeconds, ['a.example.'])
    const beforeChange = async (): Promise<void> => {
      await zone.put(name, 'CNAME', ttlSeconds, [])
      await zone.put(name, 'A', ttlSeconds, ['192.0.2.7'])
    }
    const request = { expected: setOf(config, 'primary'), wanted: setOf(config, 'dr'), beforeChange }
    await assert.rejects(openDns(config).change(request), failsWith('PlanChanged', /does not exist/))
    assert.deepEqual(await zone.held(name, 'A'), [`${name} ${ttlSeconds} IN A 192.0.2.7`])
  })

  it('is changed at the next server when one falls silent in the middle, and shows its key to no other program', async () => {
    const half = await startNameServer(() => ({ type: 'A', ttlSeconds, values: ['192.0.2.1'] }))
    try {
      const { config, request, held } = await subject({ servers: serversWith(half) })
      const work = openDns(config).change(request)
      const shown = await whileRunning('nsupdate', work)
      assert.ok(shown.length > 0, 'nsupdate was not seen')
      assert.ok(!shown.some((text) => text.includes(zone.key.secret)))
      assert.equal((await work).outcome, 'changed')
      assert.match((await held()).join(), /198\.51\.100\.2/)
      const alone = openDns({ ...config, servers: [{ host: half.address, port: half.port, site: 'dr' }] })
      await assert.rejects(alone.change(request), failsWith('Unreachable', /timed out/))
    } finally {
      await half.stop()
    }
  })
})

/** Arguments and environments of a program that runs meanwhile. */
async function whileRunning(program: string, work: Promise<unknown>): Promise<string[]> {
  const shown: string[] = []
  let running = true
  void work.catch(() => undefined).finally(() => (running = false))
  while (running) {
    for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
      const read = (file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
      const line = await read('cmdline')
      if (line.split('\0')[0]?.endsWith(program)) shown.push(line, await read('environ'))
    }
    await sleep(20)
  }
  return shown
}
