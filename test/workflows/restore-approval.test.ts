import assert from 'node:assert/strict'
import type { WorkflowHandle } from '@temporalio/client'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { besideEachOther } from '../support/beside-each-other.ts'
import { endOf, failing, openStage, type Play, refusalOf, type Stage, until, untilPhase } from '../support/scripted-activities.ts'
import { type ShopPlan, shopRestorePlan, shopScript } from '../support/shop-script.ts'

const base = shopScript()
const other = 'f'.repeat(64)

describe('approval of a restore', function () {
  this.timeout(120_000)
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
    const askedFor = () => one.calls('notifyPeople').find(({ input }) => input.notice.event === 'approval-needed')?.input.notice
    // Notices go their own way, beside the run.
    await until('the notice', () => askedFor() !== undefined)
    const asked = askedFor()
    assert.match(asked?.body ?? '', new RegExp(`muster approve ${plan.slice(0, 12)}.*"plan": "${plan}"`))
    assert.deepEqual(await answer(handle, { plan, person: 'bob', note: 'seen' }), { accepted: true, plan })
    const { outcome, approvals } = (await handle.result()) as RestoreResult
    assert.equal(outcome, 'succeeded')
    assert.deepEqual(approvals, [{ person: 'bob', note: 'seen', accept: 'claimed' }])
  })

  test('shows the plan in the details of the run while it waits', async () => {
    const one = play()
    const { handle, plan } = await waiting(one)
    const { currentDetails } = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata')
    for (const text of [
      `plan ${plan.slice(0, 12)} · in-place`,
      'services to stop: web, mailer, worker',
      'expected duration 13 s (assumed)',
      '- **waiting for approval**',
    ]) {
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
    assert.equal(((await handle.result()) as RestoreResult).approvals[0]?.person, 'bob')
  })

  test('refuses a name that is not among the people who may approve, also where names are only claimed', async () => {
    const one = play({ approvals: { approvers: ['alice', 'bob'] } })
    const { handle, plan } = await waiting(one)
    const refusal = await refusalOf(answer(handle, { plan, person: 'bbo' }))
    assert.deepEqual([refusal.type, refusal.message], ['ApprovalRejected', 'bbo may not approve this; who may: alice, bob'])
    assert.equal(await updatesIn(handle), 0)
    untouched(one)
    await handle.terminate()
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
    const asked = { again: false }
    one.change({
      restoreDatabaseAside: async (input, attempt) => {
        await until('the second answer', () => asked.again)
        return base.restoreDatabaseAside(input, attempt)
      },
    })
    await answer(handle, { plan, person: 'bob' })
    assert.equal((await refusalOf(answer(handle, { plan, person: 'carol' }))).type, 'ApprovalRejected')
    asked.again = true
    assert.equal(((await handle.result()) as RestoreResult).approvals[0]?.person, 'bob')
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
    assert.deepEqual([result.outcome, result.approvals], ['succeeded', [{ person: 'alice', note: null, accept: 'claimed' }]])
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

  test('waits for two people where two are asked for, and for none twice', async () => {
    const one = play({ approvals: { count: 2 } })
    const { handle, plan } = await waiting(one)
    const asked = (await handle.describe()).memo?.['planAsked'] as { accept: string; count: number; expiresAt: string }
    assert.deepEqual([asked.accept, asked.count, asked.expiresAt > new Date().toISOString()], ['claimed', 2, true])
    assert.equal(
      (await refusalOf(answer(handle, { plan, person: 'alice' }))).message,
      'alice asked for this restore, and where 2 people approve the requester is not one of them',
    )
    assert.deepEqual(await answer(handle, { plan, person: 'bob' }), { accepted: true, plan, missing: 1 })
    untouched(one)
    assert.match((await refusalOf(answer(handle, { plan, person: 'bob' }))).message, /bob has approved already; another person is needed/)
    assert.deepEqual(await answer(handle, { plan, person: 'carol' }), { accepted: true, plan })
    assert.deepEqual(
      ((await handle.result()) as RestoreResult).approvals.map(({ person }) => person),
      ['bob', 'carol'],
    )
    assert.deepEqual((await handle.describe()).memo?.['approvedBy'], ['bob', 'carol'])
  })

  const signed = { count: 1, accept: 'signed', approvers: ['bob', 'carol'], requesterMay: false } satisfies ShopPlan['approvals']

  test('proves a signature over plan, run, person, answer and expiry before it counts', async () => {
    const one = play({ approvals: signed })
    const { handle, plan } = await waiting(one)
    await answer(handle, { plan, person: 'bob', note: 'seen', signature: 'of bob' })
    assert.deepEqual(((await handle.result()) as RestoreResult).approvals, [{ person: 'bob', note: 'seen', accept: 'signed', key: 'SHA256:bob' }])
    const [call] = one.calls('verifyApproval')
    const { runId, memo = {} } = await handle.describe()
    assert.equal(call?.queue, 'muster-site-primary')
    assert.deepEqual(call?.input.statement, {
      format: 'muster-approval-1',
      plan,
      run: `target/${one.system}:${runId}`,
      person: 'bob',
      decision: 'approve',
      note: 'seen',
      breakGlass: false,
      expiresAt: (memo['planAsked'] as { expiresAt: string }).expiresAt,
    })
  })

  test('goes on waiting after a signature that does not pass, and takes no name without one', async () => {
    const one = play({ approvals: signed })
    one.change({
      verifyApproval: ({ signature }) => (signature === 'of bob' ? { key: 'SHA256:bob' } : failing('ApprovalRejected', 'the signature is not one of bob')()),
    })
    const { handle, plan } = await waiting(one)
    assert.match((await refusalOf(answer(handle, { plan, person: 'bob' }))).message, /takes signed approvals only/)
    assert.match((await refusalOf(answer(handle, { plan, person: 'mallory', signature: 'x' }))).message, /mallory may not approve this; who may: bob, carol/)
    assert.deepEqual(await refusalOf(answer(handle, { plan, person: 'bob', signature: 'forged' })), {
      type: 'ApprovalRejected',
      message: 'the signature is not one of bob',
    })
    untouched(one)
    assert.equal(((await answer(handle, { plan, person: 'bob', signature: 'of bob' })) as { accepted: boolean }).accepted, true)
    assert.equal(((await handle.result()) as RestoreResult).outcome, 'succeeded')
  })

  test('is not approved in the same breath where signatures are asked for', async () => {
    const one = play({ approvals: { ...signed, requesterMay: true, approvers: ['alice'] } })
    const end = await endOf(await start(one, { approve: other }))
    assert.equal(end.type, 'ApprovalRejected')
    untouched(one)
  })

  test('lets one person break the glass with a reason, and alarms everybody', async () => {
    const one = play({ approvals: { ...signed, count: 2 } })
    const { handle, plan } = await waiting(one)
    assert.equal((await refusalOf(answer(handle, { plan, person: 'carol', breakGlass: true, signature: 's' }))).type, 'InvalidInput')
    await answer(handle, { plan, person: 'carol', breakGlass: true, note: 'bob is on a plane', signature: 's' })
    const { approvals } = (await handle.result()) as RestoreResult
    assert.deepEqual(approvals, [{ person: 'carol', note: 'bob is on a plane', accept: 'signed', key: 'SHA256:carol', breakGlass: true }])
    const alarm = one.calls('notifyPeople').find(({ input }) => input.notice.event === 'alarm')?.input.notice
    assert.deepEqual([alarm?.severity, alarm?.subject], ['critical', `carol broke the glass: restore of ${one.system} goes on with one approval of 2`])
    assert.match(alarm?.body ?? '', /bob is on a plane/)
  })
})
