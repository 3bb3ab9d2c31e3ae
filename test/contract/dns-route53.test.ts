/** What is peculiar to Route 53: routed and aliased sets, being busy, lost answers, changes that stay PENDING, rights. */
import assert from 'node:assert/strict'
import type { Dns } from '../../adapters/dns/dns.ts'
import type { Route53RecordConfig } from '../../domain/config.ts'
import { type RecordSet } from '../../domain/dns.ts'
import { judgeObservations } from '../../domain/dns-observation.ts'
import { nameServers, openDns, route53Record, setOf } from '../support/dns-labs.ts'
import type { HeldSet } from '../support/route53-records.ts'
import { type Route53Server, startRoute53 } from '../support/route53-server.ts'
import { failsWith } from '../support/fails-with.ts'

const name = 'app.kennel.example.'
const changes = /^POST .*rrset/

describe('a record in Route 53', () => {
  let server: Route53Server
  let config: Route53RecordConfig
  let dns: Dns
  let primary: RecordSet
  let dr: RecordSet
  beforeEach(async () => {
    server = await startRoute53()
    config = route53Record(server, name, 'A', { primary: ['192.0.2.1'], dr: ['198.51.100.2'] })
    server.sets = [plain()]
    dns = openDns(config, { pollSeconds: 0.05, retrySeconds: 30 })
    primary = setOf(config, 'primary')
    dr = setOf(config, 'dr')
  })
  afterEach(() => server?.stop())

  const plain = (changed: Partial<HeldSet> = {}): HeldSet => ({ name, type: 'A', setIdentifier: null, ttl: '60', values: ['192.0.2.1'], rest: '', ...changed })
  const sent = (): string[] => server.seen.filter((line) => changes.test(line))

  it('is changed by one batch that deletes exactly the old set and creates the new one', async () => {
    const { outcome, id } = await dns.change({ expected: primary, wanted: dr })
    assert.deepEqual({ outcome, id }, { outcome: 'changed', id: 'C1' })
    assert.deepEqual(
      sent().map((line) => line.split(' ').slice(2)),
      [['DELETE', 'CREATE']],
    )
    assert.deepEqual(server.sets, [plain({ values: ['198.51.100.2'] })])
  })

  it('that is routed is refused unless its set is declared, and then keeps its routing', async () => {
    const weighted = [
      plain({ setIdentifier: 'main', rest: '<Weight>100</Weight>' }),
      plain({ setIdentifier: 'canary', rest: '<Weight>0</Weight>', values: ['203.0.113.9'] }),
    ]
    server.sets = weighted
    await assert.rejects(dns.read(), failsWith('PreconditionFailed', /routed \(sets main, canary\)/))
    await assert.rejects(dns.change({ expected: primary, wanted: dr }), failsWith('PreconditionFailed', /routed/))
    await assert.rejects(openDns({ ...config, setIdentifier: 'mian' }).read(), failsWith('PreconditionFailed', /no set "mian"; there are: main, canary/))
    assert.deepEqual(server.sets, weighted)
    const declared = openDns({ ...config, setIdentifier: 'main' })
    assert.deepEqual((await declared.dryRun()).problems, [])
    await declared.change({ expected: primary, wanted: dr })
    assert.deepEqual(server.sets, [weighted[1], plain({ setIdentifier: 'main', rest: '<Weight>100</Weight>', values: ['198.51.100.2'] })])
  })

  it('that is the only one of a routing policy is refused as well', async () => {
    server.sets = [plain({ setIdentifier: 'main', rest: '<Failover>PRIMARY</Failover>' })]
    await assert.rejects(dns.change({ expected: primary, wanted: dr }), failsWith('PreconditionFailed', /routed \(sets main\)/))
  })

  it('that is an alias is refused', async () => {
    const alias = '<AliasTarget><HostedZoneId>Z2</HostedZoneId><DNSName>lb.example.</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>'
    server.sets = [plain({ ttl: null, values: [], rest: alias })]
    await assert.rejects(dns.change({ expected: primary, wanted: dr }), failsWith('PreconditionFailed', /alias of lb\.example\./))
    server.sets = [plain({ type: 'CNAME', values: ['lb.example.'] })]
    await assert.rejects(dns.read(), failsWith('PreconditionFailed', /alias \(CNAME\) of lb\.example\./))
    assert.deepEqual(sent(), [])
  })

  it('keeps its health check', async () => {
    server.sets = [plain({ rest: '<HealthCheckId>hc-1</HealthCheckId>' })]
    await dns.change({ expected: primary, wanted: dr })
    assert.deepEqual(server.sets, [plain({ rest: '<HealthCheckId>hc-1</HealthCheckId>', values: ['198.51.100.2'] })])
  })

  for (const [code, status] of [
    ['Throttling', 400],
    ['PriorRequestNotComplete', 400],
    ['ServiceUnavailable', 503],
  ] as const) {
    it(`is changed when ${code} has passed`, async () => {
      server.errors = [
        { on: /./, status, code },
        { on: changes, status, code },
        { on: changes, status, code },
      ]
      assert.equal((await dns.change({ expected: primary, wanted: dr })).outcome, 'changed')
      assert.deepEqual(server.errors, [])
      assert.deepEqual(server.sets, [plain({ values: ['198.51.100.2'] })])
    })
  }

  it('is given up when Route 53 stays busy, and says so', async () => {
    server.errors = Array.from({ length: 1000 }, () => ({ on: changes, status: 400, code: 'Throttling' }))
    const impatient = openDns(config, { retrySeconds: 4 })
    const started = performance.now()
    await assert.rejects(impatient.change({ expected: primary, wanted: dr }), failsWith('Throttled', /changing app\.kennel\.example\. A .*Throttling/))
    assert.ok(performance.now() - started < 30_000)
    assert.ok(sent().length > 1 && sent().length < 10, `${sent().length} requests in four seconds`)
    assert.deepEqual(server.sets, [plain()])
  })

  it('is changed once when the answer to the change is lost', async () => {
    server.loseAnswer = true
    const { outcome, id } = await dns.change({ expected: primary, wanted: dr })
    assert.deepEqual({ outcome, id }, { outcome: 'already', id: null })
    assert.equal(sent().length, 1)
    assert.deepEqual(server.sets, [plain({ values: ['198.51.100.2'] })])
  })

  it('whose TTL changes between reading and writing is changed all the same', async () => {
    let first = true
    server.beforeChange = () => {
      if (first) server.sets = [plain({ ttl: '300' })]
      first = false
    }
    assert.equal((await dns.change({ expected: primary, wanted: dr })).outcome, 'changed')
    assert.equal(sent().length, 2)
    assert.deepEqual(server.sets, [plain({ values: ['198.51.100.2'] })])
  })

  it('that Route 53 refuses for a reason of its own fails with that reason', async () => {
    server.errors = Array.from({ length: 9 }, () => ({ on: changes, status: 400, code: 'InvalidChangeBatch' }))
    await assert.rejects(dns.change({ expected: primary, wanted: dr }), failsWith('PreconditionFailed', /InvalidChangeBatch: as the test wants it/))
    assert.equal(sent().length, 2)
  })

  it('that stays PENDING is no success: the deadline says what that means', async () => {
    assert.ok(judgeObservations(await dns.observe(primary), { lostSite: null, minimumObserved: 1 }).everywhere)
    server.settles = false
    const hasty = openDns({ ...config, settleSeconds: 1 }, { pollSeconds: 0.1 })
    const done = await hasty.change({ expected: primary, wanted: dr })
    await assert.rejects(hasty.awaitSettled(done), (error: unknown) => {
      failsWith('Timeout', /accepted the change C1 of app\.kennel\.example\. A, but after 1 s it still says PENDING/)(error)
      assert.match((error as { hint: string }).hint, /some name servers may give the old answer/)
      return true
    })
    const verdict = judgeObservations(await hasty.observe(dr), { lostSite: null, minimumObserved: 1 })
    assert.match(verdict.missing.join(), /answers 192\.0\.2\.1 instead of 198\.51\.100\.2/)
    server.settles = true
    await hasty.awaitSettled(done)
    assert.ok(judgeObservations(await hasty.observe(dr), { lostSite: null, minimumObserved: 1 }).everywhere)
  })

  it('that is PENDING can be cancelled', async () => {
    server.settles = false
    const done = await dns.change({ expected: primary, wanted: dr })
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 200)
    await assert.rejects(dns.awaitSettled(done, stop.signal), failsWith('Cancelled'))
  })

  it('is not changed with credentials that are wrong', async () => {
    const { accessKeyId } = server
    for (const credentials of [`env:${accessKeyId}:wrong`, 'env:AKIANOBODY:x']) {
      const stranger = openDns({ ...config, credentials })
      await assert.rejects(stranger.change({ expected: primary, wanted: dr }), failsWith('CredentialsRejected', /SignatureDoesNotMatch|InvalidClientTokenId/))
      assert.deepEqual(
        (await stranger.dryRun()).problems.map(({ type }) => type),
        ['CredentialsRejected', 'CredentialsRejected'],
      )
    }
    await assert.rejects(openDns({ ...config, credentials: 'env:without-colon' }).read(), failsWith('SecretMissing', /ACCESS_KEY_ID:SECRET_ACCESS_KEY/))
    assert.deepEqual(server.sets, [plain()])
  })

  it('shows in a dry run that the key may read but not change it', async () => {
    server.errors = [{ on: changes, status: 403, code: 'AccessDenied' }]
    const { problems, proven, present } = await dns.dryRun()
    assert.deepEqual(present, primary)
    assert.equal(proven.length, 2)
    assert.match(problems[0]?.hint ?? '', /route53:ChangeResourceRecordSets|ChangeResourceRecordSets/)
    assert.equal(problems.length, 1)
    assert.deepEqual((await dns.dryRun()).problems, [])
    assert.equal(server.accepted, 0)
    assert.deepEqual(server.sets, [plain()])
  })

  it('shows in a dry run that the hosted zone is not there, is another one, or is private', async () => {
    const absent = await openDns({ ...config, hostedZone: 'ZNOBODY' }).dryRun()
    assert.match(absent.problems[0]?.message ?? '', /no hosted zone ZNOBODY/)
    const other = await openDns({ ...config, zone: 'example.' }).dryRun()
    assert.match(other.problems[0]?.message ?? '', /is kennel\.example\., not example\./)
    server.isPrivate = true
    assert.match((await dns.dryRun()).problems[0]?.message ?? '', /private/)
  })

  it('fails as unreachable when nobody answers for Route 53', async () => {
    await server.stop()
    const lonely = openDns(config, { retrySeconds: 0.5 })
    await assert.rejects(lonely.change({ expected: primary, wanted: dr }), failsWith('Unreachable', /reading app\.kennel\.example\. A/))
    server = await startRoute53()
  })

  it('is observed without Route 53 itself: its control plane may be down', async () => {
    const { nameServer } = server
    const away = openDns({ ...config, endpoint: 'http://127.0.0.1:1', nameServers: nameServers(nameServer) })
    server.settles = true
    assert.ok(judgeObservations(await away.observe(primary), { lostSite: null, minimumObserved: 1 }).everywhere)
  })

  it('lets no secret into a message', async () => {
    const secret = 'hidden-secret-value'
    const wrong = openDns({ ...config, credentials: `env:${server.accessKeyId}:${secret}` })
    await assert.rejects(wrong.read(), (error: unknown) => {
      const { message, hint, cause } = error as { message: string; hint: string; cause?: unknown }
      assert.ok(!JSON.stringify([message, hint, cause ?? null]).includes(secret))
      return true
    })
  })
})
