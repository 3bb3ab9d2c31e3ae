import assert from 'node:assert/strict'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { endOf, failing, openStage, type Play, type Stage, until, untilCancelled, untilPhase } from '../support/scripted-activities.ts'
import { database, uploads, shopRestorePlan, shopScript, shortLimits } from '../support/shop-script.ts'

const base = shopScript()
const changes = ['stopService', 'stopDatabase', 'restoreDatabaseAside', 'restoreTreeAside', 'swapIn', 'openDatabase'] as const

describe('a restore that is only planned or is refused', function () {
  this.timeout(60_000)
  let stage: Stage
  let runs = 0

  before(async () => {
    stage = await openStage({ hosts: ['db2'] })
  })
  after(() => stage?.close())

  const start = (type: string, input: object, workflowId = `plan/${++runs}`) => stage.start(type, workflowId, input)
  const nothingChanged = (play: Play) => assert.deepEqual(play.order(...changes), [])

  it('shows the plan and changes nothing with planOnly, under any id', async () => {
    const play = stage.play(base)
    const handle = await start('restoreSystem', { system: play.system, planOnly: true, requestedBy: 'alice' })
    const { outcome, plan, backup } = (await handle.result()) as RestoreResult
    assert.deepEqual([outcome, backup, plan.decision.target.kind, plan.decision.approvals.requester], ['succeeded', null, 'latest', 'alice'])
    assert.deepEqual(play.order(), ['scopeRestore', 'observeTargets', 'planRestore', 'compareTree uploads'])
    assert.equal((await handle.describe()).memo?.['phase'], 'planned')
    assert.deepEqual(play.calls('notifyPeople'), [])
  })

  it('plans although trees cannot be compared with what is there, and says why', async () => {
    const play = stage.play({ ...base, compareTree: failing('AgentAbsent', 'no agent took the step: compareTree') })
    const handle = await start('restoreSystem', { system: play.system, planOnly: true, requestedBy: 'alice' })
    const { outcome, plan } = (await handle.result()) as RestoreResult
    const [difference] = plan.differences ?? []
    assert.deepEqual([outcome, difference?.component, difference?.key], ['succeeded', 'uploads', ''])
    assert.match(difference?.problem ?? '', /no agent took the step/)
  })

  it('asks every other host that restores whether it could, and shows with the plan what they say', async () => {
    const components = [database, { ...uploads, host: 'db2' }]
    const play = stage.play({
      ...base,
      planRestore: shopRestorePlan({ decision: { components } }),
      proveRestorable: () => ({ warnings: ['uploads: could not be tried'] }),
    })
    const input = { system: play.system, planOnly: true, identityFile: '/media/usb/identity.txt' }
    const { plan } = (await (await start('restoreSystem', input)).result()) as RestoreResult
    assert.deepEqual(plan.forecast.warnings, ['uploads: could not be tried'])
    const [asked, ...more] = play.calls('proveRestorable')
    assert.deepEqual([asked?.queue, more], ['muster-host-db2-urgent', []])
    assert.deepEqual(asked?.input, {
      system: play.system,
      configHash: plan.decision.configHash,
      identityFile: '/media/usb/identity.txt',
      backups: [{ component: 'uploads', backup: uploads.backup, fromStore: 'local' }],
    })
  })

  it('hands everything that was asked for to the plan', async () => {
    const play = stage.play(base)
    const input = {
      system: play.system,
      components: ['database'],
      from: 'nas',
      openWith: ['offsite'],
      newerFiles: 'discard',
      stopFirst: true,
      backup: '20261121T020000Z-d4t4',
      requestedBy: 'alice',
      planOnly: true,
    }
    await (await start('restoreSystem', input)).result()
    const [call] = play.calls('planRestore')
    assert.equal(call?.queue, 'muster-host-localhost-urgent')
    const { observations, ...asked } = call.input
    assert.deepEqual(observations, [])
    assert.deepEqual(asked, {
      procedure: 'restoreSystem',
      system: play.system,
      components: ['database'],
      target: { kind: 'backup', backup: '20261121T020000Z-d4t4' },
      incarnation: null,
      from: 'nas',
      into: null,
      path: null,
      back: null,
      openWith: ['offsite'],
      newerFiles: 'discard',
      stopFirst: true,
      expiresAt: null,
      requester: 'alice',
      configHash: 'c0ffee'.padEnd(64, '0'),
      pinned: null,
    })
  })

  it('turns a time, an LSN or a name into the target of the plan', async () => {
    const play = stage.play(base)
    for (const to of [{ time: '2026-11-21T03:14:00+01:00' }, { lsn: '16/b374d848' }, { name: 'before-migration' }]) {
      await (await start('recoverToPointInTime', { system: play.system, to, planOnly: true })).result()
    }
    assert.deepEqual(
      play.calls('planRestore').map(({ input }) => input.target),
      [
        { kind: 'time', time: '2026-11-21T02:14:00.000000Z' },
        { kind: 'lsn', lsn: '16/B374D848' },
        { kind: 'name', name: 'before-migration' },
      ],
    )
  })

  it('ends with the plan’s own reason when it cannot be planned', async () => {
    const play = stage.play({ ...base, planRestore: failing('RecoveryTargetUnreachable', 'reachable: 02:00 to 02:20') })
    const handle = await start('recoverToPointInTime', { system: play.system, to: { name: 'x' }, planOnly: true })
    const end = await endOf(handle)
    assert.equal(end.type, 'RecoveryTargetUnreachable')
    assert.match(end.message, /reachable: 02:00 to 02:20/)
    assert.equal((await handle.describe()).memo?.['outcome'], 'failed')
  })

  it('is planned within the limits of the configuration, once that is read', async () => {
    const limits = { ...shortLimits, controlSeconds: 0.5 }
    const play = stage.play({
      ...base,
      scopeRestore: async (input, attempt) => ({ ...(await base.scopeRestore(input, attempt)), limits }),
      planRestore: untilCancelled(),
    })
    const startedAt = Date.now()
    const end = await endOf(await start('restoreSystem', { system: play.system, planOnly: true }))
    assert.deepEqual([end.ended, end.type], ['failed', 'Timeout'])
    assert.ok(Date.now() - startedAt < 30_000)
  })

  it('is refused under another id than the target’s, and the right one is named', async () => {
    const play = stage.play(base)
    const end = await endOf(await start('restoreSystem', { system: play.system }, 'my-restore-2026-11-21'))
    assert.equal(end.type, 'InvalidInput')
    assert.match(end.message, new RegExp(`"my-restore-2026-11-21".*in place runs under the id "target/${play.system}"`))
    assert.deepEqual(play.order(), [])
  })

  it('is refused elsewhere under the id of the target or of another system', async () => {
    const play = stage.play(base)
    const input = { system: play.system, into: { directory: '/srv/copy' } }
    for (const id of [`target/${play.system}`, 'aside/other/localhost/abc']) {
      const end = await endOf(await start('restoreSystem', input, id))
      assert.equal(end.type, 'InvalidInput')
      assert.match(end.message, new RegExp(`elsewhere runs under the id "aside/${play.system}/`))
    }
    assert.deepEqual(play.order(), [])
  })

  it('admits one run per target', async () => {
    const play = stage.play({ ...base, planRestore: shopRestorePlan({ approvals: { count: 1 } }) })
    const handle = await start('restoreSystem', { system: play.system }, `target/${play.system}`)
    await untilPhase(handle, 'waiting for approval')
    await assert.rejects(start('recoverToPointInTime', { system: play.system, to: { name: 'x' } }, `target/${play.system}`), /already/i)
    await handle.terminate()
  })

  const wrong: readonly [title: string, type: string, input: unknown, says: RegExp][] = [
    ['no object', 'backupSystem', 'shop', /the input must be exactly one JSON object; a right input is \{"system":"shop","kind":"full"\}/],
    ['a list', 'archiveWal', ['shop'], /the input must be exactly one JSON object; a right input is \{"system":"shop"\}/],
    ['nothing', 'restoreSystem', null, /exactly one JSON object; a right input is \{"system":"shop","planOnly":true\}/],
    ['a missing field', 'backupSystem', {}, /system: .*; a right input is/],
    ['an unknown field', 'backupSystem', { system: 'shop', kindd: 'full' }, /Unrecognized key: "kindd"; a right input is/],
    ['a kind that this version does not have', 'backupSystem', { system: 'shop', kind: 'incremental' }, /kind: .*"full"; a right input is/],
    ['a path for a name', 'restoreSystem', { system: '../etc' }, /system: must be a name: lower-case letters, digits, - and _; a right/],
    ['a relative directory', 'restoreSystem', { system: 'shop', into: { directory: 'copy' } }, /into\.directory: .*; a right input is/],
    [
      'a time without a zone',
      'recoverToPointInTime',
      { system: 'shop', to: { time: '2026-11-21 02:14' } },
      /to.*; a right input is .*"time":"2026-11-21T02:14:00Z"/,
    ],
    ['two targets', 'recoverToPointInTime', { system: 'shop', to: { name: 'x', lsn: '0/1' } }, /to.*; a right input is/],
    ['no target', 'recoverToPointInTime', { system: 'shop' }, /to: .*; a right input is/],
    ['a short hash', 'restoreSystem', { system: 'shop', approve: '9c41' }, /approve: must be 64 hex digits; a right input is/],
  ]
  for (const [title, type, input, says] of wrong) {
    it(`fails at once for ${title}, with an example of what is right`, async () => {
      const end = await endOf(await stage.start(type, `wrong/${++runs}`, input))
      assert.deepEqual([end.ended, end.type], ['failed', 'InvalidInput'])
      assert.match(end.message, says)
    })
  }

  it('fails at once for two arguments', async () => {
    const handle = await stage.client.workflow.start('backupSystem', { taskQueue: 'muster', workflowId: `wrong/${++runs}`, args: [{ system: 'shop' }, 'full'] })
    assert.match((await endOf(handle)).message, /exactly one JSON object/)
  })

  it('fails at once for a workflow that does not exist, and names those that do', async () => {
    const end = await endOf(await stage.start('restoreSytem', `wrong/${++runs}`, { system: 'shop' }))
    assert.equal(end.type, 'InvalidInput')
    assert.match(end.message, /there is no workflow "restoreSytem"; there are: backupSystem, archiveWal, restoreSystem, recoverToPointInTime/)
  })

  it('ends with AgentAbsent, and names the step, when a host that restores has no agent to try it', async () => {
    const components = [{ ...database, host: 'db9' }]
    const play = stage.play({ ...base, planRestore: shopRestorePlan({ decision: { components }, limits: { agentSeconds: 0.3 } }) })
    const startedAt = Date.now()
    const end = await endOf(await start('restoreSystem', { system: play.system }, `target/${play.system}`))
    assert.equal(end.type, 'AgentAbsent')
    assert.match(end.message, /no agent of host db9 took the step: proveRestorable/)
    nothingChanged(play)
    // Nothing was stopped: the target is not held until an agent comes to remove what may have been restored.
    assert.ok(Date.now() - startedAt < 18_000, 'the run waited for an agent although nothing had to be given back')
  })

  it('rolls back when the agent is gone in the middle and returns later than it may be absent', async () => {
    const play = stage.play({
      ...base,
      planRestore: shopRestorePlan({ limits: { agentSeconds: 3 } }),
      stopDatabase: (input, attempt) => {
        void stage.agentLeaves()
        return base.stopDatabase(input, attempt)
      },
    })
    const handle = await start('restoreSystem', { system: play.system }, `target/${play.system}`)
    const alarm = () => play.calls('notifyPeople').find(({ input }) => input.notice.event === 'alarm')?.input.notice
    await until('people to be told that it is gone', () => alarm() !== undefined)
    await stage.agentReturns()
    const end = await endOf(handle)
    assert.equal(end.type, 'AgentAbsent')
    assert.deepEqual(play.order('startOldDatabase', 'discardAside'), ['startOldDatabase database', 'discardAside uploads', 'discardAside database'])
    assert.match(end.message, /rolled back: what ran before is running again/)
    assert.match(alarm()?.subject ?? '', /needs an agent to roll back/)
  })
})
