/** At which site a run works: its memo says so, else its input, as it is typed into the Temporal UI. */
import assert from 'node:assert/strict'
import { RetryState, TimeoutType } from '@temporalio/common'
import { ActivityFailure, TimeoutFailure } from '@temporalio/workflow'
import { type WorkflowType, workflowTypes } from '../../workflows/messages.ts'
import { unlessNobodyWorks } from '../../workflows/nobody-works.ts'
import { oldSide } from '../support/move-script.ts'
import { endOf, noSystem, openStage, type Play, type Script, type Stage, until } from '../support/scripted-activities.ts'
import { shopScript } from '../support/shop-script.ts'

const base = shopScript()
const script: Script = { ...base, observeTargets: oldSide }

/** What a person types besides the system. */
const inputs: Readonly<Record<Exclude<WorkflowType, 'installConfig' | 'failoverSite' | 'archiveHistories'>, object>> = {
  backupSystem: {},
  archiveWal: {},
  restoreSystem: {},
  recoverToPointInTime: { to: { time: '2026-11-21T02:14:00Z' } },
  drill: { kind: 'failover' },
  failover: {},
  failback: {},
  switchover: {},
  monitorHealth: {},
  refreshStandby: {},
  respondToBreach: { since: '2026-11-21T02:14:00Z', hosts: ['localhost'] },
  probeSystem: {},
}
const types = Object.keys(inputs) as readonly (keyof typeof inputs)[]

describe('the site where a run works', function () {
  this.timeout(60_000)
  let stage: Stage

  before(async () => {
    stage = await openStage({ sites: ['dr'] })
  })
  after(() => stage?.close())

  /** Whose workers were asked for control steps. */
  const sitesOf = (...plays: readonly Play[]) => {
    const queues = plays.flatMap((play) => play.everyCall().map(({ queue }) => queue))
    return [...new Set(queues.flatMap((queue) => /^muster-site-(.*)$/.exec(queue)?.[1] ?? []))]
  }
  const siteOf = async (workflowId: string) => (await stage.client.workflow.getHandle(workflowId).describe()).memo?.['site']

  async function start(type: keyof typeof inputs, input: object, memo?: Record<string, unknown>) {
    const play = stage.play(script)
    const { system } = play
    return { play, handle: await stage.start(type, `target/${system}`, { system, requestedBy: 'alice', ...inputs[type], ...input }, memo) }
  }

  it('can be said of each procedure but that which names sites anyway', () => {
    assert.deepEqual([...types, 'archiveHistories', 'failoverSite', 'installConfig'].toSorted(), [...workflowTypes].toSorted())
  })

  // What moves while both sites work backs the trees of the old side up, there.
  const alsoAtTheOldSide: readonly string[] = ['failback', 'switchover']
  for (const type of types.filter((one) => one !== 'respondToBreach')) {
    it(`is that of the input, of ${type}, and of what it starts, and stands in the memo`, async () => {
      const { play, handle } = await start(type, { at: 'dr' })
      const { backup } = (await handle.result()) as { readonly backup?: string | null }
      if (backup) {
        await stage.client.workflow.getHandle(backup).result()
        assert.equal(await siteOf(backup), 'dr')
      }
      assert.deepEqual(sitesOf(play), alsoAtTheOldSide.includes(type) ? ['dr', 'primary'] : ['dr'])
      assert.equal(await siteOf(handle.workflowId), 'dr')
    })
  }

  it('is that of the input, of an answer to a breach, of the drills of its candidates and of its failover', async () => {
    const { play, handle } = await start('respondToBreach', { at: 'dr' })
    // Nobody looks through it: it is called off where it would open.
    const child = `${handle.workflowId}/recover`
    await untilThere(child, 'paused: review before opening')
    await stage.client.workflow.getHandle(child).executeUpdate('correct', { args: [{ action: 'giveUp', person: 'bob', reason: 'seen enough' }] })
    await endOf(handle)
    assert.ok(play.calls('planDrill').length > 0)
    assert.deepEqual(sitesOf(play), ['dr'])
    assert.equal(await siteOf(child), 'dr')
  })

  it('is that of the input, of a lost site, beside the one that is lost', async () => {
    const toOther: Script['scopeSite'] = async (input, attempt) => {
      const { systems, ...scope } = await base.scopeSite(input, attempt)
      return { ...scope, systems: systems.map((one) => ({ ...one, to: 'dr' })) }
    }
    const plays = [stage.play(script, 'shop'), stage.play({ ...script, scopeSite: toOther }, noSystem)]
    const input = { site: 'primary', requestedBy: 'alice' }
    const lost = await endOf(await stage.start('failoverSite', 'failover-site/primary', input))
    assert.match(lost.message, /works at site primary, which is the one that is lost: .*"at"/)
    await (await stage.start('failoverSite', 'failover-site/primary', { ...input, at: 'dr' })).result()
    await stage.client.workflow.getHandle('target/shop').result()
    assert.deepEqual(sitesOf(...plays), ['dr'])
    assert.deepEqual([await siteOf('failover-site/primary'), await siteOf('target/shop')], ['dr', 'dr'])
  })

  it('is that of the input, of the archive of histories', async () => {
    const play = stage.play(script, noSystem)
    await (await stage.start('archiveHistories', 'archive/dr', { at: 'dr' })).result()
    assert.deepEqual(sitesOf(play), ['dr'])
  })

  it('is that of the memo where both say one, and the default where neither does', async () => {
    const both = await start('backupSystem', { at: 'dr' }, { site: 'primary' })
    await both.handle.result()
    assert.deepEqual([sitesOf(both.play), await siteOf(both.handle.workflowId)], [['primary'], 'primary'])
    const neither = await start('backupSystem', {})
    await neither.handle.result()
    assert.deepEqual([sitesOf(neither.play), await siteOf(neither.handle.workflowId)], [['primary'], undefined])
  })

  it('has to be a name', async () => {
    const { handle } = await start('failover', { at: '../dr' })
    assert.match((await endOf(handle)).message, /^at: must be a name: .*a right input is \{"system":"shop","at":"dr","planOnly":true\}/)
  })

  it('is named where nobody works there, and nothing else that fails is changed', async () => {
    const waited = new TimeoutFailure('activity ScheduleToStart timeout', undefined, TimeoutType.SCHEDULE_TO_START)
    const absent = new ActivityFailure('', 'scopeMove', '1', RetryState.TIMEOUT, 'worker', waited)
    await assert.rejects(unlessNobodyWorks('dr', Promise.reject(absent)), { type: 'AgentAbsent', message: /^nobody works at site dr.*scopeMove.*"at"/ })
    const other = new ActivityFailure('', 'scopeMove', '1', RetryState.TIMEOUT, 'worker', new TimeoutFailure('', undefined, TimeoutType.HEARTBEAT))
    await assert.rejects(unlessNobodyWorks('dr', Promise.reject(other)), (error) => error === other)
  })

  async function untilThere(workflowId: string, phase: string): Promise<void> {
    const handle = stage.client.workflow.getHandle(workflowId)
    await until(workflowId, () =>
      handle.describe().then(
        ({ memo }) => memo?.['phase'] === phase,
        () => false,
      ),
    )
  }
})
