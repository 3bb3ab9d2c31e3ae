import assert from 'node:assert/strict'
import type { WorkflowHandle } from '@temporalio/client'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { besideEachOther } from '../support/beside-each-other.ts'
import { endOf, openStage, type Play, refusalOf, type Stage, untilPhase } from '../support/scripted-activities.ts'
import { type ShopPlan, shopRestorePlan, shopScript } from '../support/shop-script.ts'

const base = shopScript()
const other = 'f'.repeat(64)

describe('approval of a restore', function () {
  this.timeout(60_000)
  let stage: Stage

  before(async () => {
    stage = await openStage()
  })
  after(() => stage?.close())
  const test = besideEachOther()

  const play = (shop: ShopPlan = {}) => stage.play({ ...base, planRestore: shopRestorePlan({ ...shop, approvals: { count: 1, ...shop.approvals } }) })
  const start = (one: Play, input: object = {}) => stage.start('restoreSystem', `target/${one.system}`, { system: one.system, requestedBy: 'alice', ...input })
  const waiting = async (one: Play, input: object = {}) => {
    const handle = await start(one, input)
    await untilPhase(handle, 'waiting for approval')
    return { handle, plan: String((await handle.describe()).memo?.['plan']) }
  }
  const answer = (handle: WorkflowHandle, input: object) => handle.executeUpdate<unknown, [object]>('approve', { args: [input] })
  const updatesIn = async (handle: WorkflowHandle) =>
    ((await handle.fetchHistory()).events ?? []).filter(
      (event) => event.workflowExecutionUpdateAcceptedEventAttributes ?? event.workflowExecutionUpdateAdmittedEventAttributes,
    ).length
  const untouched = (one: Play) => assert.deepEqual(one.order('restoreDatabaseAside', 'stopService', 'stopDatabase', 'swapIn', 'discardAside'), [])

  test('waits, says where to approve, and goes on when another person approves the hash', async () => {
    const one = play()
    const { handle, plan } = await waiting(one)
    untouched(one)
    assert.match(plan, /^[0-9a-f]{64}$/)
    const asked = one.calls('notifyPeople').find(({ input }) => input.notice.event === 'approval-needed')?.input.notice
    assert.match(asked?.body ?? '', new RegExp(`muster approve ${plan.slice(0, 12)}.*"plan": "${plan}"`))
    assert.deepEqual(await answer(handle, { plan, person: 'bob', note: 'seen' }), { accepted: true, plan })
    const { outcome, approval } = (await handle.result()) as RestoreResult
    assert.equal(outcome, 'succeeded')
    assert.deepEqual(approval, { person: 'bob', note: 'seen', accept: 'claimed' })
  })

  test('shows the plan in the details of the run while it waits', async () => {
    const one = play()
    const { handle, plan } = await waiting(one)
    const { currentDetails } = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata')
    for (const text of [`plan ${plan.slice(0, 12)} · in-place`, 'services to stop: web, mailer, worker', 'about 13 s', '- **waiting for approval**']) {
      assert.ok(currentDetails?.includes(text), `${text} is not in: ${currentDetails}`)
    }
    const attributes = Object.fromEntries((await handle.describe()).typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]))
    assert.deepEqual([attributes['MusterProcedure'], attributes['MusterPhase']], ['restoreSystem', 'waiting for approval'])
    await handle.terminate()
  })

  test('refuses another hash before anything is recorded, and names the right one', async () => {
    const one = play()
    const { handle, plan } = await waiting(one)
    const refusal = await refusalOf(answer(handle, { plan: other, person: 'bob' }))
    assert.equal(refusal.type, 'ApprovalRejected')
    assert.match(refusal.message, new RegExp(`the plan is ${plan}, not ${other}`))
    assert.equal(await updatesIn(handle), 0)
    untouched(one)
    await handle.terminate()
  })

  test('refuses the requester where another person has to approve', async () => {
    const one = play({ approvals: { requesterMay: false } })
    const { handle, plan } = await waiting(one)
    const refusal = await refusalOf(answer(handle, { plan, person: 'alice' }))
    assert.deepEqual([refusal.type, refusal.message], ['ApprovalRejected', 'alice asked for this restore, so another person approves it'])
    assert.equal(await updatesIn(handle), 0)
    await answer(handle, { plan, person: 'bob' })
    assert.equal(((await handle.result()) as RestoreResult).approval?.person, 'bob')
  })

  test('refuses what is no answer, with an example', async () => {
    const one = play()
    const { handle, plan } = await waiting(one)
    for (const input of [{ plan }, { plan, person: 'bob', decision: 'yes' }, { plan, person: 'bob', hash: 1 }, 'bob']) {
      const refusal = await refusalOf(answer(handle, input as object))
      assert.equal(refusal.type, 'InvalidInput')
      assert.match(refusal.message, /a right input is \{"plan"/)
    }
    assert.equal(await updatesIn(handle), 0)
    await handle.terminate()
  })

  test('takes one answer when two arrive at once', async () => {
    const one = play()
    const { handle, plan } = await waiting(one)
    const answers = await Promise.allSettled([answer(handle, { plan, person: 'bob' }), answer(handle, { plan, person: 'carol', decision: 'reject' })])
    assert.deepEqual(answers.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    assert.equal(await updatesIn(handle), 1)
    await handle.terminate().catch(() => undefined)
  })

  test('refuses an answer to a run that has been answered', async () => {
    const one = play()
    const { handle, plan } = await waiting(one)
    one.change({
      restoreDatabaseAside: async (input, attempt) => (await new Promise((resolve) => setTimeout(resolve, 500)), base.restoreDatabaseAside(input, attempt)),
    })
    await answer(handle, { plan, person: 'bob' })
    assert.equal((await refusalOf(answer(handle, { plan, person: 'carol' }))).type, 'ApprovalRejected')
    assert.equal(((await handle.result()) as RestoreResult).approval?.person, 'bob')
  })

  test('ends without a change when a person rejects', async () => {
    const one = play()
    const { handle, plan } = await waiting(one)
    assert.deepEqual(await answer(handle, { plan, person: 'bob', decision: 'reject', note: 'wrong moment' }), { accepted: false, plan })
    const end = await endOf(handle)
    assert.equal(end.type, 'ApprovalRejected')
    assert.match(end.message, /bob rejected plan .*: wrong moment; nothing was changed/)
    untouched(one)
    assert.equal((await handle.describe()).memo?.['outcome'], 'refused')
  })

  test('ends without a change when nobody answers until the plan expires', async () => {
    const one = play({ expirySeconds: 0.1 })
    const handle = await start(one)
    const end = await endOf(handle)
    assert.equal(end.type, 'ApprovalExpired')
    assert.match(end.message, /nobody approved plan [0-9a-f]{64} within 1 s; nothing was changed/)
    untouched(one)
    assert.equal((await handle.describe()).memo?.['outcome'], 'refused')
  })

  test('is approved in the same breath by the requester who knows the hash', async () => {
    const one = play()
    const planned = (await (
      await stage.start('restoreSystem', `plan/${one.system}`, { system: one.system, requestedBy: 'alice', planOnly: true })
    ).result()) as RestoreResult
    const { decisionHash, decision } = planned.plan
    const result = (await (await start(one, { approve: decisionHash, expiresAt: decision.expiresAt })).result()) as RestoreResult
    assert.deepEqual([result.outcome, result.approval], ['succeeded', { person: 'alice', note: null, accept: 'claimed' }])
    assert.equal(result.plan.decisionHash, decisionHash)
    assert.deepEqual(
      one.calls('notifyPeople').filter(({ input }) => input.notice.event === 'approval-needed'),
      [],
    )
  })

  test('changes nothing when the hash in the input is of another plan', async () => {
    const one = play()
    const end = await endOf(await start(one, { approve: other }))
    assert.equal(end.type, 'PlanChanged')
    assert.match(end.message, new RegExp(`the plan is now [0-9a-f]{64}, not ${other}`))
    untouched(one)
  })

  test('does not let the requester approve in the same breath where another person has to', async () => {
    const one = play({ approvals: { requesterMay: false } })
    const end = await endOf(await start(one, { approve: other }))
    assert.equal(end.type, 'ApprovalRejected')
    untouched(one)
  })

  test('ends as cancelled, without a change, when it is cancelled while it waits', async () => {
    const one = play()
    const { handle } = await waiting(one)
    await handle.cancel()
    assert.equal((await endOf(handle)).ended, 'cancelled')
    untouched(one)
    assert.equal((await handle.describe()).memo?.['outcome'], 'cancelled')
  })

  test('refuses corrections of a run that is not paused', async () => {
    const one = play()
    const { handle } = await waiting(one)
    const refusal = await refusalOf(handle.executeUpdate('correct', { args: [{ action: 'retry', person: 'bob', reason: 'why not' }] }))
    assert.deepEqual(refusal, { type: 'PreconditionFailed', message: 'this run is not paused' })
    await handle.terminate()
  })
})
