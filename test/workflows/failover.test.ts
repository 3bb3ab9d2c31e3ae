import assert from 'node:assert/strict'
import type { WorkflowHandle } from '@temporalio/client'
import { madeAfterStop } from '../../domain/move.ts'
import type { MoveResult } from '../../workflows/messages.ts'
import { attestBy, fencedBy, fromStandby, oldSide, oldSideDying, oldSideGone } from '../support/move-script.ts'
import {
  type ActivityName,
  endOf,
  failing,
  openStage,
  type Play,
  refusalOf,
  type Script,
  type Stage,
  until,
  untilCancelled,
  untilPhase,
} from '../support/scripted-activities.ts'
import { database, ruledUploads, shopRestorePlan, shopScript } from '../support/shop-script.ts'

const base = shopScript()
const broken = failing('CheckFailed', 'it broke here')
const touching: readonly ActivityName[] = [
  'stopService',
  'stopDatabase',
  'saveTail',
  'takeOver',
  'promoteAside',
  'swapIn',
  'startClosed',
  'protectAgain',
  'changeDns',
  'openDatabase',
  'startService',
]
const undoing: readonly ActivityName[] = ['giveBack', 'swapBack', 'stopClosed', 'startOldDatabase', 'startService', 'discardAside', 'protectOld']

describe('a failover', function () {
  this.timeout(60_000)
  let stage: Stage

  before(async () => {
    stage = await openStage()
  })
  after(async () => {
    await stage?.close()
  })

  let number = 0
  async function begin(changes: Partial<Script>, input: object = {}, type = 'failover'): Promise<{ play: Play; handle: WorkflowHandle }> {
    const play = stage.play({ ...base, ...changes }, `move-${(number += 1)}`)
    return { play, handle: await stage.start(type, `target/${play.system}`, { system: play.system, requestedBy: 'alice', ...input }) }
  }

  it('stops the old side in order, saves its tail, takes over, and only then promotes and opens', async () => {
    const { play, handle } = await begin({ observeTargets: oldSide })
    const result = (await handle.result()) as MoveResult
    assert.equal(result.fence?.by, 'agents')
    assert.deepEqual(play.order(...touching), [
      'stopService web',
      'stopService mailer',
      'stopDatabase database',
      'saveTail database',
      'takeOver',
      'promoteAside database',
      'swapIn database',
      'swapIn uploads',
      'startClosed database',
      'protectAgain database',
      'changeDns app.shop.example. A',
      'openDatabase database',
      'startService worker',
      'startService web',
    ])
    const [taken] = play.calls('takeOver')
    assert.deepEqual(taken?.input.replayed, [{ component: 'database', incarnation: 'a1b2c3d4e5f6', replayedLsn: '0/5000100' }])
  })

  it('takes a standby over before it fetches the WAL that leads on from it, and gives it back where it does not go on', async () => {
    const steps = ['adoptStandby', 'restoreDatabaseAside', 'prefetchWal', 'holdAtTarget', 'promoteAside', 'discardAside'] as const
    const good = await begin({ observeTargets: oldSide, planRestore: fromStandby })
    assert.equal(((await good.handle.result()) as MoveResult).outcome, 'succeeded')
    assert.deepEqual(good.play.order(...steps), ['adoptStandby database', 'prefetchWal database', 'holdAtTarget database', 'promoteAside database'])
    const bad = await begin({ observeTargets: oldSide, planRestore: fromStandby, checkRestored: broken })
    await assert.rejects(bad.handle.result())
    assert.deepEqual(bad.play.order(...steps).slice(0, 3), ['adoptStandby database', 'prefetchWal database', 'holdAtTarget database'])
    assert.ok(bad.play.order('discardAside').includes('discardAside database'))
  })

  it('prepares while it waits for approval, and touches nothing of the old side before there is one', async () => {
    const { play, handle } = await begin({ observeTargets: oldSide, planRestore: shopRestorePlan({ approvals: { count: 1 } }) })
    await untilPhase(handle, 'waiting for approval')
    await until('the copy to be held', () => play.calls('checkRestored').length > 0)
    assert.deepEqual(play.order(...touching), [])
    await handle.executeUpdate('approve', { args: [{ plan: (await handle.describe()).memo?.['plan'], person: 'bob' }] })
    assert.equal(((await handle.result()) as MoveResult).approvals[0]?.person, 'bob')
  })

  it('waits for two people where nobody answers on the old side, and refuses one person twice and another plan', async () => {
    const { play, handle } = await begin({ observeTargets: oldSideGone })
    await untilPhase(handle, 'fence: waiting for people')
    const plan = (await handle.describe()).memo?.['plan']
    const say = (person: string, more: object = {}) =>
      handle.executeUpdate('attest', { args: [{ plan, person, statement: 'the power of db1 is off, I stand before it', ...more }] })
    assert.match((await refusalOf(say('alice', { plan: 'f'.repeat(64) }))).message, /the plan is/)
    assert.match((await refusalOf(say('alice', { statement: 'off' }))).message, /statement/)
    assert.deepEqual(await say('alice'), { missing: 1 })
    assert.match((await refusalOf(say('alice'))).message, /another person is needed/)
    assert.equal(play.calls('takeOver').length, 0)
    await say('bob')
    const result = (await handle.result()) as MoveResult
    assert.equal(result.fence?.by, 'people')
    assert.match(result.fence?.detail ?? '', /alice: .*; bob: /)
    assert.deepEqual(play.order('stopService', 'stopDatabase', 'saveTail'), [])
  })

  it('takes the proof of the fence command, and asks people where that does not hold', async () => {
    const ways = { observeTargets: oldSideGone, scopeMove: fencedBy('agents', 'command', 'people') }
    const good = await begin(ways)
    assert.equal(((await good.handle.result()) as MoveResult).fence?.by, 'command')
    const bad = await begin({ ...ways, runFence: failing('CheckFailed', 'the power is still on') })
    await attestBy('alice', 'bob')(bad.handle)
    assert.equal(((await bad.handle.result()) as MoveResult).fence?.by, 'people')
    const told = bad.play.calls('notifyPeople').map(({ input }) => input.notice)
    assert.ok(told.some(({ event, body }) => event === 'alarm' && body.includes('the power is still on')))
  })

  it('does not take the word of agents under suspicion: what they fail with holds nothing up, people say it, and the plan tells', async () => {
    const warning = 'alpha under suspicion since 2026-11-20T02:00:00.000Z'
    const scopeMove: Script['scopeMove'] = async (input, attempt) => ({ ...(await fencedBy('people')(input, attempt)), warnings: [warning] })
    const { play, handle } = await begin({ observeTargets: oldSide, scopeMove, stopDatabase: failing('CommandFailed', 'no, says the host') })
    await attestBy('alice', 'bob')(handle)
    const result = (await handle.result()) as MoveResult
    assert.equal(result.fence?.by, 'people')
    assert.ok(result.plan.forecast.warnings.includes(warning))
    const told = play.calls('notifyPeople').map(({ input }) => input.notice)
    assert.ok(told.some(({ event, body }) => event === 'alarm' && body.includes('what its agents say proves nothing') && body.includes('no, says the host')))
  })

  it('gives the site back before the old side is started again, newest step first', async () => {
    const { play, handle } = await begin({
      observeTargets: oldSide,
      checkRestored: (input, attempt) => (input.where === 'closed' ? broken() : base.checkRestored(input, attempt)),
    })
    const end = await endOf(handle)
    assert.equal(end.type, 'CheckFailed')
    assert.match(end.message, /rolled back/)
    assert.deepEqual(play.order(...undoing), [
      'stopClosed database',
      'swapBack uploads',
      'swapBack database',
      'giveBack',
      'startOldDatabase database',
      'startService web',
      'discardAside uploads',
      'discardAside database',
    ])
    assert.equal((await handle.describe()).memo?.['outcome'], 'rolled-back')
  })

  describe('whose old host dies after the plan found WAL there', () => {
    const planRestore = shopRestorePlan({ tail: true })
    const answer = (handle: WorkflowHandle, action: string) =>
      handle.executeUpdate('correct', { args: [{ action, person: 'bob', reason: 'its disk is gone' }] })

    it('asks whether to go on without it, and does when a person says so', async () => {
      const { play, handle } = await begin({ planRestore, observeTargets: oldSideDying(99) })
      await attestBy('alice', 'bob')(handle)
      await untilPhase(handle, 'paused: lost tail')
      assert.deepEqual(play.order('takeOver'), [], 'nothing is decided yet')
      // Its phase is told before people are: whoever looks at once sees the one without the other.
      const told = () => play.calls('notifyPeople').find(({ input }) => input.notice.subject.includes('would lose the tail'))?.input.notice.body
      await until('somebody to be told', () => told() !== undefined)
      assert.match(told() ?? '', /it could not be saved: database comes back to 2026-11-21T02:14:00.000000Z only/)
      assert.match(told() ?? '', /muster resume .* --accept-loss --reason TEXT/)
      await answer(handle, 'acceptLoss')
      assert.equal(((await handle.result()) as MoveResult).outcome, 'succeeded')
      assert.deepEqual(play.order('saveTail'), [])
    })

    it('saves it after all when the host is back, and a person says to try again', async () => {
      const { play, handle } = await begin({ planRestore, observeTargets: oldSideDying(1) })
      await attestBy('alice', 'bob')(handle)
      await untilPhase(handle, 'paused: lost tail')
      await answer(handle, 'retry')
      assert.equal(((await handle.result()) as MoveResult).outcome, 'succeeded')
      assert.deepEqual(play.order('saveTail', 'replayTail', 'takeOver'), ['saveTail database', 'replayTail database', 'takeOver'])
    })

    it('is rolled back when a person gives up, and asks nobody where the loss was accepted before', async () => {
      const { handle } = await begin({ planRestore, observeTargets: oldSideDying(99) })
      await attestBy('alice', 'bob')(handle)
      await untilPhase(handle, 'paused: lost tail')
      await answer(handle, 'giveUp')
      const end = await endOf(handle)
      assert.equal(end.type, 'OutOfBounds')
      assert.match(end.message, /bob gave up: its disk is gone; the plan found WAL at the old side/)
      const accepted = await begin({ planRestore, observeTargets: oldSideDying(99) }, { acceptLoss: true })
      await attestBy('alice', 'bob')(accepted.handle)
      assert.equal(((await accepted.handle.result()) as MoveResult).outcome, 'succeeded')
    })
  })

  it('that would lose more than it may is shown, and begins only when somebody accepts it', async () => {
    const planRestore = shopRestorePlan({ beyond: 'database: commits after 02:14: up to 1 h of commits would be lost, and maxLoss is 5 min' })
    const shown = await begin({ planRestore, observeTargets: oldSide }, { planOnly: true })
    assert.match(((await shown.handle.result()) as MoveResult).plan.forecast.beyond ?? '', /maxLoss is 5 min/)
    const refused = await begin({ planRestore, observeTargets: oldSide })
    const end = await endOf(refused.handle)
    assert.equal(end.type, 'OutOfBounds')
    assert.match(end.message, /up to 1 h of commits would be lost, and maxLoss is 5 min. Accept it: muster failover .* --accept-loss/)
    assert.deepEqual(refused.play.order('restoreDatabaseAside', ...touching), [])
    const accepted = await begin({ planRestore, observeTargets: oldSide }, { acceptLoss: true })
    const result = (await accepted.handle.result()) as MoveResult
    assert.deepEqual([result.outcome, result.plan.decision.move?.acceptLoss], ['succeeded', true])
  })

  it('asks a person about a name server without the new answer, and puts the record back when they give up', async () => {
    const { play, handle } = await begin({
      observeTargets: oldSide,
      observeDns: async (input, attempt) => ({ ...(await base.observeDns(input, attempt)), everywhere: false, summary: 'ns2 answers 192.0.2.1' }),
    })
    await untilPhase(handle, 'paused: dns')
    await handle.executeUpdate('correct', { args: [{ action: 'giveUp', person: 'bob', reason: 'ns2 stays as it is' }] })
    const end = await endOf(handle)
    assert.match(end.message, /bob gave up: ns2 stays as it is; .*ns2 answers 192.0.2.1/)
    const changes = play.calls('changeDns').map(({ input }) => [input.toSite, input.expected.values.join()])
    assert.deepEqual(
      changes.map(([toSite]) => toSite),
      ['dr', 'primary'],
    )
    assert.notEqual(changes[0]?.[1], changes[1]?.[1])
    assert.deepEqual(play.order('openDatabase'), [])
  })

  it('is refused when a record could not be changed, before anything is prepared', async () => {
    const problem = { type: 'PreconditionFailed' as const, message: 'every server that takes updates stands at site primary', hint: 'add one' }
    const { play, handle } = await begin({
      observeTargets: oldSide,
      planDns: async (input, attempt) => {
        const { records } = await base.planDns(input, attempt)
        return { records: records.map((one) => ({ ...one, problems: [problem] })) }
      },
    })
    assert.match((await endOf(handle)).message, /every server that takes updates stands at site primary; add one/)
    assert.equal(play.calls('restoreDatabaseAside').length, 0)
  })

  it('backs trees up after the stop and restores exactly that backup where it is planned, and is refused without an agent', async () => {
    const { play, handle } = await begin({ observeTargets: oldSide }, {}, 'switchover')
    await handle.result()
    const order = play.order('stopDatabase', 'produceBackup', 'restoreTreeAside', 'takeOver').filter((step) => step !== 'produceBackup database')
    assert.deepEqual(order.slice(0, 4), ['stopDatabase database', 'produceBackup uploads', 'restoreTreeAside uploads', 'takeOver'])
    const { input } = play.calls('restoreTreeAside')[0] ?? assert.fail('no tree was restored')
    assert.match(input.decision.backup, /-uploads$/)
    const alone = await begin({ observeTargets: oldSideGone }, {}, 'failback')
    const end = await endOf(alone.handle)
    assert.equal(end.type, 'AgentAbsent')
    assert.match(end.message, /muster failover/)
  })

  it('applies the rules of a tree to the backup that was made after the stop', async () => {
    const tree = { ...ruledUploads, backup: madeAfterStop }
    const planRestore = shopRestorePlan({ decision: { components: [{ ...database, running: false }, tree] } })
    const { play, handle } = await begin({ observeTargets: oldSide, planRestore }, {}, 'switchover')
    const { trees, plan } = (await handle.result()) as MoveResult
    assert.equal(plan.decision.components[1]?.backup, madeAfterStop)
    const restored = play.calls('restoreTreeAside')[0]?.input.decision
    assert.notEqual(restored?.backup, madeAfterStop)
    assert.deepEqual(play.calls('applyTreeRules')[0]?.input.decision, restored)
    assert.deepEqual(trees?.['uploads']?.substituted, [{ files: 1, replaced: 2 }])
  })

  it('leaves the old side alone when nothing can be restored at the other', async () => {
    const { play, handle } = await begin({
      observeTargets: oldSide,
      planRestore: shopRestorePlan({ approvals: { count: 1 } }),
      holdAtTarget: failing('WalGap', 'WAL is missing after 0/5000000'),
    })
    const end = await endOf(handle)
    assert.equal(end.type, 'WalGap')
    assert.deepEqual(play.order(...touching), [])
  })

  it('cleans up and takes nothing over when it is cancelled while it waits for people', async () => {
    const { play, handle } = await begin({ observeTargets: oldSideGone })
    await untilPhase(handle, 'fence: waiting for people')
    await handle.cancel()
    await endOf(handle)
    assert.deepEqual(play.order(...undoing), ['discardAside uploads', 'discardAside database'])
    assert.equal(play.calls('takeOver').length, 0)
    assert.equal((await handle.describe()).memo?.['outcome'], 'cancelled')
  })

  it('starts again what it stopped when it is cancelled while the tail is saved', async () => {
    const { play, handle } = await begin({ observeTargets: oldSide, saveTail: untilCancelled() })
    await until('saveTail', () => play.calls('saveTail').length > 0)
    await handle.cancel()
    await endOf(handle)
    assert.deepEqual(play.order('startOldDatabase', 'startService'), ['startOldDatabase database', 'startService web'])
  })
})
