import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ScheduleHandle, ScheduleOverlapPolicy } from '@temporalio/client'
import type { Reason } from '../../domain/protection.ts'
import type { MonitorHealthResult } from '../../workflows/messages.ts'
import { oldSide } from '../support/move-script.ts'
import { endOf, failing, openStage, type Play, type Script, type Stage, until, untilCancelled } from '../support/scripted-activities.ts'
import { shopScript } from '../support/shop-script.ts'

const base = shopScript()
const unproven: Reason = { word: 'degraded', component: null, text: 'it was never proven', next: 'muster drill shop' }
const lost: Reason = { word: 'not protected', component: 'database', text: 'no backup can be seen', next: 'muster doctor shop' }

describe('monitorHealth', function () {
  this.timeout(60_000)
  let stage: Stage
  let runs = 0

  before(async () => {
    stage = await openStage()
  })
  after(() => stage?.close())

  const judged =
    (reasons: readonly Reason[], more: { readonly failoverTo?: string } = {}): Script['judgeHealth'] =>
    async (input, attempt) => ({ ...(await base.judgeHealth(input, attempt)), reasons, ...more })
  const play = (changes: Partial<Script> = {}): Play => stage.play({ ...base, ...changes })
  const start = (acting: Play) => stage.start('monitorHealth', `health/${++runs}`, { system: acting.system })
  const notices = (acting: Play) => acting.calls('notifyPeople').map(({ input: { notice } }) => [notice.event, notice.severity, notice.subject])
  const scheduled = (acting: Play, id: string): Promise<ScheduleHandle> =>
    stage.client.schedule.create({
      scheduleId: id,
      spec: {},
      action: { type: 'startWorkflow', workflowType: 'monitorHealth', taskQueue: 'muster', workflowId: `${id}-run`, args: [{ system: acting.system }] },
    })
  async function once(handle: ScheduleHandle, count: number): Promise<void> {
    await handle.trigger(ScheduleOverlapPolicy.BUFFER_ALL)
    // The next run is given the result of one that the schedule has seen the end of.
    for (let seen = 0; seen < count; await sleep(1000)) {
      const { info } = await handle.describe()
      if (info.runningActions.length === 0) seen = info.recentActions.length
    }
  }

  it('tells nobody of a system that is protected', async () => {
    const acting = play()
    const { outcome, word, reasons } = (await (await start(acting)).result()) as MonitorHealthResult
    assert.deepEqual([outcome, word, reasons], ['succeeded', 'protected', []])
    assert.deepEqual(notices(acting), [])
  })

  it('raises one alarm with every reason and what to do, as bad as the worst', async () => {
    const acting = play({ judgeHealth: judged([lost, unproven]) })
    const { outcome, word } = (await (await start(acting)).result()) as MonitorHealthResult
    assert.deepEqual([outcome, word], ['degraded', 'not protected'])
    assert.deepEqual(notices(acting), [['alarm', 'critical', `${acting.system} is not protected: database: no backup can be seen`]])
    assert.equal(
      acting.calls('notifyPeople')[0]?.input.notice.body,
      'database: no backup can be seen\n  → muster doctor shop\nit was never proven\n  → muster drill shop',
    )
  })

  it('plans the failover at the other site, and says what stands in its way', async () => {
    const acting = play({ judgeHealth: judged([], { failoverTo: 'primary' }), scopeMove: failing('IdentityMissing', 'beta has no age identity') })
    const { word, reasons } = (await (await start(acting)).result()) as MonitorHealthResult
    assert.equal(word, 'degraded')
    assert.deepEqual(
      reasons.map(({ text }) => text),
      ['a failover to primary is not ready: beta has no age identity'],
    )
    assert.deepEqual(notices(acting), [['alarm', 'warning', `${acting.system} is degraded: a failover to primary is not ready: beta has no age identity`]])
  })

  it('tries the fence at the other site, and says what is wrong with it, or that nobody there could try', async () => {
    const fenced: Script['judgeHealth'] = async (input, attempt) => ({ ...(await base.judgeHealth(input, attempt)), failoverTo: 'primary', fenced: true })
    const reasonsWith = async (tryFence: Script['tryFence']) => {
      const acting = play({ judgeHealth: fenced, observeTargets: oldSide, tryFence })
      const { reasons } = (await (await start(acting)).result()) as MonitorHealthResult
      assert.equal(acting.calls('runFence').length, 0)
      return reasons.map(({ text }) => text)
    }
    assert.deepEqual(await reasonsWith(() => ({ problem: null })), [])
    assert.deepEqual(await reasonsWith(() => ({ problem: 'its proof holds now' })), ['a failover to primary is not ready: its proof holds now'])
    assert.deepEqual(await reasonsWith(failing('SecretMissing', 'there is no host key')), [
      'a failover to primary is not ready: its fence could not be tried: there is no host key',
    ])
  })

  it('looks whether every name server leads to the site where it is active, and says of each that does not', async () => {
    const state = { missing: ['192.0.2.53: answers 198.51.100.1 instead of 192.0.2.1', '192.0.2.54: does not answer within 2.0 s'] as readonly string[] }
    const observed: Script['observeDns'] = async (input, attempt) => ({
      ...(await base.observeDns(input, attempt)),
      everywhere: state.missing.length === 0,
      missing: state.missing,
    })
    const acting = play({
      judgeHealth: async (input, attempt) => ({ ...(await base.judgeHealth(input, attempt)), dns: ['app.shop.example. A'], activeSite: 'dr' }),
      observeDns: observed,
    })
    const schedule = await scheduled(acting, 'dns-health')
    const says = (server: string) => `app.shop.example. A does not lead to dr, where ${acting.system} is active: ${server}`
    try {
      await once(schedule, 1)
      const [call] = acting.calls('observeDns')
      assert.deepEqual([call?.input.record, call?.input.toSite, call?.input.lostSite], ['app.shop.example. A', 'dr', null])
      assert.deepEqual(notices(acting), [['alarm', 'warning', `${acting.system} is degraded: ${says(state.missing[0] ?? '')}`]])
      assert.match(acting.calls('notifyPeople')[0]?.input.notice.body ?? '', /192\.0\.2\.54: does not answer within 2\.0 s\n {2}→ muster doctor shop-/)
      // It still does not answer, a little later; the other one is mended.
      state.missing = ['192.0.2.54: does not answer within 2.1 s']
      await once(schedule, 2)
      assert.equal(notices(acting).length, 2)
      assert.match(acting.calls('notifyPeople').at(-1)?.input.notice.body ?? '', /^no longer: .*192\.0\.2\.53: answers[^\n]*$/)
      state.missing = ['192.0.2.54: answers 198.51.100.1 instead of 192.0.2.1']
      await once(schedule, 3)
      assert.equal(notices(acting).at(-1)?.[2], `${acting.system} is degraded: ${says(state.missing[0] ?? '')}`)
      state.missing = []
      await once(schedule, 4)
      assert.deepEqual(notices(acting).at(-1), ['succeeded', 'info', `${acting.system} is protected again`])
    } finally {
      await schedule.delete()
    }
  })

  it('says that it could not look at a record, and judges the rest', async () => {
    const acting = play({
      judgeHealth: async (input, attempt) => ({ ...(await judged([unproven])(input, attempt)), dns: ['app.shop.example. A'], activeSite: 'dr' }),
      observeDns: failing('UnknownName', 'the record has no values for site "dr"'),
    })
    const { reasons } = (await (await start(acting)).result()) as MonitorHealthResult
    assert.match(reasons.map(({ text }) => text).join('\n'), /never proven\n.*it could not be looked: the record has no values for site "dr"/)
  })

  it('remembers from run to run of its schedule: says it once, and when it is over', async () => {
    const state: { reasons: readonly Reason[] } = { reasons: [unproven] }
    const acting = play({ judgeHealth: (input, attempt) => judged(state.reasons)(input, attempt) })
    const schedule = await scheduled(acting, 'monitor-health')
    try {
      await once(schedule, 1)
      await once(schedule, 2)
      assert.deepEqual(notices(acting), [['alarm', 'warning', `${acting.system} is degraded: it was never proven`]])
      state.reasons = []
      await once(schedule, 3)
      assert.deepEqual(notices(acting).at(-1), ['succeeded', 'info', `${acting.system} is protected again`])
      await once(schedule, 4)
      assert.equal(notices(acting).length, 2)
    } finally {
      await schedule.delete()
    }
  })

  it('tells the next contact in the next run of its schedule, as long as the alarm stands', async () => {
    const state: { reasons: readonly Reason[] } = { reasons: [lost] }
    const turns = ['on call', 'lead', 'head'].map((role, index) => ({ role, escalateAfterSeconds: index === 1 ? 3600 : 0.001 }))
    const acting = play({
      judgeHealth: async (input, attempt) => ({ ...(await judged(state.reasons)(input, attempt)), contacts: turns }),
      notifyPeople: ({ contacts = [] }) => ({
        delivered: ['log'],
        failed: [],
        contacts: contacts.map((contact) => ({ contact, role: turns[contact]?.role ?? '' })),
      }),
    })
    const told = () => acting.calls('notifyPeople').map(({ input: { contacts, escalates, notice } }) => [notice.event, contacts, escalates ?? false])
    const schedule = await scheduled(acting, 'escalating-health')
    try {
      await once(schedule, 1)
      assert.deepEqual(told(), [['alarm', [0], false]])
      await once(schedule, 2)
      assert.deepEqual(told().slice(1), [['alarm', [1], true]])
      const { subject, body } = acting.calls('notifyPeople').at(-1)?.input.notice ?? assert.fail()
      assert.match(subject, /^unanswered since 20\d\d-\S+Z: shop-\d+ is not protected: database: no backup can be seen$/)
      assert.match(body, /^It has stood since \S+Z\. Told before: on call\.\n\ndatabase: no backup can be seen\n {2}→ muster doctor shop$/)
      // The lead has an hour.
      await once(schedule, 3)
      assert.equal(told().length, 2)
      state.reasons = []
      await once(schedule, 4)
      assert.deepEqual(told().slice(2), [['succeeded', [0, 1], false]])
    } finally {
      await schedule.delete()
    }
  })

  it('tells again with the next look what reached nobody, until it has reached somebody; also that it is over', async () => {
    const state: { reasons: readonly Reason[] } = { reasons: [unproven] }
    const out: Script['notifyPeople'] = () => ({ delivered: ['log'], failed: [{ channel: 'email', problem: 'refused' }] })
    const acting = play({ judgeHealth: (input, attempt) => judged(state.reasons)(input, attempt), notifyPeople: out })
    const schedule = await scheduled(acting, 'unheard-health')
    const events = () => notices(acting).map(([event]) => event)
    try {
      await once(schedule, 1)
      await once(schedule, 2)
      assert.deepEqual(events(), ['alarm', 'alarm'])
      acting.change({ notifyPeople: () => ({ delivered: ['log', 'email'], failed: [] }) })
      await once(schedule, 3)
      await once(schedule, 4)
      assert.deepEqual(events(), ['alarm', 'alarm', 'alarm'])
      state.reasons = []
      acting.change({ notifyPeople: out })
      await once(schedule, 5)
      acting.change({ notifyPeople: base.notifyPeople })
      await once(schedule, 6)
      await once(schedule, 7)
      assert.deepEqual(events().slice(3), ['succeeded', 'succeeded'])
    } finally {
      await schedule.delete()
    }
  })

  it('begins again with the first contact where no contact was reached, and nobody else either', async () => {
    const turns = ['on call', 'lead'].map((role) => ({ role, escalateAfterSeconds: 3600 }))
    const acting = play({
      judgeHealth: async (input, attempt) => ({ ...(await judged([lost])(input, attempt)), contacts: turns }),
      notifyPeople: () => ({ delivered: ['log'], failed: [{ channel: 'email (on call)', problem: 'refused' }], contacts: [] }),
    })
    const told = () => acting.calls('notifyPeople').map(({ input: { contacts, escalates } }) => [contacts, escalates ?? false])
    const everybody = [
      [[0], false],
      [[1], true],
    ]
    const schedule = await scheduled(acting, 'unheard-contacts')
    try {
      await once(schedule, 1)
      assert.deepEqual(told(), everybody)
      acting.change({ notifyPeople: ({ contacts = [] }) => ({ delivered: ['log'], failed: [], contacts: contacts.map((contact) => ({ contact, role: '' })) }) })
      await once(schedule, 2)
      await once(schedule, 3)
      // The first one was reached, and has an hour.
      assert.deepEqual(told().slice(2), [[[0], false]])
    } finally {
      await schedule.delete()
    }
  })

  it('tells a look that fails once, then the next contact as long as it fails, and once that it works again', async () => {
    const turns = ['on call', 'lead'].map((role) => ({ role, escalateAfterSeconds: 0.001 }))
    const works: Script['judgeHealth'] = async (input, attempt) => ({ ...(await base.judgeHealth(input, attempt)), contacts: turns })
    const acting = play({
      judgeHealth: works,
      notifyPeople: ({ contacts = [] }) => ({ delivered: ['log', 'email'], failed: [], contacts: contacts.map((contact) => ({ contact, role: '' })) }),
    })
    const told = () => acting.calls('notifyPeople').map(({ input: { contacts, escalates, notice } }) => [notice.event, contacts, escalates ?? false])
    const schedule = await scheduled(acting, 'failing-look')
    try {
      await once(schedule, 1)
      acting.change({ judgeHealth: failing('SecretMissing', 'there is no host key') })
      for (const count of [2, 3, 4]) await once(schedule, count)
      assert.deepEqual(told(), [
        ['alarm', [0], false],
        ['alarm', [1], true],
      ])
      assert.match(notices(acting)[1]?.[2] ?? '', /^unanswered since 20\S+Z: nobody looks after shop-\d+: there is no host key/)
      acting.change({ judgeHealth: works })
      for (const count of [5, 6]) await once(schedule, count)
      assert.deepEqual(told().slice(2), [['succeeded', [0, 1], false]])
      assert.deepEqual(notices(acting)[2]?.slice(1), ['info', `${acting.system} is looked after again`])
    } finally {
      await schedule.delete()
    }
  })

  it('tells a look that fails again as long as nobody heard of it', async () => {
    const acting = play({
      judgeHealth: failing('SecretMissing', 'there is no host key'),
      notifyPeople: () => ({ delivered: ['log'], failed: [{ channel: 'email', problem: 'refused' }] }),
    })
    const schedule = await scheduled(acting, 'unheard-look')
    try {
      await once(schedule, 1)
      acting.change({ notifyPeople: base.notifyPeople })
      for (const count of [2, 3]) await once(schedule, count)
      assert.equal(notices(acting).length, 2)
    } finally {
      await schedule.delete()
    }
  })

  it('says that nobody looks when it cannot, and ends as cancelled when it is cancelled', async () => {
    const acting = play({ judgeHealth: failing('SecretMissing', 'there is no host key') })
    const end = await endOf(await start(acting))
    assert.deepEqual([end.type, end.message], ['SecretMissing', 'there is no host key'])
    const why = 'there is no host key; whether it is protected is not known'
    assert.deepEqual(notices(acting), [['alarm', 'critical', `nobody looks after ${acting.system}: ${why}`]])
    assert.equal(acting.calls('notifyPeople')[0]?.input.notice.body, `${why}\n  → muster status ${acting.system}`)
    const waiting = play({ judgeHealth: untilCancelled() })
    const handle = await start(waiting)
    await until('the judgement', () => waiting.calls('judgeHealth').length > 0)
    await handle.cancel()
    await assert.rejects(handle.result())
    assert.equal((await handle.describe()).memo?.['outcome'], 'cancelled')
    assert.deepEqual(notices(waiting), [])
  })
})
