import assert from 'node:assert/strict'
import type { WorkflowHandle } from '@temporalio/client'
import { lookAtRun } from '../../clients/runs.ts'
import { waysOn } from '../../domain/ways-on.ts'
import type { Paused } from '../../workflows/messages.ts'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { besideEachOther } from '../support/beside-each-other.ts'
import {
  endOf,
  failing,
  failingTimes,
  openStage,
  type Play,
  refusalOf,
  type Script,
  type Stage,
  until,
  untilCancelled,
  untilPhase,
  when,
} from '../support/scripted-activities.ts'
import { type ShopPlan, shopRestorePlan, shopScript } from '../support/shop-script.ts'

const base = shopScript()
const notProtected = 'not protected: waiting for a person'
const undoing = ['protectOld', 'stopClosed', 'swapBack', 'startOldDatabase', 'discardAside'] as const

describe('a restore that pauses for a person', function () {
  this.timeout(60_000)
  let stage: Stage

  before(async () => {
    stage = await openStage()
  })
  after(() => stage?.close())
  const test = besideEachOther()

  const begin = async (changes: Partial<Script>, shop: ShopPlan = {}): Promise<{ play: Play; handle: WorkflowHandle }> => {
    const play = stage.play({ ...base, planRestore: shopRestorePlan(shop), ...changes })
    return { play, handle: await stage.start('restoreSystem', `target/${play.system}`, { system: play.system, requestedBy: 'alice' }) }
  }
  const correct = (handle: WorkflowHandle, input: object) =>
    handle.executeUpdate<unknown, [object]>('correct', { args: [{ person: 'bob', reason: 'the link is mended', ...input }] })
  const alarms = (play: Play) => play.calls('notifyPeople').filter(({ input }) => input.notice.event === 'alarm')

  test('tells people why it is not protected, and goes on without the named store', async () => {
    const { play, handle } = await begin({
      protectAgain: (input, attempt) =>
        input.openWith.includes('offsite') ? base.protectAgain(input, attempt) : failing('NotProtected', 'offsite does not answer')(),
    })
    await untilPhase(handle, notProtected)
    assert.deepEqual(play.calls('openDatabase'), [])
    const { paused } = await lookAtRun(handle)
    assert.deepEqual(paused, { problem: 'offsite does not answer', allowed: ['retry', 'openWith', 'giveUp'] })
    assert.match(waysOn(handle.workflowId, paused as Paused).join('\n'), new RegExp(`muster resume ${handle.workflowId} --open-with STORE --reason TEXT`))
    await until('the alarm', () => alarms(play).length === 1)
    assert.match(
      alarms(play)[0]?.input.notice.body ?? '',
      new RegExp(`^offsite does not answer\n[^]*muster resume ${handle.workflowId} --open-with STORE --reason TEXT`),
    )
    assert.deepEqual(await correct(handle, { action: 'openWith', stores: ['offsite'] }), { accepted: true })
    assert.equal(((await handle.result()) as RestoreResult).outcome, 'succeeded')
    assert.equal((await lookAtRun(handle)).paused, null)
    const [first, second] = play.calls('protectAgain')
    assert.deepEqual([first?.input.openWith, second?.input.openWith], [[], ['offsite']])
    assert.equal(second?.input.by, 'bob')
    assert.equal(first?.input.incarnation, second?.input.incarnation)
  })

  test('goes on when the store answers again', async () => {
    const { play, handle } = await begin({ protectAgain: failingTimes(2, 'NotProtected', 'offsite does not answer', base.protectAgain) })
    await untilPhase(handle, notProtected)
    await correct(handle, { action: 'retry' })
    await until('the second alarm', () => alarms(play).length === 2)
    await untilPhase(handle, notProtected)
    await correct(handle, { action: 'retry' })
    assert.equal(((await handle.result()) as RestoreResult).outcome, 'succeeded')
    assert.equal(play.calls('protectAgain').length, 3)
  })

  test('rolls back when the person gives up, with the person’s reason', async () => {
    const { play, handle } = await begin({ protectAgain: failing('NotProtected', 'offsite does not answer') })
    await untilPhase(handle, notProtected)
    await correct(handle, { action: 'giveUp', reason: 'the old one is good enough' })
    const end = await endOf(handle)
    assert.equal(end.type, 'NotProtected')
    assert.match(end.message, /bob gave up: the old one is good enough; offsite does not answer/)
    assert.deepEqual(play.order(...undoing), [
      'stopClosed database',
      'swapBack uploads',
      'swapBack database',
      'startOldDatabase database',
      'discardAside uploads',
      'discardAside database',
      'protectOld database',
    ])
    assert.deepEqual(play.calls('protectOld')[0]?.input.stopped, { lsn: '0/5000180', at: '2026-11-21T02:20:01.000Z' })
    assert.deepEqual(play.calls('openDatabase'), [])
  })

  test('rolls back when nobody answers in time', async () => {
    const { play, handle } = await begin({ protectAgain: failing('NotProtected', 'offsite does not answer') }, { limits: { correctionSeconds: 0.3 } })
    const end = await endOf(handle)
    assert.equal(end.type, 'Timeout')
    assert.match(end.message, /nobody corrected the paused run within 0.3 s: offsite does not answer/)
    assert.equal(play.order('swapBack').length, 2)
  })

  test('rolls back when it is cancelled while it waits', async () => {
    const { play, handle } = await begin({ protectAgain: failing('NotProtected', 'offsite does not answer') })
    await untilPhase(handle, notProtected)
    await handle.cancel()
    assert.equal((await endOf(handle)).ended, 'cancelled')
    assert.equal(play.order('swapBack').length, 2)
  })

  test('refuses a correction that is none, or that is not possible now, without recording it', async () => {
    const { handle } = await begin({ protectAgain: failing('NotProtected', 'offsite does not answer') })
    await untilPhase(handle, notProtected)
    assert.match((await refusalOf(correct(handle, { action: 'openWith' }))).message, /openWith names the stores that may be missing/)
    assert.match((await refusalOf(correct(handle, { action: 'again' }))).message, /a right input is \{"action":"retry"/)
    assert.match((await refusalOf(correct(handle, { action: 'retry', reason: '' }))).message, /reason: /)
    const { events } = await handle.fetchHistory()
    assert.equal((events ?? []).filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes).length, 0)
    await handle.terminate()
  })

  test('takes one correction when two arrive at once', async () => {
    // Whichever is first, the run does not pause again before the other one is there.
    const { handle } = await begin({ protectAgain: failingTimes(1, 'NotProtected', 'offsite does not answer', untilCancelled()) })
    await untilPhase(handle, notProtected)
    const answers = await Promise.allSettled([correct(handle, { action: 'giveUp' }), correct(handle, { action: 'retry', person: 'carol' })])
    assert.deepEqual(answers.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    await handle.terminate().catch(() => undefined)
  })

  const steps: readonly [title: string, changes: Partial<Script>, what: string, phase: string][] = [
    ['the database does not open', { openDatabase: failingTimes(1, 'CheckFailed', 'it broke here', base.openDatabase) }, 'open database', 'open'],
    [
      'a service does not start',
      { startService: when('web', failingTimes(1, 'CheckFailed', 'it broke here', base.startService), base.startService) },
      'start web',
      'open',
    ],
    [
      'a service is not healthy',
      { awaitHealthy: when('worker', failingTimes(1, 'CheckFailed', 'it broke here', base.awaitHealthy), base.awaitHealthy) },
      'health of worker',
      'health',
    ],
    [
      'the safety set cannot be recorded',
      { keepSafetySet: failingTimes(1, 'CheckFailed', 'it broke here', base.keepSafetySet) },
      'keep the safety set of database',
      'commit',
    ],
  ]
  for (const [title, changes, what, phase] of steps) {
    test(`never rolls back after the point of no return, but waits for a retry, when ${title}`, async () => {
      const { play, handle } = await begin(changes)
      await untilPhase(handle, `paused: ${what}`)
      await until('the alarm', () => alarms(play).length === 1)
      assert.match(alarms(play)[0]?.input.notice.body ?? '', /it broke here\nThe old data is kept/)
      const refusal = await refusalOf(correct(handle, { action: 'giveUp' }))
      assert.match(refusal.message, /"giveUp" is not possible now; possible: retry/)
      await correct(handle, { action: 'retry' })
      assert.equal(((await handle.result()) as RestoreResult).outcome, 'succeeded')
      assert.deepEqual(play.order(...undoing), [])
      const { currentDetails } = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata')
      assert.match(currentDetails ?? '', new RegExp(`- ${phase} ✓\\n- paused: ${what} ✓\\n- ${phase} ✓`))
    })
  }

  test('keeps the restored system open when nobody answers after the point of no return', async () => {
    const { play, handle } = await begin({ openDatabase: failing('CheckFailed', 'it broke here') }, { limits: { correctionSeconds: 0.3 } })
    const end = await endOf(handle)
    assert.equal(end.type, 'Timeout')
    assert.match(end.message, /nobody corrected the paused run.*the old data is kept as the safety set/)
    assert.deepEqual(play.order(...undoing), [])
    assert.equal(play.calls('notifyPeople').at(-1)?.input.notice.severity, 'critical')
    assert.equal((await handle.describe()).memo?.['outcome'], 'failed')
  })

  test('keeps the restored system open when it is cancelled after the point of no return', async () => {
    const { play, handle } = await begin({ awaitHealthy: failing('ServiceUnhealthy', 'HTTP 503') })
    await untilPhase(handle, 'paused: health of web')
    await handle.cancel()
    assert.equal((await endOf(handle)).ended, 'cancelled')
    assert.deepEqual(play.order(...undoing), [])
  })
})
