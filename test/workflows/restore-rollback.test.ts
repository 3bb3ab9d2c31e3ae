import assert from 'node:assert/strict'
import type { WorkflowHandle } from '@temporalio/client'
import type { RestoreResult } from '../../workflows/messages.ts'
import { besideEachOther } from '../support/beside-each-other.ts'
import {
  type ActivityName,
  endOf,
  type EndOfRun,
  failing,
  failingTimes,
  openStage,
  type Play,
  type Script,
  type Stage,
  until,
  untilCancelled,
  wellAlthoughCancelled,
  when,
} from '../support/scripted-activities.ts'
import { database, ruledUploads, shopRestorePlan, shopScript, uploads } from '../support/shop-script.ts'

const base = shopScript()

/** Everything that is undone, newest first; the WAL of the old life waits until users have their system back. */
const undo = [
  'stopClosed database',
  'swapBack uploads',
  'swapBack database',
  'startOldDatabase database',
  'startService worker',
  'startService web',
  'discardAside uploads',
  'discardAside database',
]
const undoing: readonly ActivityName[] = ['protectOld', 'stopClosed', 'swapBack', 'startOldDatabase', 'startService', 'discardAside']
const undoAll = [...undo, 'protectOld database']
const undoFrom = (first: string) => undo.slice(undo.indexOf(first))
const touching: readonly ActivityName[] = ['stopService', 'stopDatabase', 'saveTail', 'swapIn', 'startClosed', 'openDatabase']

const broken = failing('CheckFailed', 'it broke here')

function failAt<N extends ActivityName>(activity: N, about?: string): Partial<Script> {
  return { [activity]: about === undefined ? broken : when(about, broken, base[activity]) }
}

/** What fails, where the run says it stopped, and the first thing that is undone. */
const rows: readonly [title: string, changes: Partial<Script>, at: string, firstUndone: string][] = [
  ['the base cannot be restored aside', failAt('restoreDatabaseAside'), 'restore aside', 'discardAside uploads'],
  ['WAL cannot be fetched', failAt('prefetchWal'), 'restore aside', 'discardAside uploads'],
  ['the target cannot be replayed to', failAt('holdAtTarget'), 'restore aside', 'discardAside uploads'],
  ['the tree cannot be restored aside', failAt('restoreTreeAside'), 'restore aside', 'discardAside uploads'],
  ['a check fails in quarantine', failAt('checkRestored'), 'check', 'discardAside uploads'],
  ['the first service does not stop', failAt('stopService', 'web'), 'stop', 'startService web'],
  ['the last service does not stop', failAt('stopService', 'worker'), 'stop', 'startService worker'],
  ['the database does not stop', failAt('stopDatabase'), 'stop', 'startOldDatabase database'],
  ['the tail cannot be saved', failAt('saveTail'), 'save the tail', 'startOldDatabase database'],
  ['the tail cannot be replayed', failAt('replayTail'), 'replay the tail', 'startOldDatabase database'],
  ['the copy cannot be promoted', failAt('promoteAside'), 'promote', 'startOldDatabase database'],
  ['newer files cannot be kept', failAt('keepNewerFiles'), 'swap', 'startOldDatabase database'],
  [
    'the rules of a tree cannot be applied',
    { ...failAt('applyTreeRules'), planRestore: shopRestorePlan({ decision: { components: [database, ruledUploads] } }) },
    'swap',
    'startOldDatabase database',
  ],
  ['a command of the tree fails', failAt('runAfter'), 'swap', 'startOldDatabase database'],
  ['the database cannot be swapped', failAt('swapIn', 'database'), 'swap', 'swapBack database'],
  ['the tree cannot be swapped', failAt('swapIn', 'uploads'), 'swap', 'swapBack uploads'],
  ['the restored server does not start', failAt('startClosed'), 'start closed', 'stopClosed database'],
  [
    'a check fails in place',
    { checkRestored: (input, attempt) => (input.where === 'closed' ? broken() : base.checkRestored(input, attempt)) },
    'start closed',
    'stopClosed database',
  ],
  ['the new incarnation cannot be protected for a reason that no person can mend', failAt('protectAgain'), 'protect again', 'all'],
]

describe('a restore that fails before the point of no return', function () {
  this.timeout(120_000)
  let stage: Stage
  const runs = new Map<string, { play: Play; handle: WorkflowHandle; end: Promise<EndOfRun> }>()

  const start = (play: Play, input: object = {}) =>
    stage.start('restoreSystem', `target/${play.system}`, { system: play.system, requestedBy: 'alice', ...input })
  const undone = (play: Play) => play.order(...undoing)
  const outcomeOf = async (handle: WorkflowHandle) => (await handle.describe()).memo?.['outcome']

  before(async () => {
    stage = await openStage()
    for (const [title, changes] of rows) {
      const play = stage.play({ ...base, ...changes })
      const handle = await start(play)
      runs.set(title, { play, handle, end: endOf(handle) })
    }
    await Promise.all([...runs.values()].map(({ end }) => end))
  })
  after(() => stage?.close())
  const test = besideEachOther()

  for (const [title, , at, firstUndone] of rows) {
    it(`undoes what was done, newest first, when ${title}`, async () => {
      const run = runs.get(title)
      assert.ok(run)
      const end = await run.end
      assert.deepEqual([end.ended, end.type], ['failed', 'CheckFailed'])
      assert.match(end.message, new RegExp(`^stopped at "${at}": it broke here; `))
      assert.deepEqual(undone(run.play), firstUndone === 'all' ? undoAll : undoFrom(firstUndone))
      assert.deepEqual(run.play.calls('openDatabase'), [])
      assert.ok(
        run.play.calls('startService').every(({ input }) => input.service !== 'mailer'),
        'a service that was stopped before was started',
      )
      assert.equal(await outcomeOf(run.handle), 'rolled-back')
      const told = run.play.calls('notifyPeople').at(-1)?.input.notice
      assert.deepEqual([told?.event, told?.severity], ['rolled-back', 'warning'])
      assert.match(told?.subject ?? '', new RegExp(`rolled-back at: ${at}$`))
      if (firstUndone === 'discardAside uploads') {
        assert.match(end.message, /the old service was not touched/)
        assert.deepEqual(run.play.order(...touching), [])
      } else assert.match(end.message, /rolled back: what ran before is running again on its own data/)
    })
  }

  test('ends what runs beside a step that failed before it removes what was restored', async () => {
    const play = stage.play({
      ...base,
      restoreDatabaseAside: failing('ObjectMissing', 'base.tar is gone'),
      prefetchWal: untilCancelled(300),
      restoreTreeAside: untilCancelled(100),
    })
    const end = await endOf(await start(play))
    assert.equal(end.type, 'ObjectMissing')
    const at = (what: string, label: string) => play.moments.findIndex((moment) => moment.what === what && moment.label === label)
    const removed = at('started', 'discardAside uploads')
    for (const label of ['prefetchWal database', 'restoreTreeAside uploads']) {
      const ended = at('cancelled', label)
      assert.ok(ended !== -1 && ended < removed, `${label} still ran: ${JSON.stringify(play.moments)}`)
    }
  })

  test('is rolled back when the plan would be another one right before the stop, and names what changed', async () => {
    const plan = shopRestorePlan()
    const play = stage.play({
      ...base,
      planRestore: (input) => plan(input.pinned ? { ...input, pinned: { ...input.pinned, components: [{ ...database, running: false }, uploads] } } : input),
    })
    const end = await endOf(await start(play))
    assert.equal(end.type, 'PlanChanged')
    assert.match(end.message, /what was approved as [0-9a-f]{12} would now be [0-9a-f]{12}: components/)
    assert.deepEqual(play.order(...touching), [])
    assert.deepEqual(undone(play), undoFrom('discardAside uploads'))
  })

  test('is rolled back when a copy cannot be replayed as far as the plan showed, and goes on when the tail brings it there', async () => {
    const planRestore = shopRestorePlan({ promised: { lsn: '0/4800000', againLsn: '0/4800000' } })
    const play = stage.play({ ...base, planRestore, replayTail: () => ({ replayedLsn: '0/4700000', lastCommitAt: null }) })
    const end = await endOf(await start(play))
    assert.equal(end.type, 'OutOfBounds')
    assert.match(
      end.message,
      /database was replayed to 0\/4700000 only, and the plan shows 2026-11-21T02:14:00.000000Z \(LSN 0\/4800000\): WAL is missing or damaged in store local/,
    )
    assert.deepEqual(undone(play), undoFrom('startOldDatabase database'))
    const whole = stage.play({ ...base, planRestore, replayTail: () => ({ replayedLsn: '0/5000100', lastCommitAt: null }) })
    assert.equal(((await (await start(whole)).result()) as RestoreResult).outcome, 'succeeded')
  })

  test('stops nothing when the plan leads less far than it showed, and no copy is there yet', async () => {
    const planRestore = shopRestorePlan({ promised: { lsn: '0/4800000', againLsn: '0/4100000' } })
    const play = stage.play({ ...base, planRestore })
    const end = await endOf(await start(play, { stopFirst: true }))
    assert.equal(end.type, 'OutOfBounds')
    assert.match(end.message, /database now comes back to .* \(LSN 0\/4100000\) only, and the plan shows .* \(LSN 0\/4800000\): WAL is missing in store local/)
    assert.deepEqual(play.order(...touching), [])
    // A copy that is there by then has it already, whatever became of the store.
    const there = stage.play({
      ...base,
      planRestore,
      holdAtTarget: () => ({ replayedLsn: '0/4800080', lastCommitAt: null }),
      replayTail: () => ({ replayedLsn: '0/4800080', lastCommitAt: null }),
    })
    assert.equal(((await (await start(there)).result()) as RestoreResult).outcome, 'succeeded')
  })

  test('tries every compensation although one fails, and shows which', async () => {
    const play = stage.play({
      ...base,
      startClosed: broken,
      swapBack: when('uploads', failing('WrongTarget', 'the journal says otherwise'), base.swapBack),
      startService: when('web', failing('ServiceUnhealthy', 'port 80 is taken'), base.startService),
    })
    const handle = await start(play)
    const end = await endOf(handle)
    assert.equal(end.type, 'CheckFailed')
    assert.deepEqual(undone(play), undoFrom('stopClosed database'))
    assert.match(
      end.message,
      /ROLLED BACK ONLY IN PART: "put the old uploads back" failed: the journal says otherwise; "start web again" failed: port 80 is taken/,
    )
    assert.equal(await outcomeOf(handle), 'failed')
    const told = play.calls('notifyPeople').at(-1)?.input.notice
    assert.deepEqual([told?.event, told?.severity], ['failed', 'critical'])
    assert.match(told?.body ?? '', /it broke here\nROLLED BACK ONLY IN PART/)
  })

  test('tries a compensation again that fails for a moment', async () => {
    const play = stage.play({ ...base, saveTail: broken, startOldDatabase: failingTimes(2, 'DatabaseDown', 'shutting down', base.startOldDatabase) })
    const end = await endOf(await start(play))
    assert.match(end.message, /rolled back: what ran before is running again/)
    assert.deepEqual(
      play.calls('startOldDatabase').map(({ attempt }) => attempt),
      [1, 2, 3],
    )
  })

  test('removes what was restored when it is cancelled while it restores aside, and not before that has ended', async () => {
    const play = stage.play({ ...base, restoreDatabaseAside: untilCancelled(50), prefetchWal: untilCancelled(300), restoreTreeAside: untilCancelled(150) })
    const handle = await start(play)
    await until('the restore', () => play.calls('restoreTreeAside').length + play.calls('prefetchWal').length + play.calls('restoreDatabaseAside').length === 3)
    await handle.cancel()
    assert.equal((await endOf(handle)).ended, 'cancelled')
    assert.deepEqual(undone(play), undoFrom('discardAside uploads'))
    assert.deepEqual(play.order(...touching), [])
    const removed = play.moments.findIndex(({ label }) => label === 'discardAside uploads')
    assert.equal(play.moments.slice(0, removed).filter(({ what }) => what === 'cancelled').length, 3, JSON.stringify(play.moments))
    assert.equal(await outcomeOf(handle), 'cancelled')
  })

  test('starts what it stopped when it is cancelled after the stop', async () => {
    const play = stage.play({ ...base, saveTail: untilCancelled(200) })
    const handle = await start(play)
    await until('the tail', () => play.calls('saveTail').length === 1)
    await handle.cancel()
    assert.equal((await endOf(handle)).ended, 'cancelled')
    assert.deepEqual(undone(play), undoFrom('startOldDatabase database'))
    const ended = play.moments.findIndex(({ what, label }) => what === 'cancelled' && label === 'saveTail database')
    assert.ok(ended !== -1 && ended < play.moments.findIndex(({ label }) => label === 'startOldDatabase database'))
    assert.equal(await outcomeOf(handle), 'cancelled')
  })

  test('puts the old data back when it is cancelled while it swaps, although the swap went well', async () => {
    const play = stage.play({ ...base, swapIn: wellAlthoughCancelled(base.swapIn) })
    const handle = await start(play)
    await until('the swap', () => play.calls('swapIn').length === 1)
    await handle.cancel()
    assert.equal((await endOf(handle)).ended, 'cancelled')
    // The tree's swap was not begun; undoing what did not happen changes nothing.
    assert.deepEqual(
      undone(play).filter((label) => label !== 'swapBack uploads'),
      undoFrom('swapBack database'),
    )
    assert.deepEqual(play.order('swapIn', 'startClosed'), ['swapIn database'])
  })

  test('is rolled back when it is cancelled while it protects again, although that went well', async () => {
    const play = stage.play({ ...base, protectAgain: wellAlthoughCancelled(base.protectAgain) })
    const handle = await start(play)
    await until('the last step before the point of no return', () => play.calls('protectAgain').length === 1)
    await handle.cancel()
    assert.equal((await endOf(handle)).ended, 'cancelled')
    assert.deepEqual(undone(play), undoAll)
    assert.deepEqual(play.calls('openDatabase'), [])
  })

  test('finishes rolling back when it is cancelled again meanwhile', async () => {
    const cancelled = { again: false }
    const held: Script['swapBack'] = async (input, attempt) => {
      await until('the cancellation', () => cancelled.again)
      return base.swapBack(input, attempt)
    }
    const play = stage.play({ ...base, startClosed: broken, swapBack: held })
    const handle = await start(play)
    await until('the way back', () => play.calls('swapBack').length === 1)
    await handle.cancel()
    cancelled.again = true
    await endOf(handle)
    assert.deepEqual(undone(play), undoFrom('stopClosed database'))
    assert.equal(play.moments.filter(({ what }) => what === 'cancelled').length, 0)
  })

  test('says that it was rolled back only in part when a cancelled run cannot start the old database', async () => {
    const play = stage.play({ ...base, saveTail: untilCancelled(), startOldDatabase: failing('WrongTarget', 'the directory is gone') })
    const handle = await start(play)
    await until('the tail', () => play.calls('saveTail').length === 1)
    await handle.cancel()
    const end = await endOf(handle)
    assert.deepEqual([end.ended, end.type], ['failed', 'Cancelled'])
    assert.match(end.message, /ROLLED BACK ONLY IN PART: "start the old database again" failed: the directory is gone/)
    assert.deepEqual(undone(play), undoFrom('startOldDatabase database'))
  })

  test('removes what it restored elsewhere when it cannot be placed', async () => {
    const play = stage.play({ ...base, placeElsewhere: failing('TargetNotEmpty', '/srv/copy is not empty any more') })
    const input = { system: play.system, components: ['database'], into: { directory: '/srv/copy' } }
    const end = await endOf(await stage.start('restoreSystem', `aside/${play.system}/localhost/1a2b`, input))
    assert.equal(end.type, 'TargetNotEmpty')
    assert.deepEqual(undone(play), ['discardAside database'])
    assert.deepEqual(play.order(...touching), [])
  })
})
