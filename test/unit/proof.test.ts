import assert from 'node:assert/strict'
import type { DrillRule, SystemConfig } from '../../domain/config.ts'
import { formatDuration } from '../../domain/durations.ts'
import type { Evidence } from '../../domain/evidence.ts'
import { evidenceWith, missedObjectives } from '../../domain/evidence.ts'
import { evidencePage } from '../../domain/evidence-page.ts'
import { type Rehearsed, rehearsedOf } from '../../domain/drill-rules.ts'
import { judgeProof } from '../../domain/proof.ts'

const now = new Date('2026-11-25T12:00:00Z')
const weekly: DrillRule & { on: string } = { name: 'weekly', kind: 'restore', every: 'weekly sunday 04:00', zone: 'UTC', random: false, on: 'db1' }
const monthly = { ...weekly, name: 'monthly', every: 'monthly day 1 04:00', host: 'dr1', on: 'dr1' }

function rehearsed(...rules: readonly (DrillRule & { on: string | null })[]): Rehearsed {
  return { system: 'shop', components: ['database', 'uploads'], rules }
}

function problemsOf(...judged: Parameters<typeof judgeProof>): readonly string[] {
  return judgeProof(...judged).problems.map(({ text }) => text)
}

const asked: NonNullable<Evidence['asked']> = { components: null, from: null, random: false, to: null, drill: null, examined: false }
const recovered = (...components: string[]): Evidence['recovered'] =>
  components.map((component) => ({ component, backup: '1', manifestSha256: null, fromStore: 'nas', incarnation: null, at: null }))

function evidence(declaredAt: string, changes: Partial<Evidence> = {}): Evidence {
  return {
    ...evidenceWith({
      system: 'shop',
      procedure: 'drill',
      kind: 'restore',
      run: { workflowId: 'drill/shop/1', runId: '01a2' },
      requestedBy: 'alice',
      configHash: 'c'.repeat(64),
      outcome: 'succeeded',
      host: 'db1',
      target: { kind: 'latest' },
      times: { declaredAt, approvedAt: null, dataReadyAt: declaredAt, serviceVerifiedAt: declaredAt, dnsObservedAt: null, endedAt: declaredAt },
      measured: { rtoSeconds: 12, rpoSeconds: 3 },
    }),
    organisation: 'Example',
    ran: null,
    writer: { host: 'db1', machineId: '0'.repeat(32), muster: '0.1.0', tools: { age: '1.2.1' } },
    ...changes,
  }
}

describe('what is proven of a system', () => {
  it('is nothing to complain of where no drill is configured', () => {
    assert.deepEqual(judgeProof([], rehearsed(), now), { lastProven: null, problems: [] })
  })

  it('is missing where a drill is configured and none has run', () => {
    assert.deepEqual(problemsOf([], rehearsed(weekly), now), ['it was never proven: drills are configured and none has run'])
  })

  it('is the newest drill that brought the whole system back, with what it took', () => {
    const degraded = evidence('2026-11-22T04:00:10Z', { outcome: 'degraded' })
    const part = evidence('2026-11-24T04:00:10Z', { kind: 'component', recovered: recovered('uploads') })
    const proof = judgeProof([evidence('2026-11-15T04:00:10Z'), degraded, part], rehearsed(weekly), now)
    assert.deepEqual(proof, { lastProven: { at: '2026-11-22T04:00:10Z', kind: 'restore', rtoSeconds: 12 }, problems: [] })
    assert.equal(judgeProof([part], rehearsed(), now).lastProven, null)
    assert.equal(judgeProof([part], { system: 'shop', components: ['uploads'], rules: [] }, now).lastProven?.kind, 'component', 'where it is all there is')
  })

  it('is doubtful after a drill that failed, until this one succeeds; a cancelled one says nothing', () => {
    const failed = evidence('2026-11-22T04:00:10Z', { outcome: 'failed', deviations: ['CheckFailed: no rows'] })
    const cancelled = evidence('2026-11-22T05:00:10Z', { outcome: 'cancelled' })
    const proof = judgeProof([evidence('2026-11-15T04:00:10Z'), failed, cancelled], rehearsed(weekly), now)
    assert.equal(proof.lastProven?.at, '2026-11-15T04:00:10Z')
    const says = ['drill weekly (restore on db1) failed on 2026-11-22T04:00Z: CheckFailed: no rows']
    assert.deepEqual(proof.problems, [{ text: says[0], next: 'muster drill shop' }])
    for (const other of [{ host: 'dr1' }, { kind: 'pitr' }, { recovered: recovered('uploads') }, { asked: { ...asked, random: true } }]) {
      assert.deepEqual(problemsOf([failed, evidence('2026-11-22T06:00:00Z', other)], rehearsed(weekly), now), says, JSON.stringify(other))
    }
    assert.deepEqual(problemsOf([failed, evidence('2026-11-22T06:00:00Z', { asked })], rehearsed(weekly), now), [])
  })

  it('goes out of date when a drill that is due does not run, whatever else runs', () => {
    assert.deepEqual(problemsOf([evidence('2026-11-15T04:00:10Z')], rehearsed(weekly), now), [
      'drill weekly (restore on db1) was due since 2026-11-22T04:00Z and did not run',
    ])
    const home = evidence('2026-11-22T04:00:10Z')
    const never = (name: string, kind: string, on: string) => [`drill ${name} (${kind} on ${on}) has never run`]
    assert.deepEqual(problemsOf([home], rehearsed(weekly, { ...weekly, name: 'moment', kind: 'pitr' }), now), never('moment', 'pitr', 'db1'))
    assert.deepEqual(problemsOf([home], rehearsed(weekly, monthly), now), never('monthly', 'restore', 'dr1'))
    assert.deepEqual(problemsOf([home, evidence('2026-11-23T04:00:00Z', { host: 'dr1' })], rehearsed(weekly, monthly), now), [])
  })

  it('is not what a cancelled drill, one of less, from elsewhere, of a chosen moment or without its smoke command shows', () => {
    const rule = { ...weekly, from: 'nas', smoke: ['/bin/true'] }
    const right = evidence('2026-11-22T04:00:10Z', { asked: { ...asked, from: 'nas', drill: 'weekly' }, recovered: recovered('uploads', 'database') })
    assert.deepEqual(problemsOf([right], rehearsed(rule), now), [])
    const wrong: Partial<Evidence>[] = [
      { outcome: 'cancelled' },
      { recovered: recovered('uploads') },
      { recovered: [], asked: { ...(right.asked ?? asked), components: ['uploads'] } },
      { asked: { ...(right.asked ?? asked), from: null } },
      { asked: { ...(right.asked ?? asked), drill: null } },
      { asked: { ...(right.asked ?? asked), to: '2026-11-20T00:00:00.000000Z' } },
      { asked: { ...(right.asked ?? asked), examined: true } },
    ]
    const other = evidence('2026-11-16T00:00:00Z', { kind: 'pitr' })
    for (const change of wrong) {
      assert.deepEqual(
        problemsOf([other, { ...right, ...change }], rehearsed(rule), now),
        ['drill weekly (restore on db1) has never run'],
        JSON.stringify(change),
      )
    }
  })

  it('is doubtful after a drill beside the configured ones that failed, until what it was of comes back', () => {
    const failed = evidence('2026-11-23T04:00:00Z', { outcome: 'failed', host: 'dr1', recovered: recovered('database'), deviations: ['DiskFull: /srv'] })
    const says = ['its last drill beside those that are configured failed on 2026-11-23T04:00Z: DiskFull: /srv']
    const before = evidence('2026-11-22T04:00:10Z')
    assert.deepEqual(problemsOf([before, failed], rehearsed(weekly), now), says)
    const part = (component: string) => evidence('2026-11-24T04:00:00Z', { kind: 'component', recovered: recovered(component) })
    assert.deepEqual(problemsOf([before, failed, part('uploads')], rehearsed(weekly), now), says)
    assert.deepEqual(problemsOf([before, failed, part('database')], rehearsed(weekly), now), [])
  })

  it('says what to type for the rule that it is about, and where a rule rehearses', () => {
    const files = (host: string) => ({ type: 'files', host, paths: [`/srv/${host}`], stores: ['nas'] })
    const rule: DrillRule = {
      name: 'far',
      kind: 'restore',
      every: 'monthly day 1 04:00',
      zone: 'UTC',
      random: true,
      from: 'nas',
      host: 'dr1',
      smoke: ['/bin/true'],
    }
    const part: DrillRule = { ...weekly, name: 'part', kind: 'component', components: ['uploads'] }
    const system = {
      components: { database: files('db1'), uploads: files('app1') },
      failover: { to: 'dr', components: { database: files('dr2') } },
      drills: [weekly, rule, part, { ...weekly, name: 'away', kind: 'failover' }],
    } as unknown as SystemConfig
    const found = rehearsedOf('shop', system)
    assert.deepEqual(
      found.rules.map(({ name, on }) => [name, on]),
      [
        ['weekly', 'db1'],
        ['far', 'dr1'],
        ['part', 'app1'],
        ['away', 'dr2'],
      ],
    )
    assert.deepEqual(
      judgeProof([evidence('2026-11-22T04:00:10Z')], found, now).problems.map(({ next }) => next),
      [
        'muster drill shop --host dr1 --from nas --random --drill far',
        'muster drill shop --kind component --component uploads',
        'muster drill shop --kind failover',
      ],
    )
  })

  it('is measured against the objectives', () => {
    assert.deepEqual(missedObjectives({ rtoSeconds: 10, rpoSeconds: 5 }, { rtoSeconds: 12.34, rpoSeconds: 5 }), [
      'recovery time was 12.3 s, the objective is 10 s',
    ])
    assert.deepEqual(missedObjectives({ rtoSeconds: 10 }, { rtoSeconds: null, rpoSeconds: 99 }), [])
  })
})

describe('the sheet of a drill', () => {
  it('shows figures, steps and checks, and lets no text of a run be markup', () => {
    const page = evidencePage(
      evidence('2026-11-22T04:00:10Z', {
        requestedBy: '"><script>alert(1)</script>',
        objectives: { rtoSeconds: 10 },
        steps: [{ name: 'restore aside', startedAt: '2026-11-22T04:00:11Z', seconds: 7.5 }],
        expected: { seconds: 250, basis: 'measured in 3 runs, newest 2026-11-20', measuredSeconds: 7.5 },
        checks: [{ name: 'select count(*) from orders', ok: true, detail: '9', atBackup: '8' }],
      }),
      'evidence/shop/1.json',
      'f'.repeat(64),
    )
    for (const text of [
      formatDuration(12),
      `objective ${formatDuration(10)} ✗ missed`,
      'no objective set',
      'restore aside',
      '<p>worked for</p><p class="large">7.5 s</p>',
      'expected 4 min 10 s, measured in 3 runs, newest 2026-11-20',
      '7.5 s</td>',
      'select count(*) from orders',
      'f'.repeat(64),
    ]) {
      assert.ok(page.includes(text), `${text} is not in the sheet`)
    }
    assert.ok(!page.includes('<script>'))
    assert.ok(!evidencePage(evidence('2026-11-22T04:00:10Z'), 'evidence/shop/1.json', 'f'.repeat(64)).includes('worked for'), 'of a record of before')
  })
})
