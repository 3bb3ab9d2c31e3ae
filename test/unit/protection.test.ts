import assert from 'node:assert/strict'
import { windowText } from '../../clients/cli/status.ts'
import { parseConfig } from '../../config/load.ts'
import type { Config } from '../../domain/config.ts'
import type { ObservedBackup, ObservedComponent, ObservedSystem, ObservedWal } from '../../domain/observed-system.ts'
import { byNeed, judgeSystem, type SystemProtection } from '../../domain/protection.ts'
import { lastRuns, missedRuns } from '../../domain/schedule-due.ts'
import { parseSchedule } from '../../domain/schedule-spec.ts'
import { groupFindings } from '../../clients/cli/doctor.ts'
import { isWanted } from '../../clients/cli/ls.ts'

const now = '2026-11-21T12:00:00.000Z'

const config: Config = parseConfig(
  `organisation: Kennel
sites: { primary: { hosts: [localhost] }, cloud: { hosts: [] } }
stores:
  local: { type: directory, path: /srv/one, hosts: [localhost], site: primary }
  nas: { type: directory, path: /srv/two, hosts: [localhost], site: primary, mountRequired: yes }
  offsite: { type: s3, bucket: kennel, region: eu-west-1, site: cloud, credentials: { write: env:KEY } }
systems:
  kennel:
    copies: { required: { total: 2, offSite: 1 } }
    components:
      database: { type: postgresql, dataDirectory: /var/lib/pg }
      uploads: { type: files, paths: [/srv/uploads] }
`,
  'muster.yaml',
  { recipients: ['age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5a8xl6'] },
).config

const everywhere = ['local', 'nas', 'offsite']

function backup(startedAt: string, changes: Partial<ObservedBackup> = {}): ObservedBackup {
  return {
    backup: `${startedAt}-full`,
    run: `run ${startedAt}`,
    startedAt,
    endedAt: startedAt,
    sizeBytes: 1,
    meantFor: everywhere,
    in: everywhere,
    damagedIn: [],
    ...changes,
  }
}

function tree(changes: Partial<ObservedComponent> = {}): ObservedComponent {
  return {
    component: 'uploads',
    type: 'files',
    host: 'localhost',
    stores: everywhere,
    backups: [backup('2026-11-21T02:00:05.000Z')],
    rules: [{ every: 'daily 02:00', zone: 'UTC' }],
    wal: null,
    ...changes,
  }
}

function wal(changes: Partial<ObservedWal> = {}): ObservedWal {
  return {
    incarnation: 'a1',
    windows: everywhere.map((store) => ({
      store,
      incarnation: 'a1',
      fromAt: '2026-11-20T02:00:00.000Z',
      fromLsn: '0/3000000',
      untilLsn: '0/9000000',
      untilAt: '2026-11-21T11:59:50.000Z',
    })),
    tips: Object.fromEntries(everywhere.map((store) => [store, '0/9000000'])),
    shipEverySeconds: 30,
    shipper: { state: 'streaming', problem: null, lags: everywhere.map((store, index) => ({ store, lagSeconds: index * 6, problem: null })) },
    shipperExpected: true,
    ...changes,
  }
}

function database(changes: Partial<ObservedWal> = {}, component: Partial<ObservedComponent> = {}): ObservedComponent {
  return tree({ component: 'database', type: 'postgresql', wal: wal(changes), ...component })
}

function judge(components: readonly ObservedComponent[], changes: Partial<ObservedSystem> = {}): SystemProtection {
  return judgeSystem(config, {
    system: 'kennel',
    priority: 'P1',
    objectives: { rpoSeconds: 60 },
    required: { total: 2, offHost: 0, offSite: 1 },
    now,
    stores: everywhere.map((name) => ({ name, reachable: true, writable: true, place: `place ${name}`, problem: null, invalidDocuments: [] })),
    components,
    schedulerProblem: null,
    recordsProblem: null,
    running: [],
    ...changes,
  })
}

/** What the stores say when one of them does not answer: nothing of it is seen. */
function without(silent: string, problem = 'refuses the write key (403)') {
  const stores = everywhere.map((name) => ({
    name,
    reachable: name !== silent,
    writable: name !== silent,
    place: `place ${name}`,
    problem: name === silent ? problem : null,
    invalidDocuments: [],
  }))
  const left = everywhere.filter((name) => name !== silent)
  const seen = wal()
  return {
    stores,
    uploads: tree({ backups: [backup('2026-11-21T02:00:05.000Z', { in: left })] }),
    database: database(
      { windows: seen.windows.filter(({ store }) => store !== silent), tips: Object.fromEntries(left.map((store) => [store, '0/9000000'])) },
      { backups: [backup('2026-11-21T02:00:05.000Z', { in: left })] },
    ),
  }
}

function texts(protection: SystemProtection): string {
  return protection.reasons.map(({ word, component, text, next }) => `${word} ${component ?? '-'}: ${text} → ${next}`).join('\n')
}

describe('protection', () => {
  it('is protected when every required copy is seen and nothing is late', () => {
    const found = judge([database(), tree()])
    assert.equal(found.word, 'protected', texts(found))
    assert.deepEqual(found.reasons, [])
    // Two copies of which one is off site: the loss with the store that is furthest behind of those needed.
    assert.equal(found.lostNowSeconds, 12)
  })

  it('is not protected without a backup, and says which command makes one', () => {
    const found = judge([tree({ backups: [] })])
    assert.equal(found.word, 'not protected')
    assert.match(texts(found), /uploads: there is no backup yet → muster backup kennel/)
    assert.equal(found.lostNowSeconds, null)
  })

  it('is not protected when the off-site store does not answer, and names the cause', () => {
    const { stores, uploads, database: base } = without('offsite')
    const found = judge([base, uploads], { stores })
    assert.equal(found.word, 'not protected')
    assert.match(texts(found), /uploads: 0 of 1 off-site copies.*offsite does not answer: refuses the write key \(403\) → muster doctor kennel/)
    assert.match(texts(found), /database: 0 of 1 off-site copies/)
  })

  it('is only degraded when a store is out that no required copy needs', () => {
    const { stores, uploads, database: base } = without('nas', 'nothing is mounted')
    const found = judge([base, uploads], { stores })
    assert.equal(found.word, 'degraded', texts(found))
    assert.match(texts(found), /nas does not answer: nothing is mounted/)
  })

  it('never takes a store that does not answer for an empty one', () => {
    const stores = everywhere.map((name) => ({ name, reachable: false, writable: false, place: name, problem: 'timed out', invalidDocuments: [] }))
    const found = judge([tree({ backups: [] })], { stores })
    assert.match(texts(found), /no backup can be seen; local does not answer: timed out/)
    assert.doesNotMatch(texts(found), /no backup yet/)
  })

  it('counts stores in one place as one copy', () => {
    const stores = everywhere.map((name) => ({ name, reachable: true, writable: true, place: 'the same disk', problem: null, invalidDocuments: [] }))
    assert.equal(judge([tree()], { stores }).word, 'not protected')
  })

  it('is degraded after one missed backup of a tree and not protected after two; a database loses nothing by it', () => {
    const late = [backup('2026-11-20T02:00:05.000Z')]
    const later = [backup('2026-11-19T02:00:05.000Z')]
    assert.equal(judge([tree({ backups: late })]).word, 'degraded')
    const found = judge([tree({ backups: later })])
    assert.equal(found.word, 'not protected')
    assert.match(texts(found), /2 backups due since 2026-11-20T02:00Z did not come; newest is of 2026-11-19/)
    assert.equal(judge([database({}, { backups: later })]).word, 'degraded')
  })

  it('tells how far WAL is behind: degraded beyond twice the shipping interval, not protected beyond the objective', () => {
    const lags = (seconds: number) => ({ state: 'streaming', problem: null, lags: everywhere.map((store) => ({ store, lagSeconds: seconds, problem: null })) })
    assert.equal(judge([database({ shipper: lags(59) })]).word, 'protected')
    const slow = judge([database({ shipper: lags(200) })], { objectives: { rpoSeconds: 3600 } })
    assert.equal(slow.word, 'degraded')
    const lost = judge([database({ shipper: lags(61) })])
    assert.equal(lost.word, 'not protected')
    assert.match(texts(lost), /1 min 1 s of commits are not in the required stores; the objective is 1 min/)
  })

  it('believes the stores and not the shipper where WAL has a hole', () => {
    const holed = wal().windows.map((window) => ({ ...window, untilLsn: '0/5000000', untilAt: '2026-11-21T09:00:00.000Z' }))
    const found = judge([database({ windows: holed })])
    assert.equal(found.word, 'not protected')
    assert.match(texts(found), /WAL in offsite has a gap after 0\/5000000/)
    assert.equal(found.lostNowSeconds, 3 * 3600)
  })

  it('uses the age of the newest stored commit where no shipper answers, and says that nothing is being stored', () => {
    const found = judge([database({ shipper: null })])
    assert.equal(found.word, 'degraded')
    assert.match(texts(found), /the WAL shipper does not answer.* → muster up/)
    assert.equal(found.lostNowSeconds, 10)
    assert.equal(judge([database({ shipper: null, shipperExpected: false })]).word, 'protected')
  })

  it('counts nothing of an incarnation that was left', () => {
    const found = judge([database({ incarnation: 'b2', tips: {} })])
    assert.equal(found.word, 'not protected')
    assert.equal(found.components[0]?.lostNowSeconds, null)
  })

  it('shows a debt per store, except for a copy that a run is still making', () => {
    const owed = [backup('2026-11-20T02:00:05.000Z'), backup('2026-11-21T02:00:05.000Z', { in: ['local', 'offsite'] })]
    const found = judge([tree({ backups: owed })])
    assert.equal(found.word, 'degraded')
    assert.deepEqual(found.components[0]?.debts, [{ store: 'nas', backups: 1, newest: '2026-11-21T02:00:05.000Z-full' }])
    assert.equal(judge([tree({ backups: owed })], { running: ['run 2026-11-21T02:00:05.000Z'] }).word, 'protected')
  })

  it('asks no store for a backup that was not meant for it', () => {
    assert.equal(
      judge([tree({ backups: [backup('2026-11-21T02:00:05.000Z', { meantFor: ['local', 'offsite'], in: ['local', 'offsite'] })] })]).word,
      'protected',
    )
  })

  it('names damage, documents that cannot be believed, a store that takes nothing, and schedules that do not run', () => {
    const damaged = [backup('2026-11-21T02:00:05.000Z', { in: ['local', 'offsite'], damagedIn: [{ store: 'nas', problem: 'objects/index is missing' }] })]
    const stores = everywhere.map((name) => ({
      name,
      reachable: true,
      writable: name !== 'local',
      place: name,
      problem: name === 'local' ? 'it is full' : null,
      invalidDocuments: name === 'nas' ? ['records/x: bad signature'] : [],
    }))
    const found = judge([tree({ backups: damaged })], { stores, schedulerProblem: 'Temporal does not answer', recordsProblem: 'the chain is broken' })
    assert.equal(found.word, 'degraded')
    for (const part of [
      /damaged in nas: objects\/index is missing → muster repository check nas/,
      /local takes nothing new: it is full/,
      /nas holds 1 documents/,
      /schedules do not run/,
      /the chain is broken/,
    ])
      assert.match(texts(found), part)
    // A damaged copy is a copy to mend, not one to be sent again.
    assert.deepEqual(found.components[0]?.debts, [])
  })

  it('gives every reason a cause and a next command, the worst first, and puts the worst system first', () => {
    const bad = judge([tree({ backups: [] }), database({ shipper: null })], { schedulerProblem: 'down' })
    assert.ok(bad.reasons.every(({ text, next }) => text !== '' && next !== ''))
    assert.deepEqual(
      bad.reasons.map(({ word }) => word),
      ['not protected', 'degraded', 'degraded'],
    )
    const good = { ...judge([tree()]), system: 'aaa' }
    const small = { ...judge([tree()]), priority: 'P3' as const }
    assert.deepEqual([small, good, bad].sort(byNeed), [bad, good, small])
  })
})

describe('what a schedule should have done', () => {
  const at = (text: string) => new Date(text)
  const last = (every: string, zone = 'UTC', count = 2) => lastRuns(parseSchedule(every), zone, at(now), count).map((one) => one.toISOString().slice(0, 16))

  it('finds the last runs of every kind of schedule', () => {
    assert.deepEqual(last('6h'), ['2026-11-21T12:00', '2026-11-21T06:00'])
    assert.deepEqual(last('daily 02:00'), ['2026-11-21T02:00', '2026-11-20T02:00'])
    assert.deepEqual(last('weekly sunday 03:00'), ['2026-11-15T03:00', '2026-11-08T03:00'])
    assert.deepEqual(last('monthly day 1 03:00'), ['2026-11-01T03:00', '2026-10-01T03:00'])
    assert.deepEqual(last('at 2026-11-01T02:00:00Z'), ['2026-11-01T02:00'])
    assert.deepEqual(last('at 2027-01-01T02:00:00Z'), [])
    assert.deepEqual(last('cron 30 */6 * * *'), ['2026-11-21T06:30', '2026-11-21T00:30'])
    assert.deepEqual(last('cron 0 4 1 * *', 'Europe/Berlin'), ['2026-11-01T03:00', '2026-10-01T02:00'])
    assert.deepEqual(last('daily 01:30', 'America/New_York', 1), ['2026-11-21T06:30'])
  })

  it('counts a run as missed only after it had time to be done', () => {
    const missed = (started: string, moment: string) => missedRuns(parseSchedule('daily 02:00'), 'UTC', at(started), at(moment))
    assert.equal(missed('2026-11-20T02:00:05Z', '2026-11-21T02:59:00Z'), null)
    assert.equal(missed('2026-11-20T02:00:05Z', '2026-11-21T03:00:00Z')?.count, 1)
    assert.equal(missed('2026-11-18T02:00:05Z', '2026-11-21T03:00:00Z')?.count, 3)
    assert.equal(missed('2026-11-18T02:00:05Z', '2026-11-21T03:00:00Z')?.since.toISOString(), '2026-11-19T02:00:00.000Z')
    assert.equal(missedRuns(parseSchedule('15m'), 'UTC', at('2026-11-21T11:45:01Z'), at('2026-11-21T12:04:00Z')), null)
    assert.equal(missedRuns(parseSchedule('15m'), 'UTC', at('2026-11-21T11:45:01Z'), at('2026-11-21T12:05:00Z'))?.count, 1)
  })
})

describe('what the command line shows', () => {
  it('groups findings and puts the worst last', () => {
    const finding = (about: string, severity: 'ok' | 'warning' | 'problem') => ({ about, severity, ok: severity !== 'problem', message: severity, hint: null })
    const groups = groupFindings([finding('a', 'problem'), finding('b', 'ok'), finding('a', 'ok'), finding('c', 'warning')])
    assert.deepEqual(
      groups.map(({ about }) => about),
      ['b', 'c', 'a'],
    )
    assert.deepEqual(
      groups[2]?.findings.map(({ severity }) => severity),
      ['ok', 'problem'],
    )
  })

  it('shows how far back a database can be brought without a gap, and that there is one', () => {
    const now = new Date('2026-11-21T12:00:00Z')
    const window = (store: string, from: string, until: string, inService = true) => ({
      component: 'database',
      store,
      inService,
      incarnation: 'a',
      fromAt: `2026-11-21T${from}:00Z`,
      fromLsn: '0/1',
      untilAt: `2026-11-21T${until}:00Z`,
      untilLsn: '0/2',
      timelineId: 1,
      backups: [],
    })
    const text = (...windows: ReturnType<typeof window>[]) =>
      windowText({ system: 'shop', windows }, { component: 'database', lostPerStore: { local: 0, nas: 0 } }, now)
    assert.equal(text(window('local', '02:00', '12:00'), window('nas', '03:00', '12:00')), 'windows  today 02:00 → now (local, nas)')
    assert.equal(
      text(window('local', '02:00', '08:00'), window('local', '09:00', '12:00'), window('nas', '09:30', '12:00')),
      'windows  today 09:00 → now (local, nas), a gap, and before it: muster list shop',
    )
    assert.equal(text(window('local', '02:00', '12:00', false)), 'windows  none')
  })

  it('lists a directory of a tree and what is directly in it', () => {
    const paths = ['.', 'a', 'a/b', 'a/b/c', 'ab']
    const shown = (wanted: string, recursive = false) => paths.filter((path) => isWanted(path, wanted, recursive))
    assert.deepEqual(shown(''), ['.', 'a', 'ab'])
    assert.deepEqual(shown('a'), ['a', 'a/b'])
    assert.deepEqual(shown('a', true), ['a', 'a/b', 'a/b/c'])
    assert.deepEqual(shown('a/b/c'), ['a/b/c'])
    assert.deepEqual(shown('x'), [])
  })
})
