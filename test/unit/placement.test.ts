import assert from 'node:assert/strict'
import { parseConfig } from '../../config/load.ts'
import type { Config } from '../../domain/config.ts'
import { foldRecords, outranks } from '../../domain/control-state.ts'
import { MusterError } from '../../domain/failures.ts'
import { withinFence } from '../../domain/fences.ts'
import { otherSite, placedAt, sitesOf } from '../../domain/placement.ts'
import type { ControlBody, ControlRecord } from '../../domain/repository-format.ts'

const recipients = ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p']

function configOf(failover: string, extra = ''): Config {
  const text = `
organisation: Test
sites: { primary: { hosts: [db1] }, dr: { hosts: [dr1] } }
stores: { offsite: { type: directory, path: /mnt/offsite, hosts: [db1, dr1], site: dr, host: dr1 } }
encryption: { restoreHosts: [db1, dr1] }
${extra}
systems:
  shop:
    components:
      database: { type: postgresql, host: db1, dataDirectory: /srv/pg }
      uploads: { type: files, host: db1, paths: [/srv/uploads] }
    services: { web: { type: systemd, unit: shop, host: db1 } }
    failover: ${failover}
`
  return parseConfig(text, 'muster.yaml', { recipients }).config
}

const refusal = (failover: string, extra?: string): string => {
  try {
    configOf(failover, extra)
  } catch (error) {
    assert.ok(error instanceof MusterError && error.type === 'ConfigInvalid')
    return error.message
  }
  return 'accepted'
}

describe('where a system is', () => {
  it('is completed from home where the other site says nothing', () => {
    const there = placedAt(configOf('{ to: dr }'), 'dr').systems['shop']
    assert.equal(there?.components['database']?.host, 'dr1')
    assert.deepEqual(there?.components['database']?.type === 'postgresql' && there.components['database'].dataDirectory, '/srv/pg')
    assert.deepEqual(
      there?.services.map(({ name, host }) => [name, host]),
      [['web', 'dr1']],
    )
  })

  it('refreshes its standby each minute unless told otherwise, and has none to refresh in mode restore', () => {
    const every = (failover: string) => configOf(failover).systems['shop']?.failover?.refreshEverySeconds
    assert.deepEqual([every('{ to: dr, mode: warm }'), every('{ to: dr, mode: warm, refreshEvery: 30s }'), every('{ to: dr }')], [60, 30, undefined])
    assert.match(refusal('{ to: dr, refreshEvery: 30s }'), /belongs to mode: warm/)
  })

  it('rehearses its failover whole, at the other site', () => {
    const withDrill = (drill: string) => `{ to: dr }\n    drills: [{ kind: failover, every: monthly day 1 03:00${drill} }]`
    assert.equal(configOf(withDrill('')).systems['shop']?.drills?.[0]?.kind, 'failover')
    assert.match(refusal(withDrill(', host: db1')), /host db1 is not at site dr/)
    assert.match(refusal(withDrill(', components: [database]')), /the whole system moves/)
    assert.match(refusal(withDrill(', random: yes')), /it is to the newest moment/)
  })

  it('is as the failover says at its site, and as at home everywhere else', () => {
    const config = configOf('{ to: dr, components: { database: { dataDirectory: /data/pg, connection: { port: 5433 } } } }')
    const database = (site: string) => {
      const found = placedAt(config, site).systems['shop']?.components['database']
      return found?.type === 'postgresql' ? [found.dataDirectory, found.connection.port] : []
    }
    assert.deepEqual(database('dr'), ['/data/pg', 5433])
    assert.deepEqual(database('primary'), ['/srv/pg', 5432])
    assert.deepEqual(sitesOf(config, 'shop'), ['primary', 'dr'])
    assert.equal(otherSite(config, 'shop', 'dr'), 'primary')
  })

  it('asks for signed approvals where two people or more may approve', () => {
    const people =
      'people: { a: { approve: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }, b: { approve: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB" } }'
    assert.equal(configOf('{ to: dr }', people).systems['shop']?.failover?.approvals.accept, 'signed')
    assert.equal(configOf('{ to: dr }').systems['shop']?.failover?.approvals.accept, 'claimed')
  })

  it('is refused where it cannot work, with the place and the reason', () => {
    assert.match(refusal('{ to: moon }'), /there is no site "moon"/)
    assert.match(refusal('{ to: primary }'), /is the site where the system is at home/)
    assert.match(refusal('{ to: dr, components: { mail: {} } }'), /there is no component "mail"/)
    assert.match(refusal('{ to: dr, components: { database: { paths: [/srv/x] } } }'), /does not belong to a component of type postgresql/)
    assert.match(refusal('{ to: dr, components: { uploads: { paths: [/srv/a, /srv/b] } } }'), /has 2 paths, and the component has 1/)
    assert.match(refusal('{ to: dr, components: { database: { host: db1 } } }'), /host db1 is not at the site/)
    assert.match(refusal('{ to: dr, copies: { required: { total: 3 } } }'), /cannot be met for database at dr/)
  })
})

function chain(...bodies: readonly ControlBody[]): readonly ControlRecord[] {
  return bodies.map((body, index) => ({
    format: 'muster-record-1',
    organisation: 'Test',
    system: 'shop',
    sequence: index + 1,
    previous: '',
    at: '2026-11-21T02:00:00.000Z',
    by: 'db1',
    body,
  }))
}

const site = (name: string, controlIncarnation: number, run?: string): ControlBody => ({ kind: 'site', site: name, controlIncarnation, ...(run && { run }) })
const fence: ControlBody = {
  kind: 'fence',
  run: 'target/shop:1',
  site: 'primary',
  proof: { by: 'people', detail: 'seen', at: '2026-11-21T02:00:00.000Z' },
  lives: [{ component: 'database', incarnation: 'old', untilLsn: '0/5000100', replayedLsn: '0/5000080' }],
}
const gap: ControlBody = { kind: 'gap', component: 'database', incarnation: 'old', afterLsn: '0/1', beforeLsn: '0/2', reason: 'x' }

describe('chains of sites that were cut off from each other', () => {
  it('are judged by who took over last, however long the other is, and then by length', () => {
    const taken = chain(site('primary', 1), fence, site('dr', 2, 'target/shop:1'))
    const cutOff = chain(site('primary', 1), gap, gap, gap, gap)
    assert.ok(outranks(taken, cutOff))
    assert.ok(!outranks(cutOff, taken))
    assert.ok(outranks(chain(site('primary', 1), gap), chain(site('primary', 1))))
  })
})

describe('a fence', () => {
  const shipment = (startLsn: bigint, endLsn: bigint, kind: 'partial' | 'segment' | 'history' = 'partial') => ({
    segment: '000000010000000000000005',
    startLsn,
    endLsn,
    kind,
  })
  const before = shipment(0x5000000n, 0x5000100n)
  const later = shipment(0x5000100n, 0x5000200n)
  const whole = shipment(0x5000000n, 0x6000000n, 'segment')
  const history = shipment(0n, 0x7000000n, 'history')

  it('leaves out what the old life ships beyond it, also as a whole segment that holds what came before', () => {
    const state = foldRecords(chain(site('primary', 1), fence, site('dr', 2, 'target/shop:1')))
    assert.deepEqual(withinFence(state, 'database', 'old', [before, later, whole, history]), [before, history])
    assert.deepEqual(withinFence(state, 'database', 'new', [later]), [later])
  })

  it('is void when its own run gives the site back, and stays when another move leads back', () => {
    const back = (run: string) => foldRecords(chain(site('primary', 1), fence, site('dr', 2, 'target/shop:1'), site('primary', 3, run)))
    assert.deepEqual(withinFence(back('target/shop:1'), 'database', 'old', [later]), [later])
    assert.deepEqual(withinFence(back('target/shop:2'), 'database', 'old', [later]), [])
  })
})
