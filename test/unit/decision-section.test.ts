import assert from 'node:assert/strict'
import type { BreachDecision } from '../../domain/breach.ts'
import type { RestoreDecision } from '../../domain/decision.ts'
import { decisionSection } from '../../domain/decision-section.ts'

const approvals = { count: 2, accept: 'signed', requesterMay: false, requester: 'alice' } as const
const key = `evidence/shop/decisions/${'d'.repeat(64)}.json`

const restore: RestoreDecision = {
  format: 'muster-decision-1',
  procedure: 'restoreSystem',
  organisation: 'Example',
  system: 'shop',
  configHash: 'c'.repeat(64),
  target: { kind: 'time', time: '2026-11-20T02:14:00.000000Z' },
  mode: 'in-place',
  components: [
    {
      type: 'files',
      component: 'uploads',
      host: 'app1',
      fromStore: 'nas',
      backup: '20261120T020000Z-full-5f0c21aa-a1',
      members: [{ path: '/srv/<uploads>', into: '/srv/<uploads>', setAside: 'rename', safetyPath: null }],
      only: null,
      newerFiles: 'keep',
    },
  ],
  services: [{ name: 'api', host: 'app1', state: 'running' }],
  stopFirst: false,
  steps: ['restore aside', 'swap', 'open'],
  pointOfNoReturn: 'open',
  bounds: { maxLossSeconds: 300 },
  openWith: ['nas'],
  approvals,
  expiresAt: '2026-11-21T00:00:00Z',
}

describe('what a sheet says was decided', () => {
  it('is target, components with backup and place, services, steps, bounds and who had to approve, as text', () => {
    const text = decisionSection(restore, key)
    for (const said of [
      '2026-11-20T02:14:00.000000Z, in-place',
      '5 min of commits at most',
      'restore aside → swap → open',
      '<dt>no way back after</dt><dd>open</dd>',
      'api on app1 (running)',
      '20261120T020000Z-full-5f0c21aa-a1 from nas',
      '/srv/&#60;uploads&#62; (rename)',
      '2, signed, until 2026-11-21T00:00:00Z',
      key,
    ]) {
      assert.ok(text.includes(said), `${said} is not in ${text}`)
    }
    assert.ok(!text.includes('<uploads>'))
    assert.ok(!decisionSection({ ...restore, steps: ['restore aside', 'promote'] }, key).includes('no way back'), 'of a drill')
  })

  it('is of a breach the moment, whom not to believe, and what is copied and rotated', () => {
    const breach = {
      format: 'muster-breach-1',
      since: '2026-11-20T02:00:00Z',
      suspects: ['db1'],
      from: 'primary',
      to: 'dr',
      isolate: [],
      copied: [{ component: 'database', host: 'db1' }],
      scanners: ['clamav'],
      candidates: 5,
      rotate: { roles: [{ component: 'database', role: 'shop' }], commands: ['api-key'] },
      approvals,
      expiresAt: '2026-11-21T00:00:00Z',
    } as unknown as BreachDecision
    const text = decisionSection(breach, key)
    for (const said of [
      'before 2026-11-20T02:00:00Z',
      'from primary to dr',
      'stopping alone',
      'database on db1',
      '5, scanned by clamav',
      'role shop of database, api-key',
    ]) {
      assert.ok(text.includes(said), `${said} is not in ${text}`)
    }
  })
})
