import assert from 'node:assert/strict'
import { besideEachOther } from '../support/beside-each-other.ts'
import type { DrillResult } from '../../workflows/messages.ts'
import { endOf, failing, openStage, type Play, type Script, type Stage, until, untilCancelled } from '../support/scripted-activities.ts'
import { oldSide } from '../support/move-script.ts'
import { shopDrillPlan, shopRestorePlan, shopScript } from '../support/shop-script.ts'

const base = shopScript()

describe('a drill', function () {
  this.timeout(60_000)
  let stage: Stage

  before(async () => {
    stage = await openStage()
  })
  after(() => stage?.close())
  const test = besideEachOther()

  const play = (changes: Partial<Script> = {}) => stage.play({ ...base, holdAtTarget: heldNow, ...changes })
  const heldNow: Script['holdAtTarget'] = () => ({ replayedLsn: '0/4000100', lastCommitAt: new Date(Date.now() - 60_000).toISOString().replace('Z', '000Z') })
  const start = (one: Play, input: object = {}) =>
    stage.start('drill', `drill/${one.system}/1`, { system: one.system, kind: 'restore', requestedBy: 'alice', ...input })
  const kept = (one: Play) => one.calls('writeEvidence').map(({ input }) => input.evidence)

  test('restores in quarantine, checks, promotes, cleans up and keeps the evidence, without touching the service', async () => {
    const one = play()
    const { outcome, evidence, record } = (await (await start(one)).result()) as DrillResult
    assert.equal(outcome, 'succeeded', JSON.stringify(evidence))
    assert.deepEqual(one.order('stopService', 'stopDatabase', 'saveTail', 'swapIn', 'startClosed', 'protectAgain', 'openDatabase'), [])
    const order = one.order('planDrill', 'holdAtTarget', 'checkRestored', 'promoteAside', 'discardAside', 'releaseDrill', 'writeEvidence')
    assert.deepEqual(order, [
      'planDrill',
      'holdAtTarget database',
      'checkRestored database',
      'promoteAside database',
      'discardAside uploads',
      'discardAside database',
      'releaseDrill',
      'writeEvidence',
    ])
    assert.ok(evidence.measured.rtoSeconds !== null && evidence.measured.rtoSeconds > 0)
    assert.ok(
      evidence.measured.rpoSeconds !== null && evidence.measured.rpoSeconds > 30 && evidence.measured.rpoSeconds <= 60,
      String(evidence.measured.rpoSeconds),
    )
    assert.deepEqual(
      evidence.recovered.map(({ component, fromStore }) => [component, fromStore]),
      [
        ['database', 'local'],
        ['uploads', 'local'],
      ],
    )
    assert.deepEqual(evidence.deviations, [])
    assert.deepEqual(kept(one), [evidence])
    assert.equal(one.calls('writeEvidence')[0]?.input.decision?.procedure, 'drill')
    assert.deepEqual(record?.stores, ['local', 'nas'])
  })

  test('of kind failover plans the failover before it restores, and is degraded where that would do without something', async () => {
    const cold: Script['planRestore'] = (input) => ({ ...shopRestorePlan()(input), notWarm: ['database has no standby here'] })
    const one = play({ observeTargets: oldSide, planRestore: cold })
    const { outcome, evidence } = (await (await start(one, { kind: 'failover' })).result()) as DrillResult
    assert.equal(outcome, 'degraded')
    assert.deepEqual(evidence.deviations, ['database has no standby here'])
    assert.match(evidence.checks[0]?.name ?? '', /failover from primary to dr can be planned/)
    assert.deepEqual(one.order('scopeMove', 'planRestore', 'planDrill'), ['scopeMove', 'planRestore', 'planDrill'])
    assert.deepEqual(one.order('stopService', 'stopDatabase', 'takeOver', 'changeDns', 'swapIn'), [])
  })

  test('of kind failover restores nothing where the failover could not be planned', async () => {
    const one = play({ scopeMove: failing('WrongTarget', 'system "shop" is active at site dr already') })
    const end = await endOf(await start(one, { kind: 'failover' }))
    assert.match(end.message, /active at site dr already/)
    assert.deepEqual(one.order('planDrill'), [])
    assert.deepEqual(kept(one)[0]?.outcome, 'failed')
  })

  test('that fails is cleaned up, told, and kept as evidence', async () => {
    const one = play({ checkRestored: failing('CheckFailed', 'max(created_at) of orders is too old') })
    const end = await endOf(await start(one))
    assert.deepEqual([end.type, end.message], ['CheckFailed', 'max(created_at) of orders is too old'])
    assert.deepEqual(one.order('discardAside', 'releaseDrill'), ['discardAside uploads', 'discardAside database', 'releaseDrill'])
    const [evidence] = kept(one)
    assert.equal(evidence?.outcome, 'failed')
    assert.deepEqual(evidence?.deviations.slice(0, 1), ['CheckFailed: max(created_at) of orders is too old'])
    assert.equal(evidence?.measured.rtoSeconds, null)
    const told = one.calls('notifyPeople').at(-1)?.input.notice
    assert.deepEqual([told?.event, told?.severity, told?.subject], ['failed', 'critical', `drill of ${one.system} failed`])
  })

  test('that misses its objective is degraded, and says by how much', async () => {
    const one = play({ planDrill: (input) => shopDrillPlan(input, { objectives: { rpoSeconds: 2, rtoSeconds: 600 } }) })
    const { outcome, evidence } = (await (await start(one)).result()) as DrillResult
    assert.equal(outcome, 'degraded')
    assert.match(evidence.deviations[0] ?? '', /^loss was [3-6]\d\.\d s, the objective is 2 s$/)
  })

  test('whose check counts less than half of what it did when the backup was made is degraded, and says both numbers', async () => {
    const name = 'select count(*) from orders'
    const counts =
      (value: number): Script['checkRestored'] =>
      () => ({ checks: [{ name, value, ok: true, detail: String(value) }] })
    const then =
      (value: number, onlyMost?: true): Script['planDrill'] =>
      (input) => {
        const plan = shopDrillPlan(input)
        const checks = [{ name, value, ok: true, detail: String(value), ...(onlyMost && { onlyMost }) }]
        return { ...plan, manifests: plan.manifests.map((one) => ({ ...one, checks: one.component === 'database' ? checks : [] })) }
      }
    const ends = async (now: number, before: Script['planDrill']) => {
      const one = play({ checkRestored: counts(now), planDrill: before })
      const { outcome, evidence } = (await (await start(one)).result()) as DrillResult
      return { one, said: [outcome, ...evidence.deviations] }
    }
    const lost = await ends(3, then(1_000_000))
    assert.deepEqual(lost.said, ['degraded', `${name}: 3, which is less than half of the 1000000 when it was backed up`])
    assert.equal(lost.one.calls('notifyPeople').at(-1)?.input.notice.severity, 'critical')
    assert.deepEqual((await ends(500_000, then(1_000_000))).said, ['succeeded'])
    assert.deepEqual((await ends(0, then(10, true))).said, ['succeeded'], 'a check with a max alone')
  })

  test('that is cancelled ends its step first, then cleans up and keeps that it was cancelled', async () => {
    const one = play({ restoreTreeAside: untilCancelled(200) })
    const handle = await start(one)
    await until('restoreTreeAside', () => one.calls('restoreTreeAside').length > 0)
    await handle.cancel()
    assert.equal((await endOf(handle)).ended, 'cancelled')
    const ended = one.moments.findIndex(({ what, label }) => what === 'cancelled' && label === 'restoreTreeAside uploads')
    const undone = one.moments.findIndex(({ what, label }) => what === 'started' && label === 'releaseDrill')
    assert.ok(ended >= 0 && undone > ended, JSON.stringify(one.moments))
    assert.equal(kept(one)[0]?.outcome, 'cancelled')
  })

  test('that cannot be planned leaves no folder, and has evidence of that', async () => {
    const one = play({ planDrill: failing('BackupNotFound', 'nothing of database was ever backed up') })
    assert.equal((await endOf(await start(one))).type, 'BackupNotFound')
    assert.deepEqual(one.order('releaseDrill'), ['releaseDrill'])
    assert.deepEqual([kept(one)[0]?.outcome, kept(one)[0]?.plan], ['failed', null])
    assert.equal(one.calls('writeEvidence')[0]?.input.decision, undefined)
  })

  test('that leaves something behind is failed, whatever it proved', async () => {
    const one = play({ releaseDrill: failing('PreconditionFailed', 'no right to end process 7') })
    const end = await endOf(await start(one))
    assert.equal(end.type, 'RestoreFailed')
    assert.match(end.message, /left behind: "remove what the drill restored on localhost" failed: no right to end process 7/)
    assert.equal(kept(one)[0]?.outcome, 'failed')
  })

  test('whose evidence no store takes raises an alarm', async () => {
    const one = play({
      writeEvidence: ({ evidence }) => ({ key: `evidence/${evidence.system}/1.json`, sha256: '', stores: [], failed: [{ store: 'local', problem: 'full' }] }),
    })
    const { outcome, record } = (await (await start(one)).result()) as DrillResult
    assert.deepEqual([outcome, record], ['succeeded', null])
    const told = one.calls('notifyPeople').at(-1)?.input.notice
    assert.deepEqual([told?.event, told?.severity, told?.subject], ['alarm', 'critical', `no evidence of the drill of ${one.system}`])
  })

  test('that is only planned restores nothing, removes its folder, and is neither told nor kept', async () => {
    const one = play()
    const { plan, outcome, record } = (await (await start(one, { planOnly: true })).result()) as DrillResult
    assert.deepEqual([outcome, record, plan?.forecast.durationSeconds], ['succeeded', null, 12.5])
    assert.deepEqual(one.order(), ['scopeRestore', 'planDrill', 'releaseDrill'])
  })

  test('that cannot be planned when only a plan is asked for says why, and leaves no evidence', async () => {
    const one = play({ planDrill: failing('BackupNotFound', 'nothing of database was ever backed up') })
    assert.equal((await endOf(await start(one, { planOnly: true }))).type, 'BackupNotFound')
    assert.deepEqual(one.order(), ['scopeRestore', 'planDrill', 'releaseDrill'])
  })

  test('refuses an input that is none, with an example', async () => {
    const one = play()
    const end = await endOf(await start(one, { kind: 'full' }))
    assert.equal(end.type, 'InvalidInput')
    assert.match(end.message, /kind: .*a right input is \{"system":"shop","kind":"restore"\}/)
  })
})
