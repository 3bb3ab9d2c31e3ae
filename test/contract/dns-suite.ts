/** What every DNS provider must do, whatever is behind it; dns.test.ts runs it on each of them. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Dns, DnsChange } from '../../adapters/dns/dns.ts'
import type { DnsRecordConfig } from '../../domain/config.ts'
import { type RecordSet, recordSet, type WantedChange } from '../../domain/dns.ts'
import { judgeObservations } from '../../domain/dns-observation.ts'
import type { DnsRecordType } from '../../domain/dns-values.ts'
import { type DnsLab, openDns, setOf, ttlSeconds } from '../support/dns-labs.ts'
import { failsWith } from '../support/fails-with.ts'

interface Subject {
  readonly dns: Dns
  readonly config: DnsRecordConfig
  readonly primary: RecordSet
  readonly dr: RecordSet
  held(): Promise<readonly string[] | null>
}

/** Values per type: of the primary site, of the DR site, and of somebody else. */
const values: Readonly<Record<DnsRecordType, readonly [string, string, string]>> = {
  A: ['192.0.2.1', '198.51.100.2', '203.0.113.9'],
  AAAA: ['2001:db8::1', '2001:db8:0:1::2', '2001:db8::9'],
  CNAME: ['primary.kennel.example.', 'dr.kennel.example.', 'elsewhere.example.'],
}

/** Each is no value of an A record, and does harm where it is pasted into a script, a shell or XML. */
export const hostileValues = [
  '',
  ' ',
  '192.0.2.2\nsend',
  '192.0.2.2 192.0.2.3',
  '192.0.2.2;update delete kennel.example.',
  '$(id)',
  '-rf',
  '192.0.2.2\0',
  '<Value>192.0.2.2</Value>',
  '192.0.2.256',
  '192.0.2.02',
  '192.0.2',
  '0xc0000202',
  '١٩٢.0.2.2',
  '2001:db8::1',
  `${'1'.repeat(5000)}.0.2.1`,
]

/** @param open servers with an empty zone, as far as a zone can be */
export function dnsSuite(kind: string, open: () => Promise<DnsLab>): void {
  describe(`a DNS record ${kind}`, () => {
    let lab: DnsLab
    let count = 0
    before(async () => {
      lab = await open()
    })
    after(() => lab?.stop())

    /** A record of a new name that is at its primary site. */
    const subject = async (type: DnsRecordType = 'A', present = [values[type][0]], declared?: DnsRecordConfig['values']): Promise<Subject> => {
      const name = `app${(count += 1)}.${lab.zone}`
      const config = lab.configure(name, type, declared ?? { primary: [values[type][0]], dr: [values[type][1]] })
      await lab.put(name, type, ttlSeconds, present)
      return {
        config,
        dns: openDns(config, { pollSeconds: 0.05, retrySeconds: 5 }),
        primary: setOf(config, 'primary'),
        dr: setOf(config, 'dr'),
        held: async () => (await lab.held(name, type))?.values ?? null,
      }
    }

    /** Changes, and does what only a person can do. */
    const change = async ({ dns }: Subject, request: WantedChange): Promise<DnsChange> => {
      const done = await dns.change(request)
      const { name, type, ttlSeconds: ttl, values: wanted } = request.wanted
      if (done.outcome === 'by hand') await lab.put(name, type, ttl, wanted)
      await dns.awaitSettled(done)
      return done
    }

    for (const type of ['A', 'AAAA', 'CNAME'] as const) {
      it(`of type ${type} is read, changed and read again`, async () => {
        const { dns, primary, dr, config, ...rest } = await subject(type)
        assert.deepEqual(await dns.read(), primary)
        const done = await change({ dns, primary, dr, config, ...rest }, { expected: primary, wanted: dr })
        assert.match(done.detail, new RegExp(`${config.name} .*${dr.values[0]}`))
        assert.deepEqual(await dns.read(), dr)
        assert.deepEqual(await lab.held(config.name, type), { ttlSeconds, values: dr.values })
      })
    }

    it('is changed once, however often it is asked', async () => {
      const one = await subject()
      assert.notEqual((await change(one, { expected: one.primary, wanted: one.dr })).outcome, 'already')
      for (let round = 0; round < 2; round += 1) {
        const again = await change(one, { expected: one.primary, wanted: one.dr })
        assert.equal(again.outcome, 'already')
        assert.equal(again.id, null)
      }
      assert.deepEqual(await one.held(), one.dr.values)
    })

    it('changes nothing when somebody else has changed it', async () => {
      const one = await subject()
      const [, , other] = values.A
      await lab.put(one.config.name, 'A', ttlSeconds, [other])
      const stale = one.dns.change({ expected: one.primary, wanted: one.dr })
      await assert.rejects(stale, failsWith('PlanChanged', new RegExp(`${other}.*192\\.0\\.2\\.1 \\(expected\\).*198\\.51\\.100\\.2 \\(wanted\\)`)))
      assert.deepEqual(await one.held(), [other])
    })

    it('changes nothing when it is not there', async () => {
      const one = await subject('A', [])
      await assert.rejects(one.dns.read(), failsWith('PreconditionFailed', /app\d+\.kennel\.example\. A/))
      await assert.rejects(one.dns.change({ expected: one.primary, wanted: one.dr }), failsWith('PlanChanged', /does not exist/))
      assert.equal(await one.held(), null)
    })

    it('gets the TTL of the policy with its new value, and also without one', async () => {
      const one = await subject()
      await lab.put(one.config.name, 'A', 3600, one.primary.values)
      assert.equal((await one.dns.read()).ttlSeconds, 3600)
      await change(one, { expected: one.primary, wanted: one.dr })
      assert.deepEqual(await lab.held(one.config.name, 'A'), { ttlSeconds, values: one.dr.values })
      const shorter = recordSet({ ...one.dr, ttlSeconds: 30 })
      assert.notEqual((await change(one, { expected: one.primary, wanted: shorter })).outcome, 'already')
      assert.deepEqual(await lab.held(one.config.name, 'A'), { ttlSeconds: 30, values: one.dr.values })
    })

    it('is never left without a value', async () => {
      const one = await subject()
      const empty = { ...one.dr, values: [] }
      await assert.rejects(one.dns.change({ expected: one.primary, wanted: empty }), failsWith('InvalidInput', /never empties/))
      assert.deepEqual(await one.held(), one.primary.values)
    })

    it('takes no value that is none', async () => {
      const one = await subject()
      for (const value of hostileValues) {
        const wanted = { ...one.dr, values: [value] }
        await assert.rejects(one.dns.change({ expected: one.primary, wanted }), failsWith('InvalidInput'), JSON.stringify(value))
        await assert.rejects(one.dns.change({ expected: wanted, wanted: one.dr }), failsWith('InvalidInput'), JSON.stringify(value))
      }
      assert.deepEqual(await one.held(), one.primary.values)
    })

    it('shows a value that Muster would not write, and leaves it', async () => {
      const one = await subject('CNAME')
      await lab.put(one.config.name, 'CNAME', ttlSeconds, ['*.kennel.example.'])
      assert.match((await one.dns.read()).values.join(), /^"\S+\.kennel\.example\.?"$/)
      await assert.rejects(one.dns.change({ expected: one.primary, wanted: one.dr }), failsWith('PlanChanged', /is "/))
      assert.notDeepEqual(await one.held(), one.dr.values)
    })

    it('with several values is refused unless they are declared', async () => {
      const several = ['192.0.2.1', '192.0.2.3']
      const one = await subject('A', several)
      await assert.rejects(one.dns.read(), failsWith('PreconditionFailed', /2 values/))
      await assert.rejects(one.dns.change({ expected: one.primary, wanted: one.dr }), failsWith('PreconditionFailed', /2 values/))
      assert.deepEqual(await one.held(), several)
      const two = await subject('A', several, { primary: several, dr: ['198.51.100.2', '198.51.100.3'] })
      await change(two, { expected: two.primary, wanted: two.dr })
      assert.deepEqual(await two.held(), two.dr.values)
    })

    it('with one of several expected values changed is left alone', async () => {
      const declared = { primary: ['192.0.2.1', '192.0.2.3'], dr: ['198.51.100.2', '198.51.100.3'] }
      for (const present of [['192.0.2.1'], ['192.0.2.1', '192.0.2.4'], ['192.0.2.1', '192.0.2.3', '192.0.2.4']]) {
        const one = await subject('A', present, declared)
        await assert.rejects(one.dns.change({ expected: one.primary, wanted: one.dr }), failsWith('PlanChanged'))
        assert.deepEqual(await one.held(), present)
      }
    })

    it('is observed at every server, with the old value and with the new one', async () => {
      const one = await subject()
      const rule = { lostSite: null, minimumObserved: one.config.nameServers.length }
      const looks = await observed(one.dns, one.primary, rule)
      assert.equal(looks.length, one.config.nameServers.length)
      for (const look of looks) assert.equal(look.ttlSeconds, ttlSeconds, look.server)
      const early = judgeObservations(await one.dns.observe(one.dr), rule)
      assert.equal(early.everywhere, false)
      assert.match(early.missing.join(), /answers 192\.0\.2\.1 instead of 198\.51\.100\.2/)
      await change(one, { expected: one.primary, wanted: one.dr })
      await observed(one.dns, one.dr, rule)
    })

    it('can be tried without a change', async () => {
      const one = await subject()
      const before = await lab.held(one.config.name, 'A')
      const ready = await one.dns.dryRun()
      assert.deepEqual(ready.problems, [])
      assert.deepEqual(ready.present, one.primary)
      assert.ok(ready.proven.length > 0 && ready.untried.length > 0)
      assert.deepEqual(await lab.held(one.config.name, 'A'), before)
      const absent = await (await subject('A', [])).dns.dryRun()
      assert.equal(absent.present, null)
      assert.deepEqual(
        absent.problems.map(({ type }) => type),
        ['PreconditionFailed'],
      )
    })

    it('is left alone once work was cancelled', async () => {
      const one = await subject()
      const signal = AbortSignal.abort(new Error('enough'))
      const request = { expected: one.primary, wanted: one.dr }
      await assert.rejects(one.dns.read(signal), failsWith('Cancelled'))
      await assert.rejects(one.dns.change(request, signal), failsWith('Cancelled'))
      await assert.rejects(one.dns.observe(one.dr, signal), failsWith('Cancelled'))
      await assert.rejects(one.dns.dryRun(signal), failsWith('Cancelled'))
      assert.deepEqual(await one.held(), one.primary.values)
    })
  })
}

/** Providers that change the record themselves, and judge what is expected in the same step. */
export function dnsRaceSuite(kind: string, open: () => Promise<DnsLab>): void {
  describe(`two changes of one DNS record ${kind}`, () => {
    let lab: DnsLab
    before(async () => {
      lab = await open()
    })
    after(() => lab?.stop())

    const start = async (label: string): Promise<{ dns: Dns; from: RecordSet; to: RecordSet[] }> => {
      const config = lab.configure(`${label}.${lab.zone}`, 'A', { primary: ['192.0.2.1'], dr: ['198.51.100.2'] })
      await lab.put(config.name, 'A', ttlSeconds, ['192.0.2.1'])
      const to = ['203.0.113.1', '203.0.113.2', '203.0.113.3', '203.0.113.4'].map((value) => recordSet({ ...setOf(config, 'dr'), values: [value] }))
      return { dns: openDns(config, { retrySeconds: 5 }), from: setOf(config, 'primary'), to }
    }

    it('at the same moment end with one that wins, and others that changed nothing', async () => {
      const { dns, from, to } = await start('race')
      const outcomes = await Promise.allSettled(to.map((wanted) => dns.change({ expected: from, wanted })))
      const won = outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [to[index]?.values] : []))
      assert.equal(won.length, 1, JSON.stringify(outcomes))
      for (const outcome of outcomes) if (outcome.status === 'rejected') failsWith('PlanChanged')(outcome.reason)
      assert.deepEqual((await lab.held(from.name, 'A'))?.values, won[0])
    })

    it('of which one comes between reading and writing of the other leave the faster one', async () => {
      const { dns, from, to } = await start('between')
      const [late, early] = to as [RecordSet, RecordSet]
      const beforeChange = (): Promise<void> => lab.put(from.name, 'A', ttlSeconds, early.values)
      await assert.rejects(dns.change({ expected: from, wanted: late, beforeChange }), failsWith('PlanChanged', /203\.0\.113\.2/))
      assert.deepEqual((await lab.held(from.name, 'A'))?.values, early.values)
    })

    it('that want the same are one change', async () => {
      const { dns, from, to } = await start('same')
      const [wanted] = to as [RecordSet]
      const outcomes = await Promise.all([1, 2, 3].map(() => dns.change({ expected: from, wanted })))
      assert.equal(outcomes.filter(({ outcome }) => outcome === 'changed').length, 1, JSON.stringify(outcomes))
      assert.deepEqual((await lab.held(from.name, 'A'))?.values, wanted.values)
    })

    it('lead there and back again', async () => {
      const { dns, from, to } = await start('back')
      const [wanted] = to as [RecordSet]
      for (let round = 0; round < 2; round += 1) {
        assert.equal((await dns.change({ expected: from, wanted })).outcome, 'changed')
        assert.equal((await dns.change({ expected: wanted, wanted: from })).outcome, 'changed')
      }
      assert.deepEqual((await lab.held(from.name, 'A'))?.values, from.values)
    })

    it('are stopped by what is checked right before them, which is not asked when there is nothing to do', async () => {
      const { dns, from, to } = await start('guard')
      const [wanted] = to as [RecordSet]
      let asked = 0
      const guarded = (error?: Error) => ({
        expected: from,
        wanted,
        beforeChange: () => {
          asked += 1
          return error ? Promise.reject(error) : Promise.resolve()
        },
      })
      await assert.rejects(dns.change(guarded(new Error('a newer attempt has taken over'))), /newer attempt/)
      assert.deepEqual((await lab.held(from.name, 'A'))?.values, from.values)
      assert.equal((await dns.change(guarded())).outcome, 'changed')
      assert.equal((await dns.change(guarded())).outcome, 'already')
      assert.equal(asked, 2)
    })
  })
}

/** Secondaries follow within a moment; the looks of the moment when all have it. */
async function observed(dns: Dns, wanted: RecordSet, rule: Parameters<typeof judgeObservations>[1]) {
  const deadline = Date.now() + 30_000
  for (;;) {
    const looks = await dns.observe(wanted)
    const verdict = judgeObservations(looks, rule)
    if (verdict.everywhere) return looks
    if (Date.now() > deadline) assert.fail(verdict.summary)
    await sleep(50)
  }
}
