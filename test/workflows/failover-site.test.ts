import assert from 'node:assert/strict'
import type { WorkflowHandle } from '@temporalio/client'
import type { SiteScope } from '../../activities/site/scope-site.ts'
import type { FailoverSiteResult, SystemMoved } from '../../workflows/messages.ts'
import { oldSide, oldSideGone } from '../support/move-script.ts'
import { endOf, failing, noSystem, openStage, type Play, type Script, type Stage, until, untilCancelled, untilPhase } from '../support/scripted-activities.ts'
import { configHash, shopRestorePlan, shopScript, shortLimits } from '../support/shop-script.ts'

const base = shopScript({ observeTargets: oldSide })
const asksOne: Partial<Script> = { planRestore: shopRestorePlan({ approvals: { count: 1 } }) }

/** Steps that load a host or change something: what a place is for. */
const heavy = ['restoreDatabaseAside', 'restoreTreeAside', 'promoteAside', 'swapIn', 'startClosed', 'protectAgain', 'openDatabase'] as const

describe('the failover of a site', function () {
  this.timeout(120_000)
  let stage: Stage

  before(async () => {
    stage = await openStage()
  })
  after(async () => {
    await stage?.close()
  })

  interface System {
    readonly priority?: 'P1' | 'P2' | 'P3'
    readonly hosts?: readonly string[]
    readonly script?: Partial<Script>
  }

  interface Begun {
    readonly handle: WorkflowHandle
    /** Of what concerns all of them. */
    readonly whole: Play
    /** In the order of the case. */
    readonly plays: readonly Play[]
    readonly names: readonly string[]
    /** Of the systems. */
    readonly children: readonly WorkflowHandle[]
    /** In the order in which it happened: `restoreTreeAside began at c1-2`. */
    readonly worked: string[]
    /** Most systems that worked at one moment. */
    most(): number
  }

  let count = 0
  /** Systems in the order of their rank, as `scopeSite` gives them. */
  async function begin(systems: readonly System[], scope: Partial<SiteScope> = {}, input: object = {}): Promise<Begun> {
    const site = `site-${(count += 1)}`
    const names = systems.map((_, index) => `s${count}-${index + 1}`)
    const working = new Set<string>()
    const worked: string[] = []
    let most = 0
    const watched = (system: string, script: Script): Script => {
      const wrapped = heavy.map((name) => [
        name,
        async (given: never, attempt: number) => {
          working.add(`${system} ${name}`)
          most = Math.max(most, new Set([...working].map((one) => one.split(' ')[0])).size)
          worked.push(`${name} of ${system}`)
          try {
            return await (script[name] as (input: never, attempt: number) => unknown)(given, attempt)
          } finally {
            working.delete(`${system} ${name}`)
          }
        },
      ])
      return { ...script, ...Object.fromEntries(wrapped) }
    }
    const plays = systems.map(({ script }, index) => stage.play(watched(names[index] as string, { ...base, ...script }), names[index]))
    const found = systems.map(({ priority = 'P2', hosts = ['localhost'] }, index) => ({
      system: names[index] as string,
      priority,
      hosts,
      to: 'primary',
      rtoSeconds: 600,
    }))
    const whole = stage.play({ ...base, scopeSite: () => ({ configHash, systems: found, leftOut: [], perHost: 1, limits: shortLimits, ...scope }) }, noSystem)
    const handle = await stage.start('failoverSite', `failover-site/${site}`, { site, requestedBy: 'alice', ...input })
    const children = names.map((name) => stage.client.workflow.getHandle(`target/${name}`))
    return { handle, whole, plays, names, children, worked, most: () => most }
  }

  /** A child is there a moment after its parent. */
  async function untilAt(child: WorkflowHandle, phase: string): Promise<void> {
    const isThere = async () =>
      child.describe().then(
        () => true,
        () => false,
      )
    await until(child.workflowId, isThere)
    await untilPhase(child, phase)
  }

  async function approve(child: WorkflowHandle): Promise<void> {
    await untilAt(child, 'waiting for approval')
    await child.executeUpdate('approve', { args: [{ plan: (await child.describe()).memo?.['plan'], person: 'bob' }] })
  }

  const rows = async (handle: WorkflowHandle) => (await handle.describe()).memo?.['systems'] as readonly SystemMoved[]
  const firsts = (worked: readonly string[], step: string) => worked.filter((one) => one.startsWith(`${step} `)).map((one) => one.split('-').at(-1))

  it('brings systems back in their order, never more at once on a host than it may, and says what each took', async () => {
    const { handle, names, worked, most, plays } = await begin([{ priority: 'P1' }, { priority: 'P2' }, { priority: 'P3' }])
    const result = (await handle.result()) as FailoverSiteResult
    assert.equal(result.outcome, 'succeeded')
    assert.deepEqual(firsts(worked, 'restoreDatabaseAside'), ['1', '2', '3'])
    assert.deepEqual(firsts(worked, 'openDatabase'), ['1', '2', '3'])
    assert.equal(most(), 1)
    assert.deepEqual(
      result.systems.map(({ system, workflowId, outcome, lossSeconds, problem }) => [system, workflowId, outcome, lossSeconds, problem]),
      names.map((name) => [name, `target/${name}`, 'succeeded', 0, null]),
    )
    for (const { record, rtoSeconds, plan } of result.systems) assert.ok(record && rtoSeconds !== null && rtoSeconds > 0 && plan)
    assert.equal(plays[0]?.calls('scopeMove')[0]?.input.configHash, configHash)
  })

  it('lets two work on a host that may have two, and others on another host', async () => {
    const gate = { open: false }
    const held: Partial<Script> = {
      restoreTreeAside: async (input, attempt) => {
        await until('the gate', () => gate.open)
        return base.restoreTreeAside(input, attempt)
      },
    }
    const systems = [{ script: held }, { script: held }, { script: held }, { hosts: ['other'], script: held }]
    const { handle, worked, most } = await begin(systems, { perHost: 2 })
    await until('three to work', () => firsts(worked, 'restoreTreeAside').length === 3)
    assert.deepEqual(firsts(worked, 'restoreTreeAside').toSorted(), ['1', '2', '4'])
    gate.open = true
    assert.equal(((await handle.result()) as FailoverSiteResult).outcome, 'succeeded')
    assert.equal(most(), 3)
  })

  it('goes on with the others where one fails, and ends as the worst of them', async () => {
    const broken: Partial<Script> = { holdAtTarget: failing('WalGap', 'WAL is missing after 0/5000000') }
    const unplanned: Partial<Script> = { scopeMove: failing('IdentityMissing', 'beta has no age identity') }
    const { handle } = await begin([{ script: broken }, { script: unplanned }, {}])
    const end = await endOf(handle)
    assert.equal(end.type, 'IdentityMissing')
    assert.match(end.message, /1 of 3 systems are back; s\d+-2: beta has no age identity/)
    assert.deepEqual(
      (await rows(handle)).map(({ outcome, problem }) => [outcome, problem?.type]),
      [
        ['rolled-back', 'WalGap'],
        ['failed', 'IdentityMissing'],
        ['succeeded', undefined],
      ],
    )
    assert.equal((await handle.describe()).memo?.['outcome'], 'failed')
  })

  it('leaves one record of the whole, with how each ended and where its own is, whatever became of them', async () => {
    const broken: Partial<Script> = { holdAtTarget: failing('WalGap', 'WAL is missing after 0/5000000') }
    const wiki = { system: 'wiki', priority: 'P3', why: 'no failover plan', detail: 'write failover' } as const
    const { handle, whole, names } = await begin([{ script: broken }, {}], { leftOut: [wiki] })
    assert.equal((await endOf(handle)).type, 'WalGap')
    const [call, ...more] = whole.calls('writeEvidence')
    const evidence = call?.input.evidence ?? assert.fail('there is none')
    assert.deepEqual(more, [])
    assert.deepEqual([evidence.system, evidence.procedure, evidence.outcome, evidence.requestedBy], ['_installation', 'failoverSite', 'rolled-back', 'alice'])
    const { startTime, memo } = await handle.describe()
    assert.equal(evidence.times.declaredAt, startTime.toISOString())
    assert.deepEqual(memo?.['evidence'], { key: 'evidence/_installation/1.json' })
    assert.deepEqual(
      evidence.lostSite?.systems.map(({ system, outcome, problem, evidence: own }) => [system, outcome, problem?.split(':')[0], own?.key]),
      [
        [names[0], 'rolled-back', 'WalGap', undefined],
        [names[1], 'succeeded', undefined, `evidence/${names[1]}/1.json`],
      ],
    )
    assert.deepEqual(evidence.measured, { rtoSeconds: null, rpoSeconds: null })
    assert.equal(evidence.deviations.length, 2)
    assert.match(evidence.deviations[1] ?? '', /^P3 wiki: left out, no failover plan/)
    assert.deepEqual(
      evidence.delivered.map(({ event }) => event),
      ['failed'],
    )
  })

  it('measures the site by the last of its systems, and goes by the objective of each', async () => {
    const { handle, whole, names } = await begin([{}, {}], {})
    const { record, systems } = (await handle.result()) as FailoverSiteResult
    const evidence = whole.calls('writeEvidence')[0]?.input.evidence
    assert.deepEqual(record?.stores, ['local', 'nas'])
    assert.equal(evidence?.measured.rtoSeconds, Math.max(...systems.map(({ rtoSeconds }) => rtoSeconds ?? Number.NaN)))
    assert.deepEqual(
      evidence?.steps.map(({ name }) => name),
      names.map((name) => `failover of ${name}`),
    )
    assert.deepEqual([evidence?.deviations, evidence?.lostSite?.systems[0]?.rtoObjectiveSeconds], [[], 600])
  })

  it('asks for all approvals at once, and gives the place of one that only waits for its approval to the next', async () => {
    const { handle, children, names, worked, most } = await begin([{ script: asksOne }, { script: asksOne }, {}])
    const [first, second, third] = children as [WorkflowHandle, WorkflowHandle, WorkflowHandle]
    await untilAt(first, 'waiting for approval')
    await untilAt(second, 'waiting for approval')
    await third.result()
    assert.deepEqual(firsts(worked, 'restoreDatabaseAside'), ['1', '2', '3'])
    assert.ok(!worked.includes(`openDatabase of ${names[0]}`))
    await approve(second)
    await second.result()
    await approve(first)
    assert.equal(((await handle.result()) as FailoverSiteResult).outcome, 'succeeded')
    assert.deepEqual(firsts(worked, 'openDatabase'), ['3', '2', '1'])
    assert.equal(most(), 1)
  })

  it('gives the next place to the one of highest rank that was approved meanwhile', async () => {
    const gate = { open: false }
    const slow: Partial<Script> = {
      ...asksOne,
      swapIn: async (input, attempt) => {
        await until('the gate', () => gate.open)
        return base.swapIn(input, attempt)
      },
    }
    const { handle, children, worked, most } = await begin([{ script: asksOne }, { script: asksOne }, { script: slow }])
    const [first, second, third] = children as [WorkflowHandle, WorkflowHandle, WorkflowHandle]
    await until('all to be prepared', () => firsts(worked, 'restoreTreeAside').length === 3)
    await approve(third)
    await until('the third to work', () => firsts(worked, 'swapIn').length > 0)
    await approve(second)
    await untilAt(second, 'waiting for its turn')
    await approve(first)
    await untilAt(first, 'waiting for its turn')
    gate.open = true
    await handle.result()
    assert.deepEqual(firsts(worked, 'openDatabase'), ['3', '1', '2'])
    assert.equal(most(), 1)
  })

  it('passes over one that waits for people about its old side', async () => {
    const { handle, children, worked } = await begin([{ script: { observeTargets: oldSideGone } }, {}])
    const [first, second] = children as [WorkflowHandle, WorkflowHandle]
    await untilAt(first, 'fence: waiting for people')
    await second.result()
    const plan = (await first.describe()).memo?.['plan']
    for (const person of ['alice', 'bob']) await first.executeUpdate('attest', { args: [{ plan, person, statement: 'the power of db1 is off' }] })
    await handle.result()
    assert.deepEqual(firsts(worked, 'openDatabase'), ['2', '1'])
  })

  it('passes over one that is paused, which waits for its turn where it can be taken back and for nobody where it cannot', async () => {
    const gate = { open: false }
    const slow: Partial<Script> = {
      restoreTreeAside: async (input, attempt) => {
        await until('the gate', () => gate.open)
        return base.restoreTreeAside(input, attempt)
      },
    }
    let sick = 1
    const sickOnce: Partial<Script> = {
      awaitHealthy: (input, attempt) => (sick-- > 0 ? failing('ServiceUnhealthy', 'HTTP 503')() : base.awaitHealthy(input, attempt)),
    }
    const { handle, children, plays } = await begin([{ script: sickOnce }, { script: slow }])
    const [first] = children as [WorkflowHandle]
    await untilAt(first, 'paused: health of web')
    await until('the second to work', () => (plays[1]?.calls('restoreTreeAside').length ?? 0) > 0)
    await first.executeUpdate('correct', { args: [{ action: 'retry', person: 'bob', reason: 'it was restarted' }] })
    // The second still works.
    await first.result()
    gate.open = true
    assert.equal(((await handle.result()) as FailoverSiteResult).outcome, 'succeeded')
  })

  it('leaves a system alone whose target is held by another run, and says so', async () => {
    const system = `s${count + 1}-1`
    stage.play({ ...base, ...asksOne }, system)
    const held = await stage.start('failover', `target/${system}`, { system })
    await untilAt(held, 'waiting for approval')
    const { runId } = await held.describe()
    const { handle, children } = await begin([{ script: asksOne }, {}])
    const end = await endOf(handle)
    assert.equal(end.type, 'LockHeld')
    assert.match(end.message, /1 of 2 systems are back; s\d+-1: target\/s\d+-1 runs already/)
    assert.equal((await rows(handle))[0]?.outcome, 'refused')
    assert.equal((await (children[0] as WorkflowHandle).describe()).runId, runId)
    assert.equal((await held.describe()).status.name, 'RUNNING')
    await held.cancel()
    await endOf(held)
  })

  it('is refused where there is nothing to do, with the reason of each system', async () => {
    const why = { system: 'wiki', priority: 'P3', why: 'no failover plan', detail: 'write failover' } as const
    const { handle } = await begin([], { leftOut: [why] })
    const end = await endOf(handle)
    assert.equal(end.type, 'NothingToDo')
    assert.match(end.message, /no system fails over from site site-\d+: wiki: no failover plan, write failover/)
  })

  it('is refused at the site that is lost, in words that say where to start it', async () => {
    const handle = await stage.start('failoverSite', 'failover-site/primary', { site: 'primary' })
    const end = await endOf(handle)
    assert.equal(end.type, 'InvalidInput')
    assert.match(end.message, /works at site primary, which is the one that is lost: .*muster failover --site primary/)
  })

  it('does not count a system of the site as brought back that has no failover plan', async () => {
    const wiki = { system: 'wiki', priority: 'P3', why: 'no failover plan', detail: 'write failover' } as const
    const shop = { system: 'old', priority: 'P1', why: 'active elsewhere', detail: 'it is active at site dr' } as const
    const { handle } = await begin([{}], { leftOut: [wiki, shop] })
    const { outcome, leftOut } = (await handle.result()) as FailoverSiteResult
    assert.deepEqual([outcome, leftOut], ['degraded', [wiki, shop]])
    const elsewhere = await begin([{}], { leftOut: [shop] })
    assert.equal(((await elsewhere.handle.result()) as FailoverSiteResult).outcome, 'succeeded')
    const unknown = await begin([{}], { leftOut: [{ ...wiki, why: 'unknown', detail: 'no store answers' }] })
    assert.match((await endOf(unknown.handle)).message, /1 of 2 systems are back; wiki: no store answers/)
  })

  it('shows the plan of each with when it would be back, what is missing, and what cannot be planned; nothing is changed', async () => {
    const planOf = shopRestorePlan({ approvals: { count: 2, accept: 'signed' } })
    const storesOut = [{ store: 'offsite', problem: 'it does not answer' }]
    const out: Partial<Script> = {
      planRestore: (input) => {
        const plan = planOf(input)
        return { ...plan, forecast: { ...plan.forecast, storesOut } }
      },
    }
    const { handle, plays, whole } = await begin(
      [{ script: out }, { script: { scopeMove: failing('IdentityMissing', 'no identity') } }, {}],
      {},
      { planOnly: true },
    )
    const { planned, outcome, systems } = (await handle.result()) as FailoverSiteResult
    assert.deepEqual([outcome, systems], ['failed', []])
    assert.deepEqual(
      planned.map(({ startsAfterSeconds, endsAfterSeconds, problem }) => [startsAfterSeconds, endsAfterSeconds, problem?.message]),
      [
        [0, 12.5, undefined],
        [null, null, 'no identity'],
        [12.5, 25, undefined],
      ],
    )
    const [first] = planned
    assert.deepEqual(first?.approvals, { count: 2, accept: 'signed' })
    assert.match(first?.plan ?? '', /^[0-9a-f]{64}$/)
    assert.deepEqual(first?.missing, ['store offsite: it does not answer'])
    assert.deepEqual(plays[0]?.order('restoreDatabaseAside', 'stopDatabase', 'writeEvidence'), [])
    assert.deepEqual(whole.calls('writeEvidence'), [])
  })

  it('ends as cancelled, with the plans that it had begun, when its planning is taken back', async () => {
    const { handle, plays } = await begin([{ script: { planRestore: untilCancelled() } }, {}], {}, { planOnly: true })
    await until('the plan to be made', () => (plays[0]?.calls('planRestore').length ?? 0) > 0)
    await handle.cancel()
    const { ended } = await endOf(handle)
    const { phase, outcome } = (await handle.describe()).memo ?? {}
    assert.deepEqual([ended, phase, outcome], ['cancelled', 'cancelled', 'cancelled'])
  })

  it('gives each system the expiry of the plan that was shown, so that its hash stays the same', async () => {
    const shown = await begin([{ script: asksOne }], {}, { planOnly: true })
    const [plan] = ((await shown.handle.result()) as FailoverSiteResult).planned
    const again = await stage.start('failoverSite', `failover-site/again-${count}`, {
      site: `site-${count}`,
      requestedBy: 'alice',
      expiresAt: { [plan?.system ?? '']: plan?.expiresAt },
    })
    const [child] = shown.children as [WorkflowHandle]
    await untilAt(child, 'waiting for approval')
    assert.equal((await child.describe()).memo?.['plan'], plan?.plan)
    await approve(child)
    await again.result()
  })

  it('rolls back what can be taken back when it is cancelled, lets the rest go on, and ends when all have', async () => {
    const gate = { open: false }
    const opening: Partial<Script> = {
      startService: async (input, attempt) => {
        await until('the gate', () => gate.open)
        return base.startService(input, attempt)
      },
    }
    const systems = [{ script: opening }, { hosts: ['second'], script: asksOne }, { hosts: ['second'], script: { saveTail: untilCancelled() } }, {}]
    const { handle, children, plays } = await begin(systems)
    await until('the first to open', () => (plays[0]?.calls('startService').length ?? 0) > 0)
    await untilAt(children[1] as WorkflowHandle, 'waiting for approval')
    await until('the third to save its tail', () => (plays[2]?.calls('saveTail').length ?? 0) > 0)
    await handle.cancel()
    for (const child of children.slice(1)) assert.equal((await endOf(child)).type, 'Cancelled')
    assert.equal((await handle.describe()).status.name, 'RUNNING', 'one has not ended')
    gate.open = true
    assert.equal((await endOf(handle)).ended, 'cancelled')
    assert.deepEqual(
      (await rows(handle)).map(({ outcome }) => outcome),
      ['succeeded', 'cancelled', 'cancelled', 'cancelled'],
    )
    assert.deepEqual(plays[2]?.order('startOldDatabase', 'discardAside').slice(0, 1), ['startOldDatabase database'])
    assert.equal(plays[3]?.calls('restoreDatabaseAside').length, 0)
  })

  it('does not take its systems along when somebody terminates it: each goes on by itself, also one that waited for its turn', async () => {
    const gate = { open: false }
    const slow: Partial<Script> = {
      restoreTreeAside: async (input, attempt) => {
        await until('the gate', () => gate.open)
        return base.restoreTreeAside(input, attempt)
      },
    }
    // Its steps too have to be taken within that time.
    const impatient: Partial<Script> = { planRestore: shopRestorePlan({ limits: { agentSeconds: 3 } }) }
    const { handle, children, plays } = await begin([{ script: slow }, { script: impatient }])
    const [first, second] = children as [WorkflowHandle, WorkflowHandle]
    await untilAt(second, 'waiting for its turn')
    await until('the first to work', () => (plays[0]?.calls('restoreTreeAside').length ?? 0) > 0)
    await handle.terminate('by mistake')
    assert.equal(((await second.result()) as { outcome: string }).outcome, 'succeeded')
    gate.open = true
    assert.equal(((await first.result()) as { outcome: string }).outcome, 'succeeded')
  })

  it('keeps no place for one that hangs while it is planned', async () => {
    const gate = { open: false }
    const hanging: Partial<Script> = {
      scopeMove: async (input, attempt) => {
        await until('the gate', () => gate.open)
        return base.scopeMove(input, attempt)
      },
    }
    const { handle, children, worked } = await begin([{ script: hanging }, {}], { limits: { ...shortLimits, agentSeconds: 0.5 } })
    await until('the second', () => worked.length > 0)
    await (children[1] as WorkflowHandle).result()
    gate.open = true
    assert.equal(((await handle.result()) as FailoverSiteResult).outcome, 'succeeded')
  })
})
