/** The health of a system with DNS records, with real name servers. */
import assert from 'node:assert/strict'
import { appendRecord } from '../../repository/control-records.ts'
import type { MonitorHealthResult } from '../../workflows/messages.ts'
import { addresses, createDnsRig, type DnsRig } from '../support/dns-rig.ts'

const app = 'app.kennel.example.'
const hand = 'hand.kennel.example.'

describe('monitorHealth of a system with DNS records', function () {
  this.timeout(120_000)
  let dns: DnsRig
  let runs = 0

  before(async () => {
    // Its secondary has the zone as it was when it went away, and never follows.
    dns = await createDnsRig({ secondaryFollows: false, lines: [`${app} 60 IN A ${addresses.primary}`, `${hand} 60 IN A ${addresses.primary}`] })
    dns.route53.sets = [{ name: 'aws.kennel.example.', type: 'A', setIdentifier: null, ttl: '60', values: [addresses.primary], rest: '' }]
  })
  after(() => dns?.stop())

  async function ofNames(): Promise<readonly string[]> {
    const args = [{ system: 'shop' }]
    const { reasons } = (await dns.env.client.workflow.execute('monitorHealth', {
      taskQueue: 'muster',
      workflowId: `health/${++runs}`,
      args,
    })) as MonitorHealthResult
    return reasons.flatMap(({ text, word }) => (/does not lead|could not be looked/.test(text) ? [`${word}: ${text}`] : []))
  }
  const server = ({ address, port }: { readonly address: string; readonly port: number }) => `${address}:${port}`

  it('has no remark while every server leads to the site where it is active', async () => {
    assert.deepEqual(await ofNames(), [])
  })

  it('names the server that sends users elsewhere, and what it says; and has no remark once it is mended', async () => {
    await dns.zone.put(app, 'A', 60, [addresses.dr])
    const where = 'where shop is active'
    assert.deepEqual(await ofNames(), [
      `degraded: ${app} A does not lead to primary, ${where}: ${server(dns.zone.primary)}: answers ${addresses.dr} instead of ${addresses.primary}`,
    ])
    await dns.zone.put(app, 'A', 60, [addresses.primary])
    assert.deepEqual(await ofNames(), [])
  })

  it('goes by where the stores say that it is active: after a failover, what answers as before it does not lead there', async () => {
    const { agent, config } = dns.rig
    const writer = {
      stores: [await agent.store(config, 'local')],
      verifier: await agent.verifier(config),
      signer: await agent.signer(),
      organisation: 'Test',
      by: 'localhost',
    }
    const goes = (site: string, controlIncarnation: number) =>
      appendRecord({ ...writer, now: () => new Date() }, 'shop', () => ({ kind: 'site', site, controlIncarnation }))
    await goes('dr', 1)
    const found = await ofNames()
    assert.equal(found.length, 4, found.join('\n'))
    const answers = `answers ${addresses.primary} instead of ${addresses.dr}`
    const [first, second] = [dns.zone.primary, dns.zone.secondary].map(server)
    for (const at of [first, second])
      assert.ok(found.includes(`degraded: ${app} A does not lead to dr, where shop is active: ${at}: ${answers}`), found.join('\n'))
    await goes('primary', 2)
    assert.deepEqual(await ofNames(), [])
  })

  it('names a server that does not answer any more, for each record that it serves', async () => {
    await dns.zone.secondary.stop()
    const [first, ...others] = await ofNames()
    assert.deepEqual(others, [])
    assert.ok(first?.startsWith(`degraded: ${app} A does not lead to primary, where shop is active: ${server(dns.zone.secondary)}: `), first)
  })
})
