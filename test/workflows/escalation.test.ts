import assert from 'node:assert/strict'
import type { WorkflowHandle } from '@temporalio/client'
import type { ContactTurn } from '../../domain/contacts.ts'
import type { RunEvidence } from '../../domain/evidence.ts'
import { besideEachOther } from '../support/beside-each-other.ts'
import { failing, failingTimes, openStage, type Play, type Script, type Stage, until, untilPhase } from '../support/scripted-activities.ts'
import { oldSideGone } from '../support/move-script.ts'
import { type ShopPlan, shopRestorePlan, shopScript } from '../support/shop-script.ts'

const base = shopScript()
const roles = ['on call', 'lead', 'head'] as const
const long = 600

/** As the activity answers: the first contact is told of what asks for a person, the others when it is their turn. */
const reaching =
  (unreachable: readonly number[] = []): Script['notifyPeople'] =>
  ({ contacts = [], escalates }) => ({
    delivered: escalates ? ['log', ...contacts.map((one) => `email (${roles[one]})`)] : ['log', 'email'],
    failed: contacts.filter((one) => unreachable.includes(one)).map((one) => ({ channel: `email (${roles[one]})`, problem: 'refused' })),
    contacts: contacts.filter((one) => !unreachable.includes(one)).map((contact) => ({ contact, role: roles[contact] ?? '' })),
  })

/** Contacts with so many seconds each until the next one is told. */
const turns = (...seconds: readonly number[]): readonly ContactTurn[] =>
  seconds.map((escalateAfterSeconds, index) => ({ role: roles[index] ?? '', escalateAfterSeconds }))

function millisecondsOf(span: { readonly seconds?: unknown; readonly nanos?: number | null } | null | undefined): number {
  return Number(span?.seconds ?? 0) * 1000 + (span?.nanos ?? 0) / 1e6
}

describe('contacts of a run that waits for a person', function () {
  this.timeout(120_000)
  let stage: Stage

  before(async () => {
    stage = await openStage()
  })
  after(() => stage?.close())
  const test = besideEachOther()

  const play = (shop: ShopPlan, changes: Partial<Script> = {}) =>
    stage.play({ ...base, planRestore: shopRestorePlan(shop), notifyPeople: reaching(), ...changes })
  const start = (one: Play, type = 'restoreSystem') => stage.start(type, `target/${one.system}`, { system: one.system, requestedBy: 'alice' })
  const escalated = (one: Play) => one.calls('notifyPeople').filter(({ input }) => input.escalates)
  const approve = async (handle: WorkflowHandle) => {
    await untilPhase(handle, 'waiting for approval')
    const plan = (await handle.describe()).memo?.['plan']
    return handle.executeUpdate('approve', { args: [{ plan, person: 'bob' }] })
  }
  /** Of the run, not of the full backup that follows it. */
  const kept = (one: Play): RunEvidence => {
    const evidence = one.calls('writeEvidence').find(({ input }) => input.evidence.procedure === 'restoreSystem')?.input.evidence
    assert.ok(evidence)
    return evidence
  }

  test('tells the second contact when nobody approves, never the third once somebody has, and keeps who was told when', async () => {
    const one = play({ approvals: { count: 1 }, contacts: turns(0.2, long, long) })
    const handle = await start(one)
    await until('the second contact', () => escalated(one).length === 1)
    const [second] = escalated(one)
    assert.deepEqual(second?.input.contacts, [1])
    const { subject, body, event } = second?.input.notice ?? assert.fail()
    assert.match(subject, /^unanswered for \d+ s: restore of shop-\d+ waits for approval$/)
    assert.equal(event, 'approval-needed')
    assert.match(body, /Nobody has answered since 20\d\d-.*Z/)
    assert.match(body, /- 20\d\d-\S+Z on call by log, email/)
    assert.match(body, /muster approve [0-9a-f]{12}/)
    await approve(handle)
    await handle.result()
    assert.equal(escalated(one).length, 1)
    const { events } = await handle.fetchHistory()
    assert.ok(
      events?.some((event) => event.timerCanceledEventAttributes),
      'nobody waits for the third contact any more',
    )
    // What follows goes to whoever was told, and to nobody else.
    const started = one.calls('notifyPeople').find(({ input }) => input.notice.event === 'started')
    assert.deepEqual(started?.input.contacts, [0, 1])
    const told = kept(one).delivered.filter(({ contacts = [] }) => contacts.length > 0)
    assert.deepEqual(
      told.map(({ event: what, contacts }) => [what, contacts]),
      [
        ['approval-needed', ['on call']],
        ['approval-needed', ['lead']],
        ['started', ['on call', 'lead']],
        ['succeeded', ['on call', 'lead']],
      ],
    )
    assert.ok(told.every(({ at = '' }) => Date.parse(at) > 0) && (told[0]?.at ?? '') < (told[1]?.at ?? ''))
    assert.equal(told[1]?.channels.join(), 'log,email (lead)')
  })

  test('goes on to the end of the list, and not beyond it', async () => {
    const one = play({ approvals: { count: 1 }, contacts: turns(0.05, 0.05, 0.05) })
    const handle = await start(one)
    await until('the last contact', () => escalated(one).length === 2)
    assert.deepEqual(
      escalated(one).map(({ input }) => input.contacts),
      [[1], [2]],
    )
    assert.match(escalated(one)[1]?.input.notice.body ?? '', /- \S+ on call by .*\n- \S+ lead by log, email \(lead\)/)
    await approve(handle)
    await handle.result()
    assert.equal(escalated(one).length, 2)
  })

  test('does not wait for a contact whom no channel reaches, and keeps that it could not be told', async () => {
    const one = play({ approvals: { count: 1 }, contacts: turns(long, long, long) }, { notifyPeople: reaching([0, 1]) })
    const handle = await start(one)
    await until('the third contact', () => escalated(one).length === 2)
    assert.match(escalated(one)[1]?.input.notice.body ?? '', /nobody among the contacts by log.*not by email \(lead\): refused/)
    await approve(handle)
    await handle.result()
    assert.ok(kept(one).undelivered.some(({ channel, problem }) => channel === 'email (lead)' && problem === 'refused'))
  })

  test('sets no timer and tells nobody else where there are no contacts', async () => {
    const one = play({ approvals: { count: 1 } }, { notifyPeople: base.notifyPeople })
    const handle = await start(one)
    await approve(handle)
    await handle.result()
    assert.ok(one.calls('notifyPeople').every(({ input }) => input.contacts === undefined && input.escalates === undefined))
    const { events = [] } = await handle.fetchHistory()
    const timers = (events ?? []).filter((event) => event.timerStartedEventAttributes)
    assert.equal(timers.length, 1, 'the expiry of the plan')
  })

  for (const contacts of [[], turns(long), turns(long, long)]) {
    test(`tells again what reached nobody, with longer and longer pauses, until it has reached somebody (${contacts.length} contacts)`, async () => {
      let tries = 0
      const fourth: Script['notifyPeople'] = (input, attempt) => {
        const isReached = input.notice.event !== 'approval-needed' || (!input.escalates && ++tries > 3)
        return isReached ? reaching()(input, attempt) : { delivered: ['log'], failed: [{ channel: 'email', problem: 'refused' }], contacts: [] }
      }
      const one = play({ approvals: { count: 1 }, contacts }, { notifyPeople: fourth })
      const handle = await start(one)
      const asked = () => one.calls('notifyPeople').filter(({ input }) => input.notice.event === 'approval-needed' && !input.escalates)
      await until('the fourth try', () => asked().length === 4)
      assert.match(asked()[2]?.input.notice.body ?? '', /nobody among the contacts by log; not by email: refused/)
      const { events = [] } = await handle.fetchHistory()
      const pauses = (events ?? []).flatMap(({ timerStartedEventAttributes: timer }) => (timer ? [millisecondsOf(timer.startToFireTimeout)] : []))
      assert.deepEqual(
        pauses.filter((pause) => pause < 10_000),
        [200, 400, 800],
      )
      await approve(handle)
      await handle.result()
      assert.equal(asked().length, 4)
    })
  }

  test('says how to go on with a run that paused for correction', async () => {
    const one = play({ contacts: turns(0.1, long) }, { protectAgain: failingTimes(1, 'NotProtected', 'offsite does not answer', base.protectAgain) })
    const handle = await start(one)
    await until('the second contact', () => escalated(one).length === 1)
    assert.match(escalated(one)[0]?.input.notice.body ?? '', new RegExp(`muster resume target/${one.system} --open-with STORE --reason TEXT`))
    await handle.executeUpdate('correct', { args: [{ action: 'retry', person: 'bob', reason: 'mended' }] })
    await handle.result()
    assert.equal(escalated(one).length, 1)
  })

  test('goes on after the point of no return, and begins again with each pause', async () => {
    const one = play({ contacts: turns(0.1, long) }, { openDatabase: failingTimes(2, 'CheckFailed', 'it broke here', base.openDatabase) })
    const handle = await start(one)
    for (const count of [1, 2]) {
      await until(`contact ${count}`, () => escalated(one).length === count)
      await untilPhase(handle, 'paused: open database')
      await handle.executeUpdate('correct', { args: [{ action: 'retry', person: 'bob', reason: 'mended' }] })
    }
    await handle.result()
    assert.equal(escalated(one).length, 2)
  })

  test('asks the next contact whether the old side of a failover is stopped', async () => {
    const one = play({ contacts: turns(0.1, long) }, { observeTargets: oldSideGone })
    const handle = await start(one, 'failover')
    await until('the second contact', () => escalated(one).length === 1)
    assert.match(escalated(one)[0]?.input.notice.body ?? '', new RegExp(`muster fence target/${one.system} --statement TEXT`))
    await handle.cancel()
    await assert.rejects(handle.result())
  })

  test('ends with the run: what was waited for is over when it is cancelled', async () => {
    const one = play({ contacts: turns(long, long) }, { openDatabase: failing('CheckFailed', 'it broke here') })
    const handle = await start(one)
    await untilPhase(handle, 'paused: open database')
    await until('the first contact', () => one.calls('notifyPeople').some(({ input }) => input.notice.event === 'alarm'))
    await handle.cancel()
    await assert.rejects(handle.result())
    const { events } = await handle.fetchHistory()
    const timers = (kind: 'timerStartedEventAttributes' | 'timerCanceledEventAttributes') => (events ?? []).filter((event) => event[kind]).length
    assert.ok(timers('timerStartedEventAttributes') > 0)
    assert.equal(timers('timerCanceledEventAttributes'), timers('timerStartedEventAttributes'))
    assert.deepEqual(escalated(one), [])
    assert.deepEqual(one.calls('notifyPeople').at(-1)?.input.contacts, [0])
  })
})
