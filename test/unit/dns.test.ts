import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Rfc2136RecordConfig } from '../../domain/config.ts'
import { decideChange, describeRecordSet, recordSet, recordSetText, type RecordSet, sameValues, undeclaredProblem } from '../../domain/dns.ts'
import { seenTtlProblem, ttlProblem } from '../../domain/dns-ttl.ts'
import { judgeObservations, type ServerObservation } from '../../domain/dns-observation.ts'
import { parseDnsServer } from '../../domain/dns-server-address.ts'
import { survivalProblems } from '../../domain/dns-survival.ts'
import { canonicalDnsName, canonicalDnsValue, isInZone, observedDnsValue } from '../../domain/dns-values.ts'
import { failsWith } from '../support/fails-with.ts'

const name = 'app.kennel.example.'

function set(values: readonly string[], ttlSeconds = 60): RecordSet {
  return recordSet({ name, type: 'A', ttlSeconds, values })
}

function look(changed: Partial<ServerObservation>): ServerObservation {
  const base = {
    server: 'ns1.',
    address: '192.0.2.53:53',
    site: null,
    answers: ['198.51.100.2'],
    ttlSeconds: 60,
    serial: 1,
    observed: true,
    ok: true,
    problem: null,
  }
  return { ...base, ...changed }
}

const notObserved = { answers: [], observed: false, ok: false, problem: 'does not answer within 2 s' }
const old = { answers: ['192.0.2.1'], ok: false, problem: 'answers 192.0.2.1 instead of 198.51.100.2' }

describe('a name in DNS', () => {
  it('has one spelling', () => {
    assert.deepEqual([...new Set(['APP.Kennel.example', 'app.kennel.example.', 'app.kennel.EXAMPLE.'].map(canonicalDnsName))], [name])
    assert.equal(canonicalDnsName('_db._tcp.xn--bcher-kva.example'), '_db._tcp.xn--bcher-kva.example.')
  })

  it('holds nothing that a server or a tool reads as something else', () => {
    const bad = [
      '',
      '.',
      '..',
      'a..b',
      '.a',
      '-a.b',
      'a-.b',
      'a b',
      'a\nb',
      'a\0b',
      'a;b',
      '*.a',
      'a\\.b',
      '@',
      'bücher.example',
      'a'.repeat(64),
      'a.'.repeat(127) + 'aa',
      '$ORIGIN',
      'a"b',
      '\u212a.example',
    ]
    for (const text of bad) assert.throws(() => canonicalDnsName(text), failsWith('InvalidInput'), JSON.stringify(text))
    assert.equal(canonicalDnsName('a.'.repeat(126) + 'a').length, 254)
  })

  it('is the same, spelt once or twice, and then made of harmless characters only', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        let canonical: string
        try {
          canonical = canonicalDnsName(text)
        } catch (error) {
          return failsWith('InvalidInput')(error)
        }
        return canonicalDnsName(canonical) === canonical && /^[a-z0-9_.-]+$/.test(canonical)
      }),
    )
  })

  it('lies in a zone when it ends with whole parts of it', () => {
    assert.ok(isInZone(name, 'kennel.example.') && isInZone('kennel.example.', 'kennel.example.'))
    assert.ok(!isInZone('app.mykennel.example.', 'kennel.example.'))
  })
})

describe('a value of a DNS record', () => {
  it('that a server sent is shown in one line, whatever it is', () => {
    assert.equal(observedDnsValue('A', '192.0.2.1'), '192.0.2.1')
    assert.equal(observedDnsValue('CNAME', 'DR.Kennel.Example'), 'dr.kennel.example.')
    for (const text of ['a b', '\u001b[31mred', 'line\nline', '\u202egnp', `x${'y'.repeat(500)}`]) {
      const shown = observedDnsValue('CNAME', text)
      assert.match(shown, /^"[\x20-\x7e…]{1,100}"$/)
      assert.throws(() => canonicalDnsValue('CNAME', shown), failsWith('InvalidInput'))
    }
  })
})

describe('a record set', () => {
  it('has one text, whatever the order and spelling', () => {
    const one = recordSet({ name: 'APP.kennel.example', type: 'AAAA', ttlSeconds: 60, values: ['2001:DB8::2', '2001:db8::1', '2001:db8:0::2'] })
    assert.equal(recordSetText(one), 'app.kennel.example. 60 IN AAAA 2001:db8::1\napp.kennel.example. 60 IN AAAA 2001:db8::2')
    assert.equal(describeRecordSet(one), 'app.kennel.example. AAAA 2001:db8::1 + 2001:db8::2')
    const many = set(Array.from({ length: 100 }, (_, index) => `192.0.2.${index}`))
    assert.match(describeRecordSet(many), /^app\.kennel\.example\. A (?:192\.0\.2\.\d+ \+ ){8}92 more$/)
    assert.deepEqual(recordSet(one), one)
  })

  it('is never empty, an alias of two names, or without a sensible TTL', () => {
    assert.throws(() => set([]), failsWith('InvalidInput', /never empties/))
    assert.throws(() => recordSet({ name, type: 'CNAME', ttlSeconds: 60, values: ['a.', 'b.'] }), failsWith('InvalidInput', /CNAME has one/))
    for (const ttl of [-1, 1.5, Number.NaN, 2 ** 31]) assert.throws(() => set(['192.0.2.1'], ttl), failsWith('InvalidInput', /TTL/))
    const many = Array.from({ length: 101 }, (_, index) => `192.0.2.${index}`)
    assert.throws(() => set(many), failsWith('InvalidInput', /101 values/))
  })

  it('is compared by its values, not by how long they may be remembered', () => {
    assert.ok(sameValues(set(['192.0.2.1'], 60), set(['192.0.2.1'], 300)))
    assert.ok(!sameValues(set(['192.0.2.1']), set(['192.0.2.1', '192.0.2.2'])))
  })
})

describe('the decision to change a record', () => {
  const expected = set(['192.0.2.1'])
  const wanted = set(['198.51.100.2'])

  it('is to replace what was expected, or nothing when it is as wanted', () => {
    assert.equal(decideChange(set(['192.0.2.1']), { expected, wanted }), 'replace')
    assert.equal(decideChange(set(['192.0.2.1'], 3600), { expected, wanted }), 'replace')
    assert.equal(decideChange(set(['198.51.100.2']), { expected, wanted }), 'already')
    assert.equal(decideChange(set(['198.51.100.2'], 300), { expected, wanted }), 'replace')
  })

  it('is refused for anything else', () => {
    for (const present of [null, set(['192.0.2.9']), set(['192.0.2.1', '198.51.100.2'])]) {
      assert.throws(() => decideChange(present, { expected, wanted }), failsWith('PlanChanged', /nothing was changed/))
    }
  })

  it('is never to replace what is neither expected nor wanted', () => {
    const values = fc.subarray(['192.0.2.1', '192.0.2.2', '192.0.2.3'], { minLength: 1 })
    fc.assert(
      fc.property(values, values, values, fc.constantFrom(60, 300), (is, from, to, ttl) => {
        const present = set(is, ttl)
        const request = { expected: set(from), wanted: set(to) }
        const known = sameValues(present, request.expected) || sameValues(present, request.wanted)
        try {
          decideChange(present, request)
          return known
        } catch (error) {
          return !known && failsWith('PlanChanged')(error)
        }
      }),
    )
  })

  it('is refused for two records, and for sets that nobody checked', () => {
    const other = recordSet({ ...wanted, name: 'other.kennel.example.' })
    assert.throws(() => decideChange(expected, { expected, wanted: other }), failsWith('InvalidInput', /not the same record/))
    const unchecked = { ...wanted, values: ['198.51.100.3', '198.51.100.2'] }
    assert.throws(() => decideChange(expected, { expected, wanted: unchecked }), failsWith('InvalidInput', /spelling/))
  })
})

describe('policy of a record', () => {
  it('tells of a TTL that is longer than it says, and only of that', () => {
    assert.equal(ttlProblem(set(['192.0.2.1'], 60), 60), null)
    assert.equal(ttlProblem(set(['192.0.2.1'], 30), 60), null)
    assert.match(ttlProblem(set(['192.0.2.1'], 3600), 60) ?? '', /TTL of 3600 s, policy is 60 s/)
  })

  it('tells of a TTL that only some servers give, and of none that they do not give', () => {
    const record = { name, type: 'A', ttlSeconds: 60 } as const
    const [short, long, none] = [look({}), look({ server: 'ns2.', ttlSeconds: 600 }), look({ server: 'ns3.', ttlSeconds: null })]
    assert.equal(seenTtlProblem(record, set(['192.0.2.1']), [short, none]), null)
    assert.match(seenTtlProblem(record, set(['192.0.2.1']), [short, long, none]) ?? '', /has a TTL of 600 s, policy is 60 s.* \(at ns2\.\)$/)
    assert.match(seenTtlProblem(record, set(['192.0.2.1'], 600), [long]) ?? '', /long$/)
    assert.match(seenTtlProblem(record, set(['192.0.2.1'], 3600), []) ?? '', /TTL of 3600 s/)
    assert.equal(seenTtlProblem(record, null, []), null)
  })

  it('allows several values where a site declares several', () => {
    const two = set(['192.0.2.1', '192.0.2.2'])
    assert.match(undeclaredProblem(two, { primary: ['192.0.2.1'] }) ?? '', /2 values/)
    assert.equal(undeclaredProblem(two, { primary: ['192.0.2.1'], dr: ['198.51.100.1', '198.51.100.2'] }), null)
  })
})

describe('a change that was looked for', () => {
  const rule = { lostSite: 'primary', minimumObserved: 1 }

  it('is everywhere when every server that counts has it', () => {
    const verdict = judgeObservations([look({}), look({ server: 'ns2.', address: '192.0.2.54:53' })], rule)
    assert.deepEqual({ ...verdict, summary: '' }, { everywhere: true, changed: ['ns1.', 'ns2.'], missing: [], owed: [], summary: '' })
  })

  it('is not everywhere while one reachable server has the old answer', () => {
    const verdict = judgeObservations([look({}), look({ server: 'ns2.', ...old })], rule)
    assert.equal(verdict.everywhere, false)
    assert.match(verdict.summary, /1 of 2 .*ns2\.: 192\.0\.2\.53:53 answers 192\.0\.2\.1 instead/)
  })

  it('is not everywhere while one server outside the lost site does not answer', () => {
    const verdict = judgeObservations([look({}), look({ server: 'ns2.', site: 'dr', ...notObserved })], rule)
    assert.equal(verdict.everywhere, false)
    assert.match(verdict.missing.join(), /ns2\.: .*does not answer/)
  })

  it('owes what the lost site does not have, and takes nothing from there as proof', () => {
    const atLost = look({ server: 'ns2.', site: 'primary', ...notObserved })
    const verdict = judgeObservations([look({}), atLost], rule)
    assert.equal(verdict.everywhere, true)
    assert.equal(verdict.owed.length, 1)
    assert.equal(judgeObservations([look({ site: 'primary' })], rule).everywhere, false)
    assert.equal(judgeObservations([look({}), atLost], { ...rule, lostSite: null }).everywhere, false)
  })

  it('needs as many servers as the rule says, and one at least', () => {
    assert.equal(judgeObservations([look({})], { ...rule, minimumObserved: 2 }).everywhere, false)
    assert.match(judgeObservations([look({})], { ...rule, minimumObserved: 2 }).summary, /at least 2 must/)
    assert.equal(judgeObservations([], { ...rule, minimumObserved: 0 }).everywhere, false)
  })

  it('has one witness in a server that goes by two names', () => {
    const twoNames = [look({}), look({ server: '192.0.2.53' })]
    const verdict = judgeObservations(twoNames, { ...rule, minimumObserved: 2 })
    assert.equal(verdict.everywhere, false)
    assert.match(verdict.summary, /2 of 2 servers .*names of one address count once/)
    assert.equal(judgeObservations([...twoNames, look({ server: 'ns2.', address: '192.0.2.54:53' })], { ...rule, minimumObserved: 2 }).everywhere, true)
    const twoAddresses = [look({}), look({ address: '[2001:db8::53]:53' })]
    assert.equal(judgeObservations(twoAddresses, { ...rule, minimumObserved: 2 }).everywhere, false)
  })

  it('is at a server when one of its addresses says so and none says otherwise', () => {
    const away = look({ address: '[2001:db8::53]:53', ...notObserved })
    assert.equal(judgeObservations([look({}), away], rule).everywhere, true)
    assert.equal(judgeObservations([look({}), look({ address: '[2001:db8::53]:53', ...old })], rule).everywhere, false)
    assert.equal(judgeObservations([away, { ...away, address: '' }], rule).everywhere, false)
  })
})

describe('a DNS server', () => {
  it('is named by address or name, with a port', () => {
    const places = ['192.0.2.53', '192.0.2.53:5353', '2001:DB8::53', '[2001:db8::53]:5353', 'NS1.example', 'ns1.example.:5353']
    assert.deepEqual(places.map(parseDnsServer), [
      { host: '192.0.2.53', port: 53 },
      { host: '192.0.2.53', port: 5353 },
      { host: '2001:db8::53', port: 53 },
      { host: '2001:db8::53', port: 5353 },
      { host: 'ns1.example.', port: 53 },
      { host: 'ns1.example.', port: 5353 },
    ])
    for (const text of [
      '',
      ':53',
      '192.0.2.256',
      '192.0.2.53:0',
      '192.0.2.53:65536',
      '[192.0.2.53]',
      '2001:db8::53:99999',
      'a b',
      'http://ns1',
      '-x',
      'ns1:53:53',
    ]) {
      assert.throws(() => parseDnsServer(text), failsWith('InvalidInput'), text)
    }
  })

  it('that takes updates must be left when a site is lost, and so must servers that show the change', () => {
    const lost = { host: '192.0.2.53', port: 53, site: 'primary' }
    const record: Rfc2136RecordConfig = {
      provider: 'rfc2136',
      name,
      type: 'A',
      zone: 'kennel.example.',
      ttlSeconds: 60,
      values: { primary: ['192.0.2.1'], dr: ['198.51.100.2'] },
      nameServers: [lost, { host: '198.51.100.53', port: 53 }],
      minimumObserved: 1,
      servers: [lost],
      key: { name: 'muster.', algorithm: 'hmac-sha256', secret: 'env:TSIG' },
    }
    assert.deepEqual(survivalProblems(record, 'dr'), [])
    assert.match(survivalProblems(record, 'primary').join(), /could not be changed: every server .*192\.0\.2\.53:53.* stands at site primary/)
    const both = { ...record, minimumObserved: 2, servers: [...record.servers, { host: '198.51.100.53', port: 53, site: 'dr' }] }
    assert.match(survivalProblems(both, 'primary').join(), /could not be observed: 1 of its 2 name servers/)
    assert.deepEqual(survivalProblems({ ...both, nameServers: [] }, 'primary'), [])
  })
})
