/** What `muster doctor` says of DNS records: with real servers, keys that are wrong, and places that would be lost. */
import assert from 'node:assert/strict'
import { parseConfig } from '../../config/load.ts'
import type { DoctorFinding } from '../../clients/cli/desk.ts'
import { examineDnsRecords } from '../../wiring/doctor/dns.ts'
import { createFindings } from '../../wiring/doctor/findings.ts'
import { type DnsZone, startDnsZone } from '../support/dns-zone.ts'
import { makeKey } from '../support/knot-server.ts'
import { type Route53Server, startRoute53 } from '../support/route53-server.ts'

const recipient = 'age1u60ngfeu5knp89axr3dlplfdtd64xpa7tw3957lzssnl5zkt3gfq0f9vwu'
const name = 'app.kennel.example.'
const values = { primary: ['192.0.2.1'], dr: ['198.51.100.2'] }

describe('muster doctor, of DNS records', function () {
  this.timeout(60_000)
  let zone: DnsZone
  let route53: Route53Server

  before(async () => {
    zone = await startDnsZone()
    route53 = await startRoute53()
    process.env['MUSTER_TEST_DNS_KEY'] = zone.key.secret
    process.env['MUSTER_TEST_DNS_WRONG_KEY'] = makeKey().secret
    process.env['MUSTER_TEST_DNS_AWS'] = `${route53.accessKeyId}:${route53.secretAccessKey}`
  })
  after(async () => {
    await route53?.stop()
    await zone?.stop()
  })
  beforeEach(async () => {
    await zone.put(name, 'A', 60, values.primary)
    await zone.followed()
    route53.sets = [{ name, type: 'A', setIdentifier: null, ttl: '60', values: values.primary, rest: '' }]
  })

  const at = (server: { readonly address: string }) => `${server.address}:${zone.port}`

  const signed = (changes: object = {}) => ({
    provider: 'rfc2136',
    name,
    values,
    nameServers: [{ server: at(zone.primary), site: 'dr' }, { server: at(zone.secondary) }],
    servers: [
      { server: at(zone.primary), site: 'primary' },
      { server: at(zone.primary), site: 'dr' },
    ],
    key: { name: zone.key.name, secret: 'env:MUSTER_TEST_DNS_KEY' },
    ...changes,
  })

  const doctor = async (...records: readonly object[]): Promise<readonly DoctorFinding[]> => {
    const text = `organisation: Kennel
sites: { primary: { hosts: [db1] }, dr: { hosts: [dr1] } }
stores: { local: { type: directory, path: /store, hosts: [db1] } }
encryption: { recipients: [${recipient}], restoreHosts: [db1] }
systems:
  kennel:
    components: { uploads: { type: files, host: db1, paths: [/srv/kennel] } }
    dns: ${JSON.stringify(records)}
`
    const { config } = parseConfig(text, 'muster.yaml')
    const findings = createFindings()
    const places = { configFile: '/nowhere/muster.yaml', home: '/nowhere', keys: '/nowhere' }
    await examineDnsRecords(findings, { places, config, systems: ['kennel'], hosts: [], applied: false, now: new Date() })
    return findings.all
  }

  const said = (findings: readonly DoctorFinding[], severity: DoctorFinding['severity']) =>
    findings.filter((one) => one.severity === severity).map(({ message, hint }) => (hint === null ? message : `${message} → ${hint}`))

  it('finds nothing wrong with a record that can be moved and seen', async () => {
    const serial = await zone.serial()
    const findings = await doctor(signed())
    assert.deepEqual(said(findings, 'problem'), [])
    assert.deepEqual(said(findings, 'warning'), [])
    const fine = said(findings, 'ok').join('\n')
    assert.match(fine, /at site primary lets the key muster\. change app\.kennel\.example\. A 192\.0\.2\.1/)
    assert.match(fine, /holds the values of site primary/)
    assert.match(fine, new RegExp(`${zone.secondary.address.replaceAll('.', '\\.')}.* answers app\\.kennel\\.example\\. A 192\\.0\\.2\\.1`))
    assert.match(fine, /its TTL of 60 s keeps the policy of 60 s/)
    assert.ok(findings.every(({ about }) => about === `dns kennel ${name} A`))
    assert.equal(await zone.serial(), serial)
  })

  it('fails where every update server stands at the site that is active, and would be lost with it', async () => {
    const findings = await doctor(signed({ servers: [{ server: at(zone.primary), site: 'primary' }] }))
    assert.match(
      said(findings, 'problem').join(),
      /could not be changed: every server that takes updates of it \(.*\) stands at site primary, which would be lost/,
    )
    const later = await doctor(signed({ servers: [{ server: at(zone.primary), site: 'dr' }] }))
    assert.deepEqual(said(later, 'problem'), [])
    assert.match(said(later, 'warning').join(), /once site dr is active: .* stands at site dr/)
  })

  it('fails where too few name servers would be left to show the change', async () => {
    const nameServers = [
      { server: at(zone.primary), site: 'primary' },
      { server: at(zone.secondary), site: 'dr' },
    ]
    const findings = await doctor(signed({ nameServers, minimumObserved: 2 }))
    assert.match(said(findings, 'problem').join(), /could not be observed: 1 of its 2 name servers would be left without site primary/)
  })

  it('fails where the key is wrong, or its secret is not there, and shows neither', async () => {
    const wrong = await doctor(signed({ key: { name: zone.key.name, secret: 'env:MUSTER_TEST_DNS_WRONG_KEY' } }))
    assert.match(said(wrong, 'problem').join(), /secret of the key muster\. is not the one it knows \(BADSIG\)/)
    assert.ok(!JSON.stringify(wrong).includes(process.env['MUSTER_TEST_DNS_WRONG_KEY'] ?? '?'))
    const missing = await doctor(signed({ key: { name: zone.key.name, secret: 'env:MUSTER_TEST_DNS_NO_KEY' } }))
    assert.match(said(missing, 'problem').join(), /MUSTER_TEST_DNS_NO_KEY/)
  })

  it('fails where one authoritative server does not answer', async () => {
    await zone.secondary.freeze()
    try {
      const problems = said(await doctor(signed()), 'problem').join()
      assert.match(problems, new RegExp(`the name server ${zone.secondary.address.replaceAll('.', '\\.')}.* does not answer within 2 s → mend that server`))
    } finally {
      zone.secondary.thaw()
    }
  })

  it('fails where the list of name servers leaves one of the zone out', async () => {
    const some = await doctor(signed({ nameServers: [{ server: at(zone.primary), site: 'dr' }] }))
    assert.deepEqual(said(some, 'problem'), [
      'ns2.kennel.example. serves kennel.example. and is not in nameServers: nobody would see that it keeps the old answer → list it as well, with its site',
    ])
  })

  it('fails where the record may be remembered for longer than policy allows', async () => {
    await zone.put(name, 'A', 3600, values.primary)
    await zone.followed()
    assert.match(said(await doctor(signed()), 'problem').join(), /has a TTL of 3600 s, policy is 60 s.* → set its TTL to 60 s now/)
  })

  it('warns of a value that is of no site, and of name servers of which nobody says where they are', async () => {
    await zone.put(name, 'A', 60, ['203.0.113.7'])
    await zone.followed()
    assert.match(said(await doctor(signed()), 'warning').join(), /203\.0\.113\.7 is the value of no site/)
    const delegated = said(await doctor({ provider: 'manual', name, values }), 'warning').join()
    assert.match(delegated, /nobody says at which site the name servers of kennel\.example\. stand/)
  })

  it('tries the credentials of Route 53, and names what is wrong with the zone', async () => {
    const common = {
      provider: 'route53',
      name,
      values,
      endpoint: route53.endpoint,
      nameServers: [{ server: `${route53.nameServer.address}:${route53.nameServer.port}` }],
    }
    const fine = await doctor({ ...common, hostedZone: route53.hostedZone, credentials: 'env:MUSTER_TEST_DNS_AWS' })
    assert.deepEqual(said(fine, 'problem'), [])
    assert.match(said(fine, 'ok').join(), /the key may change app\.kennel\.example\. A/)
    const none = await doctor({ ...common, hostedZone: 'Z0000000000000000000A', credentials: 'env:MUSTER_TEST_DNS_AWS' })
    assert.match(said(none, 'problem').join(), /there is no hosted zone Z0000000000000000000A/)
    const wrong = await doctor({ ...common, hostedZone: route53.hostedZone, credentials: 'env:MUSTER_TEST_DNS_KEY' })
    assert.match(said(wrong, 'problem').join(), /not of the form ACCESS_KEY_ID:SECRET_ACCESS_KEY/)
  })

  it('refuses a record whose answers somebody else decides', async () => {
    route53.sets = [{ name, type: 'A', setIdentifier: 'blue', ttl: '60', values: values.primary, rest: '<Weight>1</Weight>' }]
    const record = { provider: 'route53', name, values, hostedZone: route53.hostedZone, endpoint: route53.endpoint, credentials: 'env:MUSTER_TEST_DNS_AWS' }
    const findings = await doctor({ ...record, nameServers: [{ server: `${route53.nameServer.address}:${route53.nameServer.port}` }] })
    assert.match(said(findings, 'problem').join(), /is routed \(sets blue\): who asks decides the answer/)
  })
})
