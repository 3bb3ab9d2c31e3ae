import assert from 'node:assert/strict'
import { z } from 'zod'
import { checkDnsRecords } from '../../config/check-dns.ts'
import { normaliseDnsRecord } from '../../config/normalise-dns.ts'
import { dnsRecord, dnsRecords } from '../../config/schema-dns.ts'
import { parseConfig } from '../../config/load.ts'
import type { DnsRecordConfig } from '../../domain/config.ts'
import { failsWith } from '../support/fails-with.ts'

const common = { name: 'App.kennel.example', values: { primary: ['192.0.2.1'], dr: ['198.51.100.1'] } }
const route53 = { ...common, provider: 'route53', hostedZone: 'Z0123456789ABCDEFGHIJ', credentials: 'env:MUSTER_ROUTE53' }
const rfc2136 = { ...common, provider: 'rfc2136', servers: [{ server: '198.51.100.53', site: 'dr' }], key: { name: 'Muster', secret: 'file:/etc/muster/tsig' } }
const command = { ...common, provider: 'command', read: ['dig', '+noall', '+answer', 'app.kennel.example'], change: ['/usr/local/bin/change-dns'] }
const manual = { ...common, provider: 'manual' }

const normal = { name: 'app.kennel.example.', type: 'A', zone: 'kennel.example.', ttlSeconds: 60, values: common.values, nameServers: [], minimumObserved: 1 }

function read(written: unknown): DnsRecordConfig {
  return normaliseDnsRecord(dnsRecord.parse(written))
}

function problems(written: unknown): string[] {
  const { error } = dnsRecord.safeParse(written)
  return (error?.issues ?? assert.fail('it was accepted')).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('a DNS record in muster.yaml', () => {
  it('gets its defaults', () => {
    const { hostedZone, credentials } = route53
    assert.deepEqual(read(route53), { ...normal, provider: 'route53', hostedZone, credentials, region: 'us-east-1', settleSeconds: 300 })
    const key = { name: 'muster.', algorithm: 'hmac-sha256', secret: 'file:/etc/muster/tsig' }
    assert.deepEqual(read(rfc2136), { ...normal, provider: 'rfc2136', servers: [{ host: '198.51.100.53', port: 53, site: 'dr' }], key })
    assert.deepEqual(read(command), { ...normal, provider: 'command', read: command.read, change: command.change, timeoutSeconds: 60 })
    assert.deepEqual(read(manual), { ...normal, provider: 'manual' })
  })

  it('is made uniform, so that the same record has the same hash', () => {
    const written = { ...manual, type: 'AAAA', zone: 'KENNEL.example', ttl: '5m', values: { primary: ['2001:DB8::2', '2001:db8:0::1'], dr: ['2001:db8:1::1'] } }
    const { zone, ttlSeconds, values } = read(written)
    assert.deepEqual(
      { zone, ttlSeconds, values },
      { zone: 'kennel.example.', ttlSeconds: 300, values: { primary: ['2001:db8::1', '2001:db8::2'], dr: ['2001:db8:1::1'] } },
    )
    const servers = [{ server: 'NS1.kennel.example:5353', site: 'primary' }, { server: '[2001:DB8::53]:53' }]
    assert.deepEqual(read({ ...manual, nameServers: servers }).nameServers, [
      { host: 'ns1.kennel.example.', port: 5353, site: 'primary' },
      { host: '2001:db8::53', port: 53 },
    ])
  })

  it('is refused with a value that is none, at its place', () => {
    const wrong = { primary: ['192.0.2.1', '192.0.2.999'], dr: ['198.51.100.1\nsend'] }
    const found = problems({ ...manual, values: wrong })
    assert.match(found[0] ?? '', /^values\.primary\.1: "192\.0\.2\.999" is not the value of a record of type A/)
    assert.match(found[1] ?? '', /^values\.dr\.0: /)
    assert.match(
      problems({ ...manual, type: 'CNAME', values: { primary: ['a.example', 'b.example'], dr: ['c.example'] } }).join(),
      /values\.primary\.1: a CNAME has one value/,
    )
  })

  it('is refused when it is incomplete or contradicts itself', () => {
    assert.match(problems({ ...manual, values: { primary: ['192.0.2.1'] } }).join(), /two sites/)
    assert.match(problems({ ...manual, values: { primary: [], dr: ['198.51.100.1'] } }).join(), /values\.primary/)
    assert.match(problems({ ...manual, zone: 'other.example' }).join(), /zone: App\.kennel\.example does not lie in it/)
    assert.match(problems({ ...manual, name: '*.kennel.example' }).join(), /name: "\*\.kennel\.example" is not a name/)
    assert.match(problems({ ...manual, ttl: '0s' }).join(), /ttl/)
    assert.match(problems({ ...rfc2136, servers: [] }).join(), /servers/)
    assert.match(problems({ ...rfc2136, key: { ...rfc2136.key, algorithm: 'hmac-md5' } }).join(), /key\.algorithm/)
    assert.match(problems({ ...route53, hostedZone: '/hostedzone/Z1' }).join(), /hostedZone: is not the id/)
    assert.match(problems({ ...command, change: ['change-dns --now'] }).join(), /one word per item/)
    assert.match(problems({ ...manual, ttls: '60s' }).join(), /ttls/)
  })

  it('is refused with a secret in it, which is not repeated', () => {
    const secret = 'c2VjcmV0'
    const found = problems({ ...rfc2136, key: { name: 'muster', secret } }).join()
    assert.match(found, /key\.secret: must say where the secret is/)
    assert.ok(!found.includes(secret))
    assert.ok(
      !problems({ ...route53, credentials: `AKIA:${secret}` })
        .join()
        .includes(secret),
    )
  })

  it('must fit to the sites, and change something', () => {
    const records = [
      {
        ...rfc2136,
        values: { primary: ['192.0.2.1'], rd: ['192.0.2.1'] },
        nameServers: [{ server: '192.0.2.53', site: 'primry' }],
        servers: [{ server: '192.0.2.53', site: 'nowhere' }],
      },
      manual,
      { ...manual, name: 'APP.kennel.example.' },
    ].map(read)
    const reported: string[] = []
    checkDnsRecords(records, ['primary', 'dr'], (path, message) => reported.push(`${path.join('.')}: ${message}`))
    assert.deepEqual(reported, [
      '0.values.rd: there is no site "rd"; did you mean "dr"?',
      '0.nameServers.0.site: there is no site "primry"; did you mean "primary"?',
      '0.servers.0.site: there is no site "nowhere"; there are: primary, dr',
      '0.values.rd: has the values of site primary: a failover would change nothing',
      '1.name: the record app.kennel.example. A is there twice',
      '2.name: the record app.kennel.example. A is there twice',
    ])
  })

  it('must be able to become what each site says, and to be observed by as many servers as it needs', () => {
    const many = Array.from({ length: 101 }, (_, index) => `192.0.2.${index}`)
    const alias = { ...manual, type: 'CNAME', name: 'kennel.example', zone: 'kennel.example', values: { primary: ['a.example'], dr: ['Kennel.example.'] } }
    const servers = [{ server: '192.0.2.53' }, { server: '192.0.2.53:53', site: 'dr' }]
    const records = [
      { ...manual, values: { primary: many, dr: ['192.0.2.200'] } },
      alias,
      { ...manual, name: 'www.kennel.example', nameServers: servers, minimumObserved: 2 },
    ]
    const reported: string[] = []
    checkDnsRecords(records.map(read), ['primary', 'dr'], (path, message) => reported.push(`${path.join('.')}: ${message}`))
    assert.deepEqual(reported, [
      '0.values.primary: the record app.kennel.example. A has 101 values, at most 100 can be written at once',
      '1.type: kennel.example. is the apex of its zone, which cannot be a CNAME',
      '1.values.dr: kennel.example. cannot be an alias of itself',
      '2.nameServers.1: the server 192.0.2.53:53 is listed twice',
      '2.minimumObserved: is 2, but there are 1 nameServers: no change could ever be observed',
    ])
  })

  it('stands in muster.yaml under its system, and follows one system only', () => {
    const file = (values: string, more = ''): string => `organisation: Kennel
sites: { primary: { hosts: [db1] }, dr: { hosts: [dr1] } }
stores: { local: { type: directory, path: /store, hosts: [db1] } }
encryption: { recipients: [age1u60ngfeu5knp89axr3dlplfdtd64xpa7tw3957lzssnl5zkt3gfq0f9vwu], restoreHosts: [db1] }
systems:
  kennel:
    components: { uploads: { type: files, host: db1, paths: [/srv/kennel] } }
    dns:
      - { provider: manual, name: app.kennel.example, values: ${values} }
${more}`
    const { config } = parseConfig(file('{ primary: [192.0.2.1], dr: [198.51.100.1] }'), 'muster.yaml')
    assert.deepEqual(config.systems['kennel']?.dns, [{ ...normal, provider: 'manual' }])
    const refused = (text: string, pattern: RegExp) => assert.throws(() => parseConfig(text, 'muster.yaml'), failsWith('ConfigInvalid', pattern))
    refused(file('{ primary: [192.0.2.1], rd: [198.51.100.1] }'), /muster\.yaml:9:87 there is no site "rd"; did you mean "dr"\?/)
    refused(file('{ primary: [192.0.2.1], dr: [198.51.100] }'), /muster\.yaml:9:\d+ .*"198\.51\.100" is not the value of a record of type A/)
    refused(
      file('{ primary: [192.0.2.1], dr: [198.51.100.1] }').replace('provider: manual', 'provider: route54'),
      /muster\.yaml:9:21 provider "route54" is not known; did you mean "route53"/,
    )
    const other = `  other:
    components: { uploads: { type: files, host: db1, paths: [/srv/other] } }
    dns: [{ provider: manual, name: APP.kennel.example., values: { primary: [192.0.2.1], dr: [198.51.100.1] } }]
`
    refused(
      file('{ primary: [192.0.2.1], dr: [198.51.100.1] }', other),
      /the record app\.kennel\.example\. A belongs to system kennel; one record follows one system/,
    )
  })

  it('has a description and an example for every key', () => {
    const schema = z.toJSONSchema(dnsRecords, { io: 'input' })
    const silent: string[] = []
    const walk = (part: unknown, path: string): void => {
      if (typeof part !== 'object' || part === null) return
      for (const [key, value] of Object.entries((part as { properties?: object }).properties ?? {})) {
        if (!('description' in (value as object))) silent.push(`${path}.${key}`)
        walk(value, `${path}.${key}`)
      }
      for (const deeper of ['items', 'oneOf', 'anyOf'] as const) {
        const inner = (part as Record<string, unknown>)[deeper]
        for (const one of Array.isArray(inner) ? inner : [inner]) walk(one, path)
      }
    }
    walk(schema, 'dns')
    assert.deepEqual(silent, [])
  })
})
