import assert from 'node:assert/strict'
import { judgeStanding, type KnownRun, mergeRuns, type SeenRun, type StandingFacts } from '../../domain/adoption.ts'

const backup: KnownRun = {
  workflowId: 'backupSystem/shop/1',
  runId: 'backup',
  system: 'shop',
  procedure: 'backupSystem',
  startedAt: '2026-11-20T02:00:00.000Z',
  endedAt: '2026-11-20T02:10:00.000Z',
  outcome: 'succeeded',
  begunAt: null,
  lastStepAt: null,
}
const restore: KnownRun = {
  ...backup,
  workflowId: 'target/shop',
  runId: 'restore',
  procedure: 'restoreSystem',
  startedAt: '2026-11-20T10:00:00.000Z',
  endedAt: '2026-11-20T10:30:00.000Z',
  begunAt: '2026-11-20T10:20:00.000Z',
}
const day = 86_400
const never = { until: null, decided: new Set<string>(), count: 0 }
const until = (at: string) => ({ until: at, decided: new Set<string>(), count: 1 })

function stand(known: readonly KnownRun[], seen: Readonly<Record<string, Omit<SeenRun, 'runId'>>>, more: Partial<StandingFacts> = {}) {
  return judgeStanding({
    temporal: 'one',
    adopted: never,
    doubts: [],
    known,
    seen: new Map(Object.entries(seen).map(([runId, one]) => [runId, { runId, ...one }])),
    moves: [],
    now: new Date('2026-11-21T00:00:00Z'),
    retentionSeconds: 30 * day,
    unread: [],
    listsClosed: false,
    ...more,
  })
}

const closed = { state: 'closed', reachedAt: null } as const
const unknown = { state: 'unknown', reachedAt: null } as const
const runningSince = (reachedAt: string | null) => ({ state: 'running', reachedAt }) as const
const found = ({ runs }: ReturnType<typeof stand>) => runs.map(({ runId, finding, todo, needsPerson }) => [runId, finding, todo, needsPerson])

describe('how a Temporal stands to what is known', () => {
  it('is well where nothing is known, and where the newest run is known there', () => {
    assert.equal(stand([], {}).held, false)
    assert.equal(stand([backup, restore], { backup: closed, restore: closed }).held, false)
    assert.equal(stand([backup, restore], { backup: unknown, restore: closed }).held, false, 'somebody removed an older one')
  })

  it('is lost where the newest run is not known there, unless retention has removed it or it was adopted without', () => {
    const lost = stand([backup, restore], { backup: unknown, restore: unknown })
    assert.deepEqual([lost.held, lost.needsPerson], [true, false])
    assert.deepEqual(found(lost), [
      ['restore', 'unknown', 'accept', false],
      ['backup', 'unknown', 'accept', false],
    ])
    assert.equal(stand([backup], { backup: unknown }, { retentionSeconds: day / 2 }).held, false)
    assert.equal(stand([backup], { backup: unknown }, { adopted: until('2026-11-20T02:20:00.000Z') }).held, false)
    assert.equal(stand([backup], { backup: unknown }, { adopted: { ...until('2026-11-20T02:10:00.000Z'), decided: new Set(['backup']) } }).held, false)
  })

  it('stays lost where a run came after the adoption, though by the clock of its host it ended a little before', () => {
    const later = { ...backup, runId: 'later', endedAt: '2026-11-20T02:08:00.000Z' }
    const adopted = { ...until('2026-11-20T02:10:00.000Z'), decided: new Set(['backup']) }
    assert.deepEqual(found(stand([backup, later], { backup: unknown, later: unknown }, { adopted })), [['later', 'unknown', 'accept', false]])
    assert.equal(stand([backup, later], { backup: unknown, later: unknown }, { adopted }).held, true)
  })

  it('has worked where a run is over there or came to a step; one that somebody has just started says nothing', () => {
    assert.deepEqual(
      [stand([backup], { backup: unknown }), stand([backup], { backup: runningSince(null) })].map(({ hasWorked }) => hasWorked),
      [false, false],
    )
    assert.equal(stand([backup], { backup: closed }).hasWorked, true)
    assert.equal(stand([backup], { backup: runningSince('2026-11-20T02:01:00.000Z') }).hasWorked, true)
    assert.equal(stand([], {}, { listsClosed: true }).hasWorked, true)
  })

  it('is rolled back where it shows as running the failover of a site whose systems went on without it', () => {
    const whole: KnownRun = {
      ...backup,
      workflowId: 'failover-site/primary',
      runId: 'whole',
      system: 'primary',
      procedure: 'failoverSite',
      startedAt: '2026-11-20T09:00:00.000Z',
      endedAt: null,
      outcome: null,
    }
    const moved: KnownRun = { ...restore, runId: 'moved', procedure: 'failover' }
    const running = runningSince('2026-11-20T09:01:00.000Z')
    const lost = stand([whole, moved], { whole: running, moved: unknown })
    assert.deepEqual([lost.held, lost.needsPerson, found(lost).find(([run]) => run === 'whole')], [true, true, ['whole', 'would-repeat', 'terminate', false]])
    assert.equal(stand([whole, moved], { whole: running, moved: closed }).held, false)
    const before = { ...moved, startedAt: '2026-11-20T08:00:00.000Z' }
    assert.deepEqual(
      found(stand([whole, before], { whole: running, moved: unknown })).map(([run]) => run),
      ['moved'],
    )
    const ended = { ...whole, endedAt: '2026-11-20T11:00:00.000Z', outcome: 'succeeded' }
    assert.deepEqual(found(stand([ended], { whole: running })), [['whole', 'would-repeat', 'terminate', false]], 'as the audit chain says')
  })

  it('stays lost when somebody starts a run there meanwhile: that one is known from this Temporal alone', () => {
    const started: KnownRun = {
      ...backup,
      workflowId: 'target/mail',
      runId: 'fresh',
      system: 'mail',
      startedAt: '2026-11-20T23:00:00.000Z',
      endedAt: null,
      outcome: null,
    }
    const running = runningSince('2026-11-20T23:00:05.000Z')
    assert.equal(stand([restore, started], { restore: unknown, fresh: running }).held, true)
    assert.equal(stand([restore, started], { restore: closed, fresh: running }).held, false)
  })

  it('is rolled back where it shows as running what has ended; a worker that died after the evidence is nothing of that', () => {
    const old = stand([restore], { restore: runningSince('2026-11-20T10:20:00.000Z') })
    assert.deepEqual([old.held, old.needsPerson, found(old)], [true, true, [['restore', 'would-repeat', 'terminate', false]]])
    assert.deepEqual(found(stand([restore], { restore: runningSince(null) })), [['restore', 'would-repeat', 'terminate', false]])
    assert.equal(stand([restore], { restore: runningSince('2026-11-20T10:30:00.000Z') }).held, false)
    const repeated = stand([backup], { backup: runningSince('2026-11-20T02:05:00.000Z') })
    assert.deepEqual([repeated.held, repeated.needsPerson], [true, false], 'a backup that is made again does no harm')
  })

  it('is rolled back where it shows as running what an adoption has accepted: that is no reason to do it again', () => {
    assert.equal(stand([restore], { restore: runningSince('2026-11-20T10:20:00.000Z') }, { adopted: until('2026-11-20T20:00:00.000Z') }).held, true)
  })

  it('is rolled back where a run without an end went further than its history there', () => {
    const open = { ...restore, endedAt: null, outcome: null, lastStepAt: '2026-11-20T10:20:00.000Z' }
    assert.deepEqual(found(stand([open], { restore: runningSince('2026-11-20T10:19:59.999Z') })), [['restore', 'would-repeat-cut-off', 'terminate', true]])
    assert.equal(stand([open], { restore: runningSince('2026-11-20T10:20:00.000Z') }).held, false, 'an ordinary crash')
    const early = { ...open, begunAt: null }
    assert.deepEqual(found(stand([early], { restore: runningSince(null) })), [['restore', 'would-repeat', 'terminate', false]])
  })

  it('needs a person where a run that was changing a system is gone, however well the rest is known', () => {
    const open = { ...restore, endedAt: null, outcome: null }
    const later = { ...backup, runId: 'later', startedAt: '2026-11-20T12:00:00.000Z', endedAt: '2026-11-20T12:10:00.000Z' }
    const cut = stand([open, later], { restore: unknown, later: closed })
    assert.deepEqual([cut.held, cut.needsPerson, found(cut)], [true, true, [['restore', 'cut-off', 'accept', true]]])
    assert.equal(stand([open], { restore: unknown }, { adopted: until('2026-11-20T20:00:00.000Z') }).held, false, 'somebody has looked')
    assert.equal(stand([open], { restore: closed }).held, false, 'Temporal knows how it ended')
    const gone = { ...open, begunAt: null }
    assert.deepEqual(found(stand([gone], { restore: unknown })), [['restore', 'gone', 'accept', false]])
  })

  it('shows a run as overtaken that a later one under the same id, or a move, has come after', () => {
    const open = { ...restore, endedAt: null, outcome: null, begunAt: null }
    const next = { ...restore, runId: 'next', startedAt: '2026-11-20T15:00:00.000Z', endedAt: '2026-11-20T16:00:00.000Z' }
    const seen = { restore: runningSince('2026-11-20T10:10:00.000Z'), next: closed }
    assert.deepEqual(found(stand([open, next], seen)), [['restore', 'overtaken', 'terminate', false]])
    const move = { system: 'shop', at: '2026-11-20T15:00:00.000Z', runId: 'another' }
    assert.deepEqual(found(stand([open], seen, { moves: [move] })), [['restore', 'overtaken', 'terminate', false]])
    assert.equal(stand([open], seen, { moves: [{ ...move, runId: 'restore' }] }).held, false, 'its own')
    assert.equal(stand([{ ...open, workflowId: 'aside/shop/localhost/1' }, next], seen).held, false, 'elsewhere it stands in nobody’s way')
  })

  it('puts together what evidence, marks and notes know of one run', () => {
    const mark = { ...restore, endedAt: null, outcome: null, startedAt: '2026-11-20T10:01:00.000Z' }
    const note = { ...mark, begunAt: null, lastStepAt: '2026-11-20T10:29:00.000Z' }
    assert.deepEqual(mergeRuns([note, mark, { ...restore, begunAt: null }]), [{ ...restore, lastStepAt: note.lastStepAt }])
  })
})
