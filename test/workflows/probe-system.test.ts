import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ScheduleHandle, ScheduleOverlapPolicy } from '@temporalio/client'
import type { ProbeScope } from '../../activities/site/scope-probes.ts'
import type { ProbeSystemResult } from '../../workflows/messages.ts'
import { besideEachOther } from '../support/beside-each-other.ts'
import { endOf, failing, openStage, type Play, type Script, type Stage } from '../support/scripted-activities.ts'
import { shopScript, shortLimits } from '../support/shop-script.ts'

const base = shopScript()
const vantages = ['east', 'west', 'north']

describe('probeSystem', function () {
  this.timeout(90_000)
  let stage: Stage
  let runs = 0

  before(async () => {
    // Nobody is at home at "gone".
    stage = await openStage({ hosts: vantages })
  })
  after(() => stage?.close())
  const test = besideEachOther()

  const scope =
    (changes: Partial<ProbeScope> = {}): Script['scopeProbes'] =>
    async (input, attempt) => ({
      ...(await base.scopeProbes(input, attempt)),
      // Those of the script give up on an agent that a busy machine has not woken yet.
      limits: shortLimits,
      hosts: vantages,
      quorum: 2,
      sites: ['dr', 'primary'],
      active: 'dr',
      ...changes,
    })
  /** Those named do not reach it. */
  const notFrom =
    (...hosts: readonly string[]): Script['probeService'] =>
    ({ host }) =>
      hosts.includes(host) ? { reached: false, detail: 'refuses connections' } : { reached: true, detail: 'answers 200' }
  const play = (changes: Partial<Script> = {}): Play => stage.play({ ...base, scopeProbes: scope(), ...changes })
  const look = async (acting: Play) => (await (await stage.start('probeSystem', `probe/${++runs}`, { system: acting.system })).result()) as ProbeSystemResult
  const notices = (acting: Play) => acting.calls('notifyPeople').map(({ input: { notice } }) => [notice.event, notice.severity, notice.subject])
  const seen = ({ sightings }: ProbeSystemResult) => sightings.map(({ host, sees }) => `${host} ${sees}`)

  /** One run after the other, each given the result of the last. */
  async function scheduled(acting: Play, verdicts: readonly (() => void)[], then: (index: number) => void): Promise<void> {
    const schedule = await stage.client.schedule.create({
      scheduleId: `probe-${acting.system}`,
      spec: {},
      action: {
        type: 'startWorkflow',
        workflowType: 'probeSystem',
        taskQueue: 'muster',
        workflowId: `probe-${acting.system}`,
        args: [{ system: acting.system }],
      },
    })
    try {
      for (const [index, prepare] of verdicts.entries()) {
        prepare()
        await once(schedule, index + 1)
        then(index)
      }
    } finally {
      await schedule.delete()
    }
  }
  async function once(handle: ScheduleHandle, count: number): Promise<void> {
    await handle.trigger(ScheduleOverlapPolicy.BUFFER_ALL)
    for (let done = 0; done < count; await sleep(500)) {
      const { info } = await handle.describe()
      if (info.runningActions.length === 0) done = info.recentActions.length
    }
  }

  test('asks every vantage point on its own queue, and tells nobody while it can be reached', async () => {
    const acting = play()
    const { outcome, verdict, standing, ...rest } = await look(acting)
    assert.deepEqual([outcome, verdict, standing, seen({ ...rest } as ProbeSystemResult)], ['succeeded', 'reachable', null, ['east up', 'west up', 'north up']])
    assert.deepEqual(
      acting
        .calls('probeService')
        .map(({ queue, input }) => `${queue} ${input.active}`)
        .toSorted(),
      vantages.map((host) => `muster-host-${host}-urgent dr`).toSorted(),
    )
    assert.deepEqual(notices(acting), [])
  })

  test('alarms by quorum with who sees what, plans the failover at the other site, and starts nothing', async () => {
    const acting = play({ probeService: notFrom('east', 'north') })
    const result = await look(acting)
    assert.deepEqual([result.outcome, result.verdict, result.standing], ['degraded', 'lost', 'lost'])
    const [alarm, prepared] = notices(acting)
    assert.deepEqual(alarm?.slice(0, 2), ['alarm', 'critical'])
    assert.match(alarm?.[2] ?? '', /^shop-\d+: service web cannot be reached from 2 of 3 vantage points since \S+Z: east does not reach it since/)
    assert.match(acting.calls('notifyPeople')[0]?.input.notice.body ?? '', new RegExp(`west reaches it since [^]*→ muster failover ${acting.system}$`))
    assert.deepEqual(prepared, ['alarm', 'critical', `a failover of ${acting.system} to primary is prepared`])
    const body = acting.calls('notifyPeople')[1]?.input.notice.body ?? ''
    assert.match(body, new RegExp(`Nothing was started[^]*muster failover ${acting.system}\\n[^]*--offline[^]*plan [0-9a-f]{12}`))
    assert.ok(result.preparedAt)
    // Looked at, and planned: nothing was restored, fenced or stopped.
    assert.deepEqual([...new Set(acting.calls('planRestore').map(({ input }) => input.procedure))], ['failover'])
    assert.deepEqual(acting.order('restoreDatabaseAside', 'stopService', 'stopDatabase', 'takeOver', 'runFence', 'changeDns', 'openDatabase'), [])
  })

  test('brings a warm standby up to date as well', async () => {
    const acting = play({ probeService: notFrom(...vantages), scopeProbes: scope({ warm: true }) })
    await look(acting)
    const body = acting.calls('notifyPeople')[1]?.input.notice.body ?? ''
    const [, id] = /the standby is brought up to date: muster watch (\S+)/.exec(body) ?? []
    assert.ok(id)
    await stage.client.workflow.getHandle(id).result()
    assert.deepEqual(acting.order('catchUpStandby'), ['catchUpStandby database'])
  })

  test('says why a failover cannot be prepared, with an alarm of its own', async () => {
    const acting = play({ probeService: notFrom(...vantages), scopeMove: failing('IdentityMissing', 'beta has no age identity') })
    const { preparedAt, told } = await look(acting)
    assert.equal(preparedAt, null)
    assert.deepEqual(notices(acting)[1], ['alarm', 'critical', `${acting.system}: a failover cannot be prepared: beta has no age identity`])
    assert.deepEqual(
      told.map(({ key }) => key),
      ['probe|lost', 'probe|not-ready'],
    )
  })

  test('warns where vantage points disagree, and prepares nothing', async () => {
    const acting = play({ probeService: notFrom('west') })
    const result = await look(acting)
    assert.deepEqual([result.verdict, result.preparedAt], ['disputed', null])
    const [warning, ...more] = notices(acting)
    assert.deepEqual([warning?.slice(0, 2), more], [['alarm', 'warning'], []])
    assert.match(
      warning?.[2] ?? '',
      /vantage points disagree whether service web can be reached, 1 of 3 say no, 2 would be a loss: east reaches it .*west does not reach it/,
    )
    assert.deepEqual(acting.calls('scopeMove'), [])
  })

  test('counts an agent that does not answer neither for nor against', async () => {
    const limits = { ...shortLimits, agentSeconds: 3 }
    const silent = play({ scopeProbes: scope({ limits, hosts: ['east', 'gone', 'gone-too'] }), probeService: notFrom('east') })
    const result = await look(silent)
    assert.deepEqual([result.verdict, seen(result)], ['unknown', ['east down', 'gone unknown', 'gone-too unknown']])
    assert.match(notices(silent)[0]?.[2] ?? '', /is not known, too few vantage points answer for a quorum of 2/)
    assert.deepEqual([notices(silent)[0]?.[1], notices(silent).length], ['warning', 1])
    const broken = play({ scopeProbes: scope({ limits, hosts: ['east', 'west', 'gone'] }), probeService: failing('ConfigInvalid', 'there is no such config') })
    assert.equal((await look(broken)).verdict, 'unknown')
  })

  test('waits for the loss to hold, tells it once, tells the next contact while it stands, and says when it is over', async () => {
    const contacts = ['on call', 'lead'].map((role) => ({ role, escalateAfterSeconds: 0.001 }))
    const acting = play({
      scopeProbes: scope({ failures: 2, contacts }),
      notifyPeople: ({ contacts: asked = [] }) => ({
        delivered: ['log'],
        failed: [],
        contacts: asked.map((contact) => ({ contact, role: contacts[contact]?.role ?? '' })),
      }),
    })
    const down = () => acting.change({ probeService: notFrom(...vantages) })
    const up = () => acting.change({ probeService: notFrom() })
    const counts: number[] = []
    await scheduled(acting, [down, down, down, up, up], () => void counts.push(acting.calls('notifyPeople').length))
    // Nothing; the alarm and what is prepared; the second contact; nothing yet; it is over.
    assert.deepEqual(counts, [0, 2, 3, 3, 4])
    const calls = acting.calls('notifyPeople').map(({ input }) => [input.notice.event, input.contacts, input.escalates ?? false])
    assert.deepEqual(calls, [
      ['alarm', [0], false],
      ['alarm', [0], false],
      ['alarm', [1], true],
      ['succeeded', [0, 1], false],
    ])
    assert.equal(acting.calls('planRestore').length, 1, 'a failover is prepared once')
  })

  test('prepares again, with longer and longer pauses, as long as nobody heard of it, and tells the loss again', async () => {
    const out: Script['notifyPeople'] = () => ({ delivered: ['log'], failed: [{ channel: 'email', problem: 'refused' }] })
    const limits = { ...shortLimits, retrySeconds: 600 / 10 }
    const acting = play({ probeService: notFrom(...vantages), scopeProbes: scope({ limits }), notifyPeople: out })
    const prepared = () => notices(acting).filter(([, , subject]) => /is prepared$/.test(subject ?? '')).length
    const alarms = () => notices(acting).length - prepared()
    const counts: (readonly number[])[] = []
    const sooner = () => acting.change({ scopeProbes: scope({ limits: shortLimits }) })
    const heard = () => acting.change({ notifyPeople: base.notifyPeople })
    // In the second run it is too early, in the third it is time, in the fourth somebody hears of it.
    await scheduled(acting, [() => undefined, () => undefined, sooner, heard, () => undefined], () => void counts.push([alarms(), prepared()]))
    assert.deepEqual(counts, [
      [1, 1],
      [2, 1],
      [3, 2],
      [4, 3],
      [4, 3],
    ])
  })

  test('leaves alone what a run has stopped on purpose', async () => {
    const acting = play({ probeService: notFrom(...vantages), scopeProbes: scope({ changing: 'target/shop at: swap' }) })
    const { verdict, standing } = await look(acting)
    assert.deepEqual([verdict, standing, notices(acting)], ['lost', null, []])
    assert.deepEqual(acting.calls('scopeMove'), [])
  })

  test('says once that nobody looks, tells the next contact while it lasts, and says once that it looks again', async () => {
    const contacts = ['on call', 'lead'].map((role) => ({ role, escalateAfterSeconds: 0.001 }))
    const works = scope({ contacts })
    const acting = play({
      scopeProbes: works,
      notifyPeople: ({ contacts: asked = [] }) => ({ delivered: ['log', 'email'], failed: [], contacts: asked.map((contact) => ({ contact, role: '' })) }),
    })
    const fails = () => acting.change({ scopeProbes: failing('ConfigInvalid', 'there is no such config') })
    const mended = () => acting.change({ scopeProbes: works })
    const counts: number[] = []
    await scheduled(acting, [mended, fails, fails, fails, mended, mended], () => void counts.push(notices(acting).length))
    assert.deepEqual(counts, [0, 1, 2, 2, 3, 3])
    const title = `nobody looks whether ${acting.system} can be reached: there is no such config`
    assert.deepEqual(
      notices(acting).map(([event, severity]) => [event, severity]),
      [
        ['alarm', 'critical'],
        ['alarm', 'critical'],
        ['succeeded', 'info'],
      ],
    )
    assert.ok(notices(acting)[0]?.[2]?.startsWith(title) && notices(acting)[1]?.[2]?.includes(title))
    assert.deepEqual(acting.calls('notifyPeople')[1]?.input.contacts, [1])
    assert.equal(notices(acting)[2]?.[2], `whether ${acting.system} can be reached is looked at again`)
    const alone = play({ scopeProbes: failing('InvalidInput', 'system "shop" has no vantage points') })
    assert.equal((await endOf(await stage.start('probeSystem', `probe/${++runs}`, { system: alone.system }))).type, 'InvalidInput')
  })
})
