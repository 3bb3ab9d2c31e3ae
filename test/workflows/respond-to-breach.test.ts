import assert from 'node:assert/strict'
import type { WorkflowHandle } from '@temporalio/client'
import type { RespondToBreachResult } from '../../workflows/messages.ts'
import { shopBreachScope } from '../support/breach-script.ts'
import { oldSide, oldSideGone } from '../support/move-script.ts'
import {
  type ActivityName,
  endOf,
  failing,
  failingTimes,
  openStage,
  type Play,
  type Script,
  type Stage,
  until,
  untilCancelled,
  untilPhase,
} from '../support/scripted-activities.ts'
import { shopScript } from '../support/shop-script.ts'

const base = shopScript()
const since = '2026-11-21T02:14:00Z'
const acting: readonly ActivityName[] = [
  'noteSuspicion',
  'isolateHosts',
  'stopService',
  'stopDatabase',
  'takeForensicCopy',
  'examineCandidate',
  'runFence',
  'takeOver',
  'promoteAside',
  'rotateRole',
  'rotateByCommand',
  'changeDns',
  'openDatabase',
]

describe('the answer to a breach', function () {
  this.timeout(60_000)
  let stage: Stage

  before(async () => {
    stage = await openStage()
  })
  after(async () => {
    await stage?.close()
  })

  let number = 0
  async function begin(changes: Partial<Script> = {}, input: object = {}): Promise<{ play: Play; handle: WorkflowHandle; child: WorkflowHandle }> {
    const play = stage.play({ ...base, observeTargets: oldSide, ...changes }, `breach-${(number += 1)}`)
    const { system } = play
    const handle = await stage.start('respondToBreach', `target/${system}`, { system, since, hosts: ['localhost'], requestedBy: 'alice', ...input })
    return { play, handle, child: stage.client.workflow.getHandle(`target/${system}/recover`) }
  }

  const correct = (handle: WorkflowHandle, answer: object) =>
    handle.executeUpdate('correct', { args: [{ person: 'bob', reason: 'looked through', ...answer }] })
  const isThere = async (child: WorkflowHandle) =>
    until('the failover', () =>
      child.describe().then(
        () => true,
        () => false,
      ),
    )

  /** Lets the review pass. */
  async function open(child: WorkflowHandle): Promise<void> {
    await isThere(child)
    await untilPhase(child, 'paused: review before opening')
    await correct(child, { action: 'retry' })
  }

  it('isolates before it copies, copies before it tries, and changes what was known before it opens', async () => {
    const { play, handle, child } = await begin()
    await open(child)
    const result = (await handle.result()) as RespondToBreachResult
    assert.equal(result.outcome, 'succeeded')
    assert.equal(result.point, '2026-11-21T02:13:59.999000Z')
    const order = play.order(...acting)
    const at = (label: string) => {
      const index = order.indexOf(label)
      assert.ok(index >= 0, `${label} in ${order.join(', ')}`)
      return index
    }
    assert.equal(at('noteSuspicion'), 0, 'readers first')
    for (const stopped of ['isolateHosts', 'stopService web', 'stopDatabase database']) assert.ok(at(stopped) < at('takeForensicCopy database'))
    assert.ok(at('takeForensicCopy uploads') < at('examineCandidate'))
    assert.ok(at('examineCandidate') < at('takeOver'))
    assert.ok(at('promoteAside database') < at('rotateRole database'))
    assert.ok(at('rotateRole database') < at('rotateByCommand'))
    assert.ok(at('rotateByCommand') < at('changeDns app.shop.example. A'))
    assert.deepEqual(
      result.copies.map(({ component, store }) => `${component} ${store}`),
      ['database local', 'database offsite', 'uploads local', 'uploads offsite'],
    )
  })

  it('does not believe the agents of a suspected host, though they answer', async () => {
    const { play, handle, child } = await begin()
    await open(child)
    const result = (await handle.result()) as RespondToBreachResult
    assert.equal(result.moved?.fence?.by, 'command')
    assert.equal(play.calls('runFence').length, 1)
    const replayed = play.calls('takeOver')[0]?.input.replayed
    assert.deepEqual(replayed, [{ component: 'database', incarnation: 'a1b2c3d4e5f6', replayedLsn: '0/4000100' }], 'the tail is stored, not in service')
    assert.equal(play.calls('replayTail').length, 0)
  })

  it('shows the person what a scanner, the difference and the roles say', async () => {
    const { play, handle, child } = await begin()
    await isThere(child)
    await untilPhase(child, 'paused: review before opening')
    const paused = (await child.query('paused')) as { problem: string }
    for (const line of [/added: role database: backdoor/, /still have the password .*report/, /the access logs/, /isolated by firewall, and its proof holds/])
      assert.match(paused.problem, line)
    assert.equal(play.calls('changeDns').length, 0)
    await correct(child, { action: 'retry' })
    const { review } = (await handle.result()) as RespondToBreachResult
    assert.ok(review.some((line) => /backdoor/.test(line)))
  })

  it('goes on to an older point where a scanner finds something, and to none where nothing holds', async () => {
    const found = failing('CheckFailed', 'scanner rootkit: found /usr/bin/.x')
    const first: Script['examineCandidate'] = (input, attempt) => (input.name === 'candidate-1' ? found() : base.examineCandidate(input, attempt))
    const { handle, child } = await begin({ examineCandidate: first })
    await open(child)
    const result = (await handle.result()) as RespondToBreachResult
    assert.equal(result.point, '2026-11-20T02:00:09.001000Z')
    assert.deepEqual(
      result.checks.map(({ ok }) => ok),
      [true, false, true],
    )
    assert.match(result.checks[1]?.detail ?? '', /\.x/)

    const none = await begin({ examineCandidate: (input, attempt) => (input.scan ? found() : base.examineCandidate(input, attempt)) })
    const { type, message } = await endOf(none.handle)
    assert.equal(type, 'CheckFailed')
    assert.match(message, /none of 2 recovery points .* stays isolated/)
    assert.deepEqual(none.play.order('takeOver', 'startOldDatabase', 'startService'), [], 'nothing is opened, and nothing of the old side is started')
  })

  it('does not take a store that is out for a bad candidate', async () => {
    const { play, handle } = await begin({ planDrill: failing('IdentityMissing', 'the age identity cannot be read on this host') })
    const { type } = await endOf(handle)
    assert.equal(type, 'IdentityMissing')
    assert.equal(play.calls('takeOver').length, 0)
  })

  it('isolates nothing before there is an approval', async () => {
    const approvals = { count: 1, accept: 'claimed', requesterMay: false, requester: 'alice' } as const
    const { play, handle } = await begin({ scopeBreach: shopBreachScope(base.scopeMove, { approvals }) })
    await untilPhase(handle, 'waiting for approval')
    assert.deepEqual(play.order(...acting), [])
    const plan = (await handle.describe()).memo?.['plan']
    await assert.rejects(handle.executeUpdate('approve', { args: [{ plan, person: 'alice' }] }))
    await handle.executeUpdate('approve', { args: [{ plan, person: 'bob', decision: 'reject', note: 'a false alarm' }] })
    const { type, message } = await endOf(handle)
    assert.equal(type, 'ApprovalRejected')
    assert.match(message, /nothing was isolated/)
    assert.deepEqual(play.order(...acting), [])
  })

  it('goes on where the network cannot be cut, an agent is gone or a copy fails, and says each to the reviewer', async () => {
    const { handle, child } = await begin({
      isolateHosts: failing('CheckFailed', 'its proof is-isolated does not hold'),
      observeTargets: oldSideGone,
      takeForensicCopy: failing('SourceUnreadable', '/srv/shop/postgresql does not exist'),
    })
    await open(child)
    const { review, outcome } = (await handle.result()) as RespondToBreachResult
    assert.equal(outcome, 'succeeded')
    for (const line of [/is-isolated does not hold/, /no agent answered on localhost/, /forensic copy of database on localhost: .*does not exist/])
      assert.ok(
        review.some((one) => line.test(one)),
        `${line} in ${review.join('; ')}`,
      )
  })

  it('pauses at a rotation that fails, takes the move back where a person gives up, and leaves the old side isolated', async () => {
    const { play, handle, child } = await begin({ rotateByCommand: failing('PreconditionFailed', 'rotate-session-key ended with 1') })
    await isThere(child)
    await untilPhase(child, 'paused: rotate session-key')
    assert.equal(play.calls('openDatabase').length, 0)
    await correct(child, { action: 'giveUp' })
    const { type, message } = await endOf(handle)
    assert.equal(type, 'PreconditionFailed')
    assert.match(message, /stays isolated/)
    assert.ok(play.order('giveBack', 'swapBack').includes('giveBack'))
    assert.deepEqual(play.order('startService', 'startOldDatabase'), [], 'though it was seen to run again')
  })

  it('does a rotation again that a person has mended, and the others once', async () => {
    const { play, handle, child } = await begin({ rotateByCommand: failingTimes(1, 'PreconditionFailed', 'no answer', base.rotateByCommand) })
    await isThere(child)
    await untilPhase(child, 'paused: rotate session-key')
    await correct(child, { action: 'retry' })
    await open(child)
    assert.equal(((await handle.result()) as RespondToBreachResult).outcome, 'succeeded')
    assert.equal(play.calls('rotateRole').length, 1)
    assert.equal(play.calls('rotateByCommand').length, 2)
  })

  it('stays isolated when it is cancelled', async () => {
    const { play, handle } = await begin({ takeForensicCopy: untilCancelled() })
    await until('the copy', () => play.calls('takeForensicCopy').length > 0)
    await handle.cancel()
    const { type } = await endOf(handle)
    assert.equal(type, 'Cancelled')
    assert.deepEqual(play.order('startService', 'startOldDatabase'), [])
    const [written] = play.calls('writeEvidence').filter(({ input }) => input.evidence.procedure === 'respondToBreach')
    assert.equal(written?.input.decision?.format, 'muster-breach-1')
    assert.equal(written?.input.evidence.outcome, 'cancelled')
  })

  it('is not held up by what a suspected host answers', async () => {
    const refused = failing('PreconditionFailed', 'the data directory is gone')
    const { play, handle, child } = await begin({ stopService: refused, stopDatabase: refused, saveTail: refused })
    await open(child)
    const { outcome, review } = (await handle.result()) as RespondToBreachResult
    assert.equal(outcome, 'succeeded')
    assert.ok(
      review.some((line) => /failed: stop database on localhost: the data directory is gone/.test(line)),
      review.join('; '),
    )
    assert.ok(play.calls('stopDatabase').length >= 2, 'though a service before it could not be stopped')
  })

  it('is isolated though no store takes the note, and goes no further without it', async () => {
    const { play, handle } = await begin({ noteSuspicion: failing('StoreReadOnly', 'no store takes it') })
    const { type, message } = await endOf(handle)
    assert.equal(type, 'StoreReadOnly')
    assert.match(message, /stays isolated/)
    assert.ok(play.order('isolateHosts', 'stopDatabase').includes('isolateHosts'))
    assert.ok(play.order('stopDatabase').includes('stopDatabase database'))
    assert.equal(play.calls('takeForensicCopy').length + play.calls('examineCandidate').length, 0)
  })

  it('says where the system is when it is cancelled while it opens', async () => {
    let opened = false
    const openDatabase: Script['openDatabase'] = async (input, attempt) => {
      opened = true
      return untilCancelled()().catch(() => base.openDatabase(input, attempt))
    }
    const scopeMove: Script['scopeMove'] = (input, attempt) => (opened ? failing('WrongTarget', 'it is active at site dr')() : base.scopeMove(input, attempt))
    const { play, handle, child } = await begin({ openDatabase, scopeMove })
    await open(child)
    await until('the opening', () => opened)
    await handle.cancel()
    await endOf(handle)
    const told = play.calls('notifyPeople').map(({ input }) => input.notice)
    const last = told.filter(({ procedure }) => procedure === 'respondToBreach').at(-1)
    assert.match(last?.body ?? '', /is active at site dr now; the old side stays isolated; its failover was cut off while it opened/)
    assert.match(last?.body ?? '', /muster status .*, start database and services .*, then: muster apply .*, muster backup /)
  })

  it('does not say that nothing is served where the records say that it has moved', async () => {
    let began = false
    const rotateByCommand: Script['rotateByCommand'] = () => {
      began = true
      return failing('PreconditionFailed', 'no')()
    }
    const scopeMove: Script['scopeMove'] = (input, attempt) => (began ? failing('WrongTarget', 'it is active at site dr')() : base.scopeMove(input, attempt))
    const { handle, child } = await begin({ rotateByCommand, scopeMove, giveBack: failing('StoreReadOnly', 'no store takes it') })
    await isThere(child)
    await untilPhase(child, 'paused: rotate session-key')
    await correct(child, { action: 'giveUp' })
    const { message } = await endOf(handle)
    assert.match(message, /is active at site dr now/)
    assert.doesNotMatch(message, /nothing is served|go on: muster scenario/)
  })

  it('takes what was removed from a store for a bad candidate, and goes on', async () => {
    const gone = failing('ObjectMissing', 'backups/shop/database/x is missing')
    const { handle, child } = await begin({
      planDrill: (input, attempt) => ('at' in input && input.at === '2026-11-21T02:13:59.999000Z' ? gone() : base.planDrill(input, attempt)),
    })
    await open(child)
    assert.equal(((await handle.result()) as RespondToBreachResult).point, '2026-11-20T02:00:09.001000Z')
  })

  it('runs under the id of its system alone', async () => {
    const { system } = stage.play(base, 'breach-other')
    const handle = await stage.start('respondToBreach', 'breach-of-mine', { system, since, hosts: ['localhost'] })
    assert.match((await endOf(handle)).message, /runs under the id "target\/breach-other"/)
  })
})
