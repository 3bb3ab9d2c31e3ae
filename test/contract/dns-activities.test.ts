/** The steps of a failover that concern DNS, on a real Temporal server with real DNS servers. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { WorkflowHandle } from '@temporalio/client'
import type { DnsPlan } from '../../activities/site/dns/plan-dns.ts'
import type { DnsObserved } from '../../activities/site/dns/observe-dns.ts'
import type { RecordSet } from '../../domain/dns.ts'
import type { MusterError } from '../../domain/failures.ts'
import { addresses, attemptsOf, createDnsRig, type DnsRig, resultOf } from '../support/dns-rig.ts'
import { failsWith } from '../support/fails-with.ts'
import { makeKey } from '../support/knot-server.ts'
import { waitFor } from '../support/rig.ts'

const zone = 'kennel.example.'
const app = `app.${zone}`
const aws = `aws.${zone}`
const hand = `hand.${zone}`

describe('the DNS steps of a failover', function () {
  this.timeout(60_000)
  let dns: DnsRig

  before(async () => {
    dns = await createDnsRig({ records: ({ zone: servers }) => strangeRecords(servers) })
  })
  after(() => dns?.stop())

  beforeEach(async () => {
    await dns.zone.put(app, 'A', 60, [addresses.primary])
    await dns.zone.put(hand, 'A', 60, [addresses.primary])
    await dns.zone.put(`odd.${zone}`, 'A', 60, [addresses.primary])
    await dns.zone.put(`lost.${zone}`, 'A', 60, [addresses.primary])
    dns.route53.sets = [{ name: aws, type: 'A', setIdentifier: null, ttl: '60', values: [addresses.primary], rest: '' }]
    Object.assign(dns.route53, { settles: true, errors: [], loseAnswer: false })
    await dns.zone.followed()
  })

  const planOf = async (record: string, toSite = 'dr'): Promise<DnsPlan> => {
    const { records } = await dns.run('planDns', { toSite })
    return records.find((plan) => plan.record === `${record} A`) ?? assert.fail(`no plan for ${record}`)
  }
  const change = (record: string, expected: RecordSet, toSite = 'dr') => dns.run('changeDns', { record: `${record} A`, expected, toSite })
  const observe = (record: string, changeId: string | null, withinSeconds: number, more: { lostSite?: string | null; toSite?: string } = {}) =>
    dns.run('observeDns', { record: `${record} A`, changeId, withinSeconds, ...more })

  it('plan exactly what is changed, change it once, and see it at every server', async () => {
    for (const record of [app, aws]) {
      const { change: planned, inPlace, holdsSite, problems, warnings } = await planOf(record)
      assert.deepEqual({ inPlace, holdsSite, problems, warnings }, { inPlace: false, holdsSite: 'primary', problems: [], warnings: [] })
      assert.deepEqual(planned?.expected, dns.before(record))
      assert.deepEqual(planned?.wanted, { ...dns.before(record), values: [addresses.dr] })
      const first = await change(record, planned?.expected ?? assert.fail())
      assert.equal(first.outcome, 'changed')
      const second = await change(record, planned.expected)
      assert.equal(second.outcome, 'already')
      const observed = await observe(record, first.changeId, 20)
      assert.ok(observed.everywhere, observed.summary)
      assert.deepEqual(observed.missing, [])
      assert.ok((await planOf(record)).inPlace)
      assert.equal((await change(record, planned.wanted, 'primary')).outcome, 'changed')
    }
  })

  it('note a change before they ask for it', async () => {
    await change(app, dns.before(app))
    const text = await readFile(join(dns.rig.agent.hostDirectory, 'dns', 'shop.jsonl'), 'utf8')
    const notes = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, string>]))
    assert.deepEqual(
      notes.slice(-3).map(({ what, record, from, to }) => ({ what, record, from, to })),
      ['taken', 'changing', 'changed'].map((what) => ({
        what,
        record: `${app} A`,
        from: `${app} 60 IN A ${addresses.primary}`,
        to: `${app} 60 IN A ${addresses.dr}`,
      })),
    )
    assert.ok(!text.includes(dns.zone.key.secret))
  })

  it('change nothing by a plan that is no longer true, and do not try it again', async () => {
    const { change: planned } = await planOf(app)
    await dns.zone.put(app, 'A', 60, ['203.0.113.9'])
    const handle = await dns.start('changeDns', { record: `${app} A`, expected: planned?.expected ?? assert.fail() })
    await assert.rejects(resultOf(handle), failsWith('PlanChanged', /is 203\.0\.113\.9, neither 192\.0\.2\.1 \(expected\) nor 198\.51\.100\.2 \(wanted\)/))
    assert.equal(await attemptsOf(handle), 1)
    assert.deepEqual(await dns.zone.held(app, 'A'), [`${app} 60 IN A 203.0.113.9`])
  })

  it('write only what the signed configuration says, whatever they are told', async () => {
    await assert.rejects(change(app, dns.before(app), 'elsewhere'), failsWith('UnknownName', /has no values for site "elsewhere"/))
    await assert.rejects(change('other.example.', dns.before(app)), failsWith('UnknownName', /no DNS record "other\.example\. A"/))
    await assert.rejects(change(app, { ...dns.before(app), values: [] }), failsWith('InvalidInput', /without a value/))
    await assert.rejects(change(app, { ...dns.before(app), values: ['192.0.2.1\nupdate delete kennel.example. NS'] }), failsWith('InvalidInput'))
    await assert.rejects(change(app, dns.before(hand)), failsWith('InvalidInput', /are not the same record/))
    assert.deepEqual(await dns.zone.held(app, 'A'), [`${app} 60 IN A ${addresses.primary}`])
  })

  it('say in the plan what would stop them', async () => {
    const problems = (plan: DnsPlan) => plan.problems.map(({ type, message }) => `${type}: ${message}`).join('\n')
    const lost = await planOf(`lost.${zone}`)
    assert.match(
      problems(lost),
      /PreconditionFailed: lost\.kennel\.example\. A could not be changed: every server that takes updates .* stands at site primary/,
    )
    const wrong = await planOf(`odd.${zone}`)
    assert.match(problems(wrong), /CredentialsRejected: .*\(BADSIG\)/)
    assert.deepEqual(wrong.change?.expected, dns.before(`odd.${zone}`))
    await dns.zone.put(app, 'A', 3600, ['192.0.2.1', '192.0.2.77'])
    const several = await planOf(app)
    assert.match(problems(several), /has 2 values, .* and muster\.yaml declares one/)
    assert.equal(several.change, null)
    assert.match(problems(await planOf(app, 'elsewhere')), /UnknownName: .*has no values for site "elsewhere"/)
    await dns.zone.put(app, 'A', 3600, ['203.0.113.9'])
    const { warnings, holdsSite } = await planOf(app)
    assert.equal(holdsSite, null)
    assert.match(warnings.join('\n'), /has a TTL of 3600 s, policy is 60 s.*\n.*203\.0\.113\.9 is the value of no site/)
  })

  it('are done although the answer to the change was lost', async () => {
    dns.route53.loseAnswer = true
    const accepted = dns.route53.accepted
    const { outcome, changeId } = await change(aws, dns.before(aws))
    assert.equal(outcome, 'changed')
    assert.equal(changeId, null)
    assert.equal(dns.route53.accepted, accepted + 1)
    assert.equal((await observe(aws, changeId, 10)).provider, 'unknown')
  })

  it('give a busy Route 53 its time, and then say so', async () => {
    dns.route53.errors = Array.from({ length: 1000 }, () => ({ on: /POST .*rrset/, status: 400, code: 'Throttling' }))
    const handle = await dns.start('changeDns', { record: `${aws} A`, expected: dns.before(aws) }, { controlSeconds: 12 })
    // Which of the two depends on whether the limit falls into a try or into the pause before the next; both say why.
    await assert.rejects(resultOf(handle), (error: MusterError) => {
      assert.ok(error.type === 'Timeout' || error.type === 'Throttled', error.type)
      assert.match(error.message, /failed: Throttling/)
      return true
    })
    assert.equal(dns.route53.sets[0]?.values[0], addresses.primary)
    dns.route53.errors = []
  })

  it('are no success while Route 53 says PENDING, though its name server answers', async () => {
    const { changeId } = await change(aws, dns.before(aws))
    dns.route53.settles = false
    const observed = await observe(aws, changeId, 3)
    assert.deepEqual(
      { everywhere: observed.everywhere, provider: observed.provider, missing: observed.missing },
      { everywhere: false, provider: 'pending', missing: [] },
    )
    assert.match(observed.summary, /the provider still says that the change is pending/)
    dns.route53.settles = true
    assert.equal((await observe(aws, changeId, 10)).provider, 'settled')
  })

  it('leave a record that people change to people, and see when they did', async () => {
    const { outcome, detail } = await change(hand, dns.before(hand))
    assert.equal(outcome, 'by hand')
    assert.match(detail, /change the record hand\.kennel\.example\. of type A from 192\.0\.2\.1 to 198\.51\.100\.2/)
    const early = await observe(hand, null, 0)
    assert.equal(early.everywhere, false)
    assert.match(early.missing.join(), /answers 192\.0\.2\.1 instead of 198\.51\.100\.2/)
    const watching = await dns.start('observeDns', { record: `${hand} A`, changeId: null, withinSeconds: 40 })
    await hasLooked(watching)
    await dns.zone.put(hand, 'A', 60, [addresses.dr])
    const { everywhere, looks } = await resultOf<DnsObserved>(watching)
    assert.ok(everywhere && looks > 1)
  })

  it('stop watching as soon as the run is cancelled', async () => {
    const handle = await dns.start('observeDns', { record: `${app} A`, changeId: null, withinSeconds: 60 })
    await hasLooked(handle)
    const started = performance.now()
    await handle.cancel()
    await assert.rejects(resultOf(handle), failsWith('Cancelled'))
    assert.ok(performance.now() - started < 30_000)
  })
})

describe('observing a change of DNS', function () {
  this.timeout(60_000)
  let dns: DnsRig
  before(async () => {
    // The secondary, at site primary, has the zone as it was and never hears of a change.
    dns = await createDnsRig({ secondaryFollows: false, lines: [`${app} 60 A ${addresses.primary}`] })
  })
  after(() => dns?.stop())

  it('counts a server at the lost site in neither direction, and names every other that lacks the change', async () => {
    const { changeId } = await dns.run('changeDns', { record: `${app} A`, expected: dns.before(app) })
    const look = () => dns.run('observeDns', { record: `${app} A`, changeId, withinSeconds: 10 })
    let lost = await look()
    // One at the lost site has a quarter of a second longer than the others, which a busy machine may sleep through.
    while (/had not answered/.test(lost.owed.join())) lost = await look()
    assert.ok(lost.everywhere, lost.summary)
    assert.equal(lost.changed.length, 1)
    assert.match(lost.owed.join(), /answers 192\.0\.2\.1 instead of 198\.51\.100\.2/)
    const moved = await dns.run('observeDns', { record: `${app} A`, changeId, withinSeconds: 2, lostSite: null })
    assert.equal(moved.everywhere, false)
    assert.equal(moved.changed.length, 1)
    assert.match(moved.missing.join(), new RegExp(`^${dns.zone.secondary.address.replaceAll('.', '\\.')}.* answers 192\\.0\\.2\\.1 instead`))
    assert.ok(moved.looks > 1)
  })
})

/** What a look saw is in the heartbeats that follow it. */
async function hasLooked(handle: WorkflowHandle): Promise<void> {
  await waitFor('a look', async () => {
    const [step] = (await handle.describe()).raw.pendingActivities ?? []
    return (step?.heartbeatDetails?.payloads ?? []).some(({ data }) => Buffer.from(data ?? []).includes('"phase"'))
  })
}

/** A record with a wrong key, and one that only the site that is lost could change. */
function strangeRecords({ primary, secondary, key }: DnsRig['zone']): readonly object[] {
  const at = (server: { readonly address: string; readonly port: number }) => `${server.address}:${server.port}`
  const common = { provider: 'rfc2136', values: { primary: [addresses.primary], dr: [addresses.dr] }, nameServers: [{ server: at(primary) }] }
  process.env['MUSTER_TEST_WRONG_TSIG'] = makeKey().secret
  process.env['MUSTER_TEST_TSIG'] = key.secret
  return [
    { ...common, name: `odd.${zone}`, servers: [{ server: at(primary), site: 'dr' }], key: { name: key.name, secret: 'env:MUSTER_TEST_WRONG_TSIG' } },
    {
      ...common,
      name: `lost.${zone}`,
      nameServers: [
        { server: at(primary), site: 'dr' },
        { server: at(secondary), site: 'primary' },
      ],
      servers: [{ server: at(primary), site: 'primary' }],
      key: { name: key.name, secret: 'env:MUSTER_TEST_TSIG' },
    },
  ]
}
