import assert from 'node:assert/strict'
import type { BackupSystemResult } from '../../workflows/backup-system.ts'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { besideEachOther } from '../support/beside-each-other.ts'
import { createGate, createMeeting } from '../support/held-steps.ts'
import { failing, openStage, type Play, type Script, type Stage, slowly, until } from '../support/scripted-activities.ts'
import { configHash, database, ruledUploads, shopRestorePlan, shopScript, uploads } from '../support/shop-script.ts'

const base = shopScript()
/** Steps that run beside each other, or whose place is looked at elsewhere. */
const aside = ['restoreDatabaseAside database', 'prefetchWal database', 'restoreTreeAside uploads', 'holdAtTarget database']
const plan = ['scopeRestore', 'observeTargets', 'planRestore']
const stop = ['stopService web', 'stopService mailer', 'stopService worker', 'stopDatabase database']
const swap = ['keepNewerFiles uploads', 'runAfter uploads', 'swapIn database', 'swapIn uploads']
const end = [
  'startClosed database',
  'checkRestored database',
  'protectAgain database',
  'openDatabase database',
  'startService worker',
  'startService web',
  'awaitHealthy web',
  'awaitHealthy worker',
  'keepSafetySet database',
  'keepSafetySet uploads',
  'writeEvidence',
]

describe('the order of a restore', function () {
  this.timeout(60_000)
  let stage: Stage

  before(async () => {
    stage = await openStage()
  })
  after(() => stage?.close())
  const test = besideEachOther()

  const latest = (play: Play, input: object = {}) =>
    stage.start('restoreSystem', `target/${play.system}`, { system: play.system, requestedBy: 'alice', ...input })
  const toName = (play: Play, input: object = {}) =>
    stage.start('recoverToPointInTime', `target/${play.system}`, { system: play.system, to: { name: 'before-migration' }, requestedBy: 'alice', ...input })
  const resultOf = async (handle: Promise<Awaited<ReturnType<typeof latest>>>) => (await (await handle).result()) as RestoreResult
  /** Of the restore itself: its plans, steps and compensations, without the full backup after it, however far that is. */
  const orderOf = (play: Play) => {
    const backup = ['planBackup', 'produceBackup', 'publishCopy', 'payDebts', 'releaseStaging']
    const [, ...ofBackup] = play.order('writeEvidence')
    const order = play.order().filter((label) => !backup.includes(label.split(' ')[0] ?? '') && !aside.includes(label))
    return order.slice(0, order.length - ofBackup.length)
  }

  test('restores aside, checks, plans again, stops, saves and replays the tail, promotes, swaps, protects, opens', async () => {
    const play = stage.play(base)
    const { outcome, steps, safety, recovered, tails, checks, undelivered } = await resultOf(latest(play))
    assert.equal(outcome, 'succeeded')
    assert.deepEqual(orderOf(play), [
      ...plan,
      'checkRestored database',
      ...plan,
      ...stop,
      'saveTail database',
      'replayTail database',
      'promoteAside database',
      ...swap,
      ...end,
    ])
    assert.deepEqual(
      steps.map(({ name }) => name),
      [
        'restore aside',
        'check',
        'plan again',
        'stop',
        'save the tail',
        'replay the tail',
        'promote',
        'swap',
        'start closed',
        'protect again',
        'open',
        'health',
        'commit',
      ],
    )
    assert.deepEqual(
      safety.map(({ path }) => path),
      ['/srv/shop/postgresql', '/srv/shop/uploads'],
    )
    assert.deepEqual(
      checks.map(({ name }) => name),
      ['orders (aside)', 'orders (closed)'],
    )
    assert.equal(tails['database']?.untilLsn, '0/5000100')
    assert.match(recovered['database']?.incarnation ?? '', /^[0-9a-f]{12}$/)
    assert.deepEqual(undelivered, [])
    assert.ok(
      play.calls('startService').every(({ input }) => input.service !== 'mailer'),
      'a service that was stopped before was started',
    )
  })

  test('fetches WAL while the base is restored, and replays only when both are there', async () => {
    const both = createMeeting(2)
    const play = stage.play({ ...base, restoreDatabaseAside: both.before(base.restoreDatabaseAside), prefetchWal: both.before(base.prefetchWal) })
    await resultOf(toName(play))
    const moments = play.moments.filter(({ label }) => aside.includes(label)).map(({ what, label }) => `${what} ${label}`)
    const at = (text: string) => moments.indexOf(text)
    assert.ok(at('started prefetchWal database') < at('answered restoreDatabaseAside database'))
    assert.ok(at('started restoreDatabaseAside database') < at('answered prefetchWal database'))
    assert.ok(at('started holdAtTarget database') > Math.max(at('answered restoreDatabaseAside database'), at('answered prefetchWal database')))
  })

  test('saves the tail but does not replay it for any other target than the newest moment', async () => {
    const play = stage.play(base)
    const { tails, steps } = await resultOf(toName(play))
    assert.equal(tails['database']?.untilLsn, '0/5000100')
    assert.deepEqual(play.calls('replayTail'), [])
    assert.ok(!steps.some(({ name }) => name === 'replay the tail'))
  })

  test('replays the tail up to where it was saved, and nothing where no tail was found', async () => {
    const play = stage.play(base)
    await resultOf(latest(play))
    assert.equal(play.calls('replayTail')[0]?.input.untilLsn, '0/5000100')
    const none = stage.play({
      ...base,
      saveTail: () => ({ sources: [{ source: 'spool', found: false, detail: 'gone' }], untilLsn: null, lastCommitAt: null, stores: [] }),
    })
    await resultOf(latest(none))
    assert.deepEqual(none.calls('replayTail'), [])
  })

  test('applies the rules of a tree before its commands, and keeps in the evidence what they did not do', async () => {
    const play = stage.play({ ...base, planRestore: shopRestorePlan({ decision: { components: [database, ruledUploads] } }) })
    const { trees } = await resultOf(latest(play))
    assert.deepEqual(play.order('keepNewerFiles', 'applyTreeRules', 'runAfter', 'swapIn'), [
      'keepNewerFiles uploads',
      'applyTreeRules uploads',
      'runAfter uploads',
      'swapIn database',
      'swapIn uploads',
    ])
    assert.deepEqual(trees?.['uploads']?.substituted, [{ files: 1, replaced: 2 }])
    assert.deepEqual(play.calls('writeEvidence')[0]?.input.evidence.deviations, trees['uploads'].deviations)
  })

  test('stops and saves the tail before anything is restored with stopFirst', async () => {
    const play = stage.play(base)
    await resultOf(latest(play, { stopFirst: true }))
    const order = play.order()
    const before = (a: string, b: string) =>
      assert.ok(order.indexOf(a) !== -1 && order.indexOf(a) < order.indexOf(b), `${a} has to come before ${b}: ${order.join(', ')}`)
    for (const step of aside) before('saveTail database', step)
    for (const step of stop) before(step, 'saveTail database')
    assert.deepEqual(orderOf(play).slice(0, 6), [...plan, ...plan])
    assert.equal(play.calls('stopDatabase').length, 1)
    before('checkRestored database', 'replayTail database')
  })

  test('tells every step of the decision, the target, the run and the config', async () => {
    const play = stage.play(base)
    const handle = await toName(play, { identityFile: '/srv/keys/identity.txt' })
    await handle.result()
    const { runId } = await handle.describe()
    const [swapped] = play.calls('swapIn')
    assert.deepEqual(swapped?.input, {
      system: play.system,
      component: 'database',
      configHash,
      run: `target/${play.system}:${runId}`,
      target: { kind: 'name', name: 'before-migration' },
      mode: 'in-place',
      identityFile: '/srv/keys/identity.txt',
      decision: database,
    })
    const kept = play.calls('keepSafetySet').map(({ input }) => [input.component, input.safety.map(({ path }) => path), input.keepSeconds])
    assert.deepEqual(kept, [
      ['database', ['/srv/shop/postgresql'], 604800],
      ['uploads', ['/srv/shop/uploads'], 604800],
    ])
    assert.ok(play.calls('swapIn').every(({ queue }) => queue === 'muster-host-localhost-urgent'))
    const [again] = play.calls('planRestore').slice(1)
    assert.equal(again?.input.pinned?.system, play.system)
  })

  test('promotes and leaves the copy elsewhere, and neither stops, swaps nor opens anything', async () => {
    const play = stage.play(base)
    const input = { system: play.system, components: ['database'], into: { directory: '/srv/copy', port: 5433 } }
    const result = (await (await stage.start('restoreSystem', `aside/${play.system}/localhost/1a2b`, input)).result()) as RestoreResult
    assert.equal(result.outcome, 'succeeded')
    assert.deepEqual(
      play.order().filter((label) => !aside.includes(label)),
      [...plan, 'checkRestored database', 'promoteAside database', 'placeElsewhere database', 'writeEvidence'],
    )
    assert.deepEqual(play.calls('planRestore')[0]?.input.into, { directory: '/srv/copy', port: 5433 })
    assert.equal(result.backup, null)
  })

  test('brings a safety set back without restoring, checking or replaying anything aside', async () => {
    const play = stage.play(base)
    const { outcome } = await resultOf(latest(play, { back: `target/${play.system}:1` }))
    assert.equal(outcome, 'succeeded')
    for (const activity of ['restoreDatabaseAside', 'prefetchWal', 'holdAtTarget', 'restoreTreeAside', 'replayTail'] as const) {
      assert.deepEqual(play.calls(activity), [], activity)
    }
    assert.deepEqual(
      play.calls('checkRestored').map(({ input }) => input.where),
      ['closed'],
    )
    assert.equal(play.calls('saveTail').length, 1)
  })

  test('restores a tree alone without asking a database for anything', async () => {
    const play = stage.play(base)
    const { outcome } = await resultOf(latest(play, { components: ['uploads'] }))
    assert.equal(outcome, 'succeeded')
    assert.deepEqual(
      play.order().filter((label) => label.endsWith(' database') && !/^(produceBackup|payDebts|releaseStaging)/.test(label)),
      [],
    )
    assert.deepEqual(play.order('stopService', 'swapIn', 'startService').slice(0, 4), [...stop.slice(0, 3), 'swapIn uploads'])
  })

  test('lets nobody in before the new incarnation is in the stores, and hands on what was promoted', async () => {
    const play = stage.play({ ...base, protectAgain: slowly(150, base.protectAgain) })
    await resultOf(latest(play, { openWith: ['offsite'] }))
    const stored = play.moments.findIndex(({ what, label }) => what === 'answered' && label === 'protectAgain database')
    const opened = play.moments.findIndex(({ label }) => label === 'openDatabase database')
    assert.ok(stored !== -1 && stored < opened)
    const [call] = play.calls('protectAgain')
    assert.deepEqual([call?.input.openWith, call?.input.by, call?.input.promoted.timelineId], [['offsite'], 'alice', 2])
  })

  test('looks at health again after it had to stay good', async () => {
    const play = stage.play({ ...base, planRestore: shopRestorePlan({ commitAfterSeconds: 0.2 }) })
    await resultOf(latest(play))
    assert.deepEqual(play.order('awaitHealthy', 'keepSafetySet'), [
      'awaitHealthy web',
      'awaitHealthy worker',
      'awaitHealthy web',
      'awaitHealthy worker',
      'keepSafetySet database',
      'keepSafetySet uploads',
    ])
  })

  test('starts a full backup of its own, which outlives it', async () => {
    const play = stage.play({ ...base, produceBackup: slowly(300, base.produceBackup) })
    const handle = await latest(play)
    const { backup } = (await handle.result()) as RestoreResult
    assert.equal(backup, `backup/${play.system}/after-${(await handle.describe()).runId}`)
    const result = (await stage.client.workflow.getHandle(backup).result()) as BackupSystemResult
    assert.equal(result.outcome, 'succeeded')
    assert.deepEqual(
      play.calls('notifyPeople').filter(({ input }) => input.notice.event === 'alarm'),
      [],
    )
  })

  test('succeeds although no notice can be delivered, and says which', async () => {
    const play = stage.play({ ...base, notifyPeople: failing('ConfigInvalid', 'no such config') })
    const { outcome, undelivered } = await resultOf(latest(play))
    assert.equal(outcome, 'succeeded')
    assert.deepEqual(undelivered[0], { channel: 'all', problem: 'no such config' })
  })

  test('restores a database without a service, and members of a tree beside their target', async () => {
    const decision = {
      services: [],
      components: [
        database,
        { ...uploads, members: [...uploads.members, { path: '/srv/shop/media', into: '/srv/shop/media', setAside: 'copy' as const, safetyPath: null }] },
      ],
    }
    const play = stage.play({ ...base, planRestore: shopRestorePlan({ decision }) } satisfies Script)
    const { outcome, safety } = await resultOf(latest(play))
    assert.equal(outcome, 'succeeded')
    assert.deepEqual(
      safety.map(({ path }) => path),
      ['/srv/shop/postgresql', '/srv/shop/uploads', '/srv/shop/media'],
    )
    assert.deepEqual(play.order('stopService', 'startService', 'awaitHealthy'), [])
    assert.deepEqual(
      play.calls('keepSafetySet').map(({ input }) => input.safety.length),
      [1, 2],
    )
  })

  test('starts a service that went down with the lost data, though not one that was stopped before', async () => {
    const services = (['web', 'mailer', 'worker'] as const).map((name, index) => ({
      name,
      host: 'localhost',
      state: (['lost', 'stopped', 'lost'] as const)[index] ?? 'lost',
    }))
    const play = stage.play({ ...base, planRestore: shopRestorePlan({ decision: { services } }) })
    assert.equal((await resultOf(latest(play))).outcome, 'succeeded')
    assert.deepEqual(play.order('startService', 'awaitHealthy'), ['startService worker', 'startService web', 'awaitHealthy web', 'awaitHealthy worker'])
    const failed = stage.play({ ...base, planRestore: shopRestorePlan({ decision: { services } }), saveTail: failing('CheckFailed', 'it broke here') })
    await (await latest(failed)).result().catch(() => undefined)
    assert.deepEqual(failed.order('startService'), [])
    assert.deepEqual(failed.order('startOldDatabase'), ['startOldDatabase database'])
  })

  test('writes its phases, its outcome and the plan’s hash where they are found without a worker', async () => {
    const stopping = createGate()
    const play = stage.play({ ...base, stopDatabase: stopping.before(base.stopDatabase) })
    const handle = await latest(play)
    await until('the stop', () => play.calls('stopDatabase').length > 0)
    assert.equal((await handle.describe()).memo?.['phase'], 'stop')
    stopping.open()
    await handle.result()
    const { memo, typedSearchAttributes } = await handle.describe()
    const attributes = Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]))
    assert.deepEqual([memo?.['phase'], memo?.['outcome']], ['done', 'succeeded'])
    assert.deepEqual(
      [attributes['MusterSystem'], attributes['MusterProcedure'], attributes['MusterPhase'], attributes['MusterOutcome']],
      [play.system, 'restoreSystem', 'done', 'succeeded'],
    )
  })
})
