import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkflowHandle } from '@temporalio/client'
import type { RunEvidence } from '../../domain/evidence.ts'
import type { ArchiveWalResult, BackupSystemResult, MoveResult, RestoreResult } from '../../workflows/messages.ts'
import { besideEachOther } from '../support/beside-each-other.ts'
import { oldSide } from '../support/move-script.ts'
import {
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
  when,
} from '../support/scripted-activities.ts'
import { configHash, shopBackupPlan, shopRestorePlan, shopScript, shortLimits } from '../support/shop-script.ts'

const base = shopScript()
const noStore: Partial<Script> = {
  writeEvidence: ({ evidence }) => ({
    key: `evidence/${evidence.system}/1.json`,
    sha256: '',
    stores: [],
    failed: [{ store: 'local', problem: 'the disk is full' }],
  }),
}

describe('the evidence of a run', function () {
  this.timeout(120_000)
  let stage: Stage

  before(async () => {
    stage = await openStage()
  })
  after(() => stage?.close())
  const test = besideEachOther()

  const play = (changes: Partial<Script> = {}) => stage.play({ ...base, ...changes })
  const backUp = (one: Play, input: object = {}) =>
    stage.start('backupSystem', `backup/${one.system}/1`, { system: one.system, requestedBy: 'schedule daily', ...input })
  const restore = (one: Play, input: object = {}) =>
    stage.start('restoreSystem', `target/${one.system}`, { system: one.system, requestedBy: 'alice', ...input })
  const archive = (one: Play, input: object = {}) => stage.start('archiveWal', `wal/${one.system}/1`, { system: one.system, ...input })
  /** Of a restore, not of the full backup that follows it. */
  const kept = (one: Play, procedure: RunEvidence['procedure']) =>
    one.calls('writeEvidence').flatMap(({ input }) => (input.evidence.procedure === procedure ? [input.evidence] : []))
  const only = (one: Play, procedure: RunEvidence['procedure']): RunEvidence => {
    const all = kept(one, procedure)
    assert.equal(all.length, 1)
    return all[0] as RunEvidence
  }
  const alarms = (one: Play) =>
    one
      .calls('notifyPeople')
      .filter(({ input }) => input.notice.event === 'alarm')
      .map(({ input }) => `${input.notice.subject}: ${input.notice.body.split('\n')[0]}`)
  const times = ({ times: { declaredAt, approvedAt, dataReadyAt, serviceVerifiedAt, endedAt } }: RunEvidence) => [
    declaredAt,
    approvedAt,
    dataReadyAt,
    serviceVerifiedAt,
    endedAt,
  ]
  const answer = async (handle: WorkflowHandle, input: object) => {
    await untilPhase(handle, 'waiting for approval')
    await handle.executeUpdate('approve', { args: [{ plan: (await handle.describe()).memo?.['plan'], person: 'bob', ...input }] })
  }

  describe('of a backup', () => {
    test('has what was made, where, and how long each component took', async () => {
      const one = play()
      const { record } = (await (await backUp(one)).result()) as BackupSystemResult
      const evidence = only(one, 'backupSystem')
      assert.deepEqual(record?.stores, ['local', 'nas'])
      assert.deepEqual([evidence.outcome, evidence.requestedBy, evidence.configHash], ['succeeded', 'schedule daily', configHash])
      assert.deepEqual(
        evidence.made.map(({ component, backup, outcome, stores }) => [component, backup, outcome, stores.map(({ store }) => store)]),
        [
          ['database', '20261121T020000Z-database', 'succeeded', ['local', 'nas', 'offsite']],
          ['uploads', '20261121T020000Z-uploads', 'succeeded', ['local', 'nas', 'offsite']],
        ],
      )
      assert.ok(evidence.made.every(({ stores }) => stores.every(({ manifestSha256 }) => /^[0-9a-f]{64}$/.test(manifestSha256))))
      assert.deepEqual(
        evidence.steps.map(({ name }) => name),
        ['back up database', 'back up uploads'],
      )
      assert.deepEqual(evidence.deviations, [])
      assert.deepEqual(
        evidence.delivered.map(({ at, ...one }) => ({ ...one, isDated: Date.parse(at ?? '') > 0 })),
        [
          { event: 'started', channels: ['log'], isDated: true },
          { event: 'succeeded', channels: ['log'], isDated: true },
        ],
      )
      assert.equal(one.order().at(-1), 'writeEvidence')
    })

    test('names debts, failures and notices that could not be delivered', async () => {
      const out = failing('Unreachable', 'nas does not answer')
      const one = play({
        planBackup: () => shopBackupPlan({ limits: { ...shortLimits, copySeconds: 5, retrySeconds: 0.4 } }),
        publishCopy: when('nas', out, base.publishCopy),
        produceBackup: when('uploads', failing('SourceUnreadable', 'no right to read a file'), base.produceBackup),
        notifyPeople: () => ({ delivered: [], failed: [{ channel: 'email', problem: 'connection refused' }] }),
      })
      assert.equal((await endOf(await backUp(one))).type, 'SourceUnreadable')
      const evidence = only(one, 'backupSystem')
      assert.equal(evidence.outcome, 'failed')
      assert.deepEqual(evidence.deviations, [
        'uploads: SourceUnreadable: no right to read a file',
        'database: store "nas" is owed its copy: Unreachable: nas does not answer',
      ])
      assert.deepEqual(
        evidence.steps.map(({ name, failed }) => [name, failed]),
        [
          ['back up database', undefined],
          ['back up uploads', true],
        ],
      )
      assert.deepEqual([evidence.delivered, evidence.undelivered.length], [[], 2])
    })

    test('is kept of a run that is cancelled, after everything ended', async () => {
      const one = play({ publishCopy: untilCancelled(50) })
      const handle = await backUp(one)
      await until('a copy', () => one.calls('publishCopy').length > 0)
      await handle.cancel()
      assert.equal((await endOf(handle)).ended, 'cancelled')
      assert.deepEqual([only(one, 'backupSystem').outcome, one.order().at(-1)], ['cancelled', 'writeEvidence'])
    })

    test('is kept of a run that could not be planned, under the newest configuration, and not of one that names nothing known', async () => {
      const one = play({ planBackup: failing('NotActiveSite', 'it is active at site "dr"') })
      await endOf(await backUp(one))
      const [call] = one.calls('writeEvidence')
      assert.deepEqual([call?.input.configHash, call?.input.evidence.outcome], [null, 'failed'])
      assert.deepEqual(call?.input.evidence.deviations, ['NotActiveSite: it is active at site "dr"'])
      const other = play({ planBackup: failing('UnknownName', 'there is no such system') })
      await endOf(await backUp(other))
      assert.deepEqual(other.calls('writeEvidence'), [])
    })

    test('that no store takes is an alarm and changes nothing else', async () => {
      const one = play(noStore)
      const handle = await backUp(one)
      const { outcome, record } = (await handle.result()) as BackupSystemResult
      assert.deepEqual([outcome, record], ['succeeded', null])
      assert.deepEqual(alarms(one), [`no evidence of the backup of ${one.system}: no store took it: local: the disk is full`])
      assert.deepEqual((await handle.describe()).memo?.['evidence'], { problem: 'no store took it: local: the disk is full' })
    })

    test('fits into the events that a run may have: ten components and three stores', async () => {
      const [database] = shopBackupPlan().waves.flat()
      assert.ok(database)
      const ten = Array.from({ length: 10 }, (_, n) => ({ ...database, component: `database-${n}` }))
      const one = play({ planBackup: () => shopBackupPlan({ waves: [ten.slice(0, 5), ten.slice(5)] }) })
      const handle = await backUp(one)
      await handle.result()
      const events = (await handle.fetchHistory()).events?.length ?? 0
      assert.ok(events <= 280, `${events} events`)
    })
  })

  describe('of archiving WAL', () => {
    test('is left by a run that made a point or found a gap, and not by one that found everything in order', async () => {
      const plain = play()
      assert.equal(((await (await archive(plain)).result()) as ArchiveWalResult).record, null)
      assert.deepEqual(plain.calls('writeEvidence'), [])
      const point = play()
      const { record } = (await (await archive(point, { point: 'before-migration' })).result()) as ArchiveWalResult
      assert.ok(record)
      assert.deepEqual(only(point, 'archiveWal').target, { kind: 'name', name: 'before-migration' })
      const gap = play({ archiveWal: async (input, attempt) => ({ ...(await base.archiveWal(input, attempt)), gaps: ['0/4 to 0/5 is in no store'] }) })
      await (await archive(gap)).result()
      const evidence = only(gap, 'archiveWal')
      assert.deepEqual([evidence.outcome, evidence.deviations], ['degraded', ['database has a gap: 0/4 to 0/5 is in no store']])
      assert.equal(evidence.wal[0]?.requiredLsn, '0/3000100')
    })

    test('is left by a run that failed', async () => {
      const one = play({ archiveWal: failing('PreconditionFailed', 'the shipper does not run') })
      await endOf(await archive(one))
      assert.deepEqual([only(one, 'archiveWal').outcome, only(one, 'archiveWal').deviations], ['failed', ['PreconditionFailed: the shipper does not run']])
    })
  })

  describe('of a restore', () => {
    test('that succeeds has plan, approval, targets, times in their order, what came back and what was set aside', async () => {
      const one = play({ planRestore: shopRestorePlan({ approvals: { count: 1 } }) })
      const handle = await restore(one)
      await answer(handle, { note: 'go' })
      const { plan, record } = (await handle.result()) as RestoreResult
      const evidence = only(one, 'restoreSystem')
      assert.ok(record)
      assert.deepEqual([evidence.outcome, evidence.plan, evidence.kind, evidence.reviewDue], ['succeeded', plan.decisionHash, 'in-place', null])
      assert.deepEqual(evidence.approvals, [{ person: 'bob', accept: 'claimed', key: null, note: 'go', breakGlass: false }])
      assert.deepEqual(evidence.targets[0], {
        component: 'database',
        host: 'localhost',
        paths: ['/srv/shop/postgresql'],
        identity: { systemIdentifier: '7412345678901234567', incarnation: 'a1b2c3d4e5f6' },
      })
      const order = times(evidence)
      assert.ok(order.every((at) => at !== null))
      assert.deepEqual([...order].sort(), order)
      assert.ok((evidence.measured.rtoSeconds ?? 0) > 0)
      // The stopped server's WAL was replayed to its end.
      assert.equal(evidence.measured.rpoSeconds, 0)
      assert.deepEqual(
        evidence.recovered.map(({ component, backup, manifestSha256, at }) => [component, backup, manifestSha256, at]),
        [
          ['database', '20261121T020000Z-d4t4', null, '2026-11-21T02:20:00.000000Z'],
          ['uploads', '20261121T020005Z-f1l3', null, null],
        ],
      )
      assert.match(evidence.recovered[0]?.incarnation ?? '', /^[0-9a-f]{12}$/)
      assert.deepEqual(
        evidence.setAside.map(({ path }) => path),
        ['/srv/shop/postgresql', '/srv/shop/uploads'],
      )
      assert.deepEqual(evidence.deviations, [])
      assert.ok(evidence.checks.length === 2 && evidence.steps.length > 10)
      assert.equal(one.calls('writeEvidence')[0]?.input.decision?.format, 'muster-decision-1')
    })

    test('has what each component took, and what was expected beside what it was, without waiting for people', async () => {
      const held: Script['holdAtTarget'] = () => ({ replayedLsn: '0/4000100', lastCommitAt: null, replayed: { bytes: 3_000_000, seconds: 0.7 } })
      const one = play({
        planRestore: shopRestorePlan({ approvals: { count: 1 } }),
        holdAtTarget: held,
        openDatabase: failingTimes(1, 'CheckFailed', 'no right', base.openDatabase),
      })
      const handle = await restore(one)
      await answer(handle, {})
      await untilPhase(handle, 'paused: open database')
      await sleep(1500)
      await handle.executeUpdate('correct', { args: [{ action: 'retry', person: 'bob', reason: 'mended' }] })
      await handle.result()
      const { recovered, expected, steps } = only(one, 'restoreSystem')
      assert.deepEqual(
        recovered.map(({ took }) => took),
        [{ restored: { bytes: 10_000_000, seconds: 1.5 }, walReplayed: { bytes: 3_000_000, seconds: 0.7 } }, { restored: { bytes: 2_000_000, seconds: 0.5 } }],
      )
      const open = steps.find(({ name }) => name === 'open')
      assert.ok((open?.waitedSeconds ?? 0) >= 1.5 && (open?.seconds ?? 0) >= (open?.waitedSeconds ?? 0), JSON.stringify(open))
      assert.deepEqual([expected?.seconds, expected?.basis], [12.5, 'assumed'])
      const all = steps.filter(({ name }) => !['health', 'commit'].includes(name)).reduce((sum, { seconds }) => sum + seconds, 0)
      const took = expected?.measuredSeconds ?? 0
      assert.ok(took > 0 && Math.abs(took - (all - (open?.waitedSeconds ?? 0))) < 0.06, `${took} of ${all}`)
    })

    test('that lost the server counts from the last commit to when it was asked for', async () => {
      const lastCommitAt = new Date(Date.now() - 90_000).toISOString().replace('Z', '000Z')
      const one = play({
        saveTail: async (input, attempt) => ({ ...(await base.saveTail(input, attempt)), stopped: null }),
        promoteAside: () => ({ timelineId: 2, forkLsn: '0/5000100', lastCommitAt }),
      })
      await (await restore(one)).result()
      const { rpoSeconds } = only(one, 'restoreSystem').measured
      assert.ok(rpoSeconds !== null && rpoSeconds > 80 && rpoSeconds < 110, String(rpoSeconds))
    })

    test('to a moment of choice measures no loss: leaving out what came later is what was asked for', async () => {
      const one = play()
      const input = { system: one.system, to: { time: '2026-11-21T02:14:00Z' } }
      await (await stage.start('recoverToPointInTime', `target/${one.system}`, input)).result()
      assert.equal(only(one, 'recoverToPointInTime').measured.rpoSeconds, null)
    })

    test('that is rolled back has the step that failed, and what state that left', async () => {
      const one = play({
        checkRestored: (input, attempt) => (input.where === 'closed' ? failing('CheckFailed', 'no orders')() : base.checkRestored(input, attempt)),
      })
      await endOf(await restore(one))
      const evidence = only(one, 'restoreSystem')
      assert.equal(evidence.outcome, 'rolled-back')
      assert.deepEqual(evidence.steps.at(-1)?.failed, true)
      assert.deepEqual(evidence.deviations, [
        'CheckFailed: no orders',
        'stopped at: start closed',
        'rolled back: what ran before is running again on its own data',
      ])
      assert.deepEqual([evidence.setAside, evidence.times.serviceVerifiedAt], [[], null])
      assert.notEqual(evidence.times.dataReadyAt, null)
      assert.deepEqual(evidence.expected, { seconds: 12.5, basis: 'assumed', measuredSeconds: null })
    })

    test('that is rejected, or not approved in time, was refused', async () => {
      const rejected = play({ planRestore: shopRestorePlan({ approvals: { count: 1 } }) })
      const handle = await restore(rejected)
      await answer(handle, { decision: 'reject', note: 'wrong day' })
      await endOf(handle)
      const evidence = only(rejected, 'restoreSystem')
      assert.equal(evidence.outcome, 'refused')
      assert.match(evidence.deviations[0] ?? '', /^ApprovalRejected: bob rejected plan [0-9a-f]{64}: wrong day/)
      assert.deepEqual([evidence.recovered, evidence.times.approvedAt], [[], null])
      const expired = play({ planRestore: shopRestorePlan({ approvals: { count: 1 }, expirySeconds: 0.1 }) })
      await endOf(await restore(expired))
      assert.equal(only(expired, 'restoreSystem').outcome, 'refused')
    })

    test('that cannot be planned has failed, and a plan alone leaves none', async () => {
      const one = play({ planRestore: failing('BackupNotFound', 'there is no backup') })
      await endOf(await restore(one))
      assert.deepEqual([only(one, 'restoreSystem').outcome, only(one, 'restoreSystem').plan], ['failed', null])
      const plan = play()
      await (await stage.start('restoreSystem', `plan/${plan.system}/1`, { system: plan.system, planOnly: true })).result()
      assert.deepEqual(plan.calls('writeEvidence'), [])
    })

    test('that is cancelled is kept after it was rolled back', async () => {
      const one = play({ saveTail: untilCancelled() })
      const handle = await restore(one)
      await until('the tail', () => one.calls('saveTail').length > 0)
      await handle.cancel()
      assert.equal((await endOf(handle)).ended, 'cancelled')
      assert.deepEqual([only(one, 'restoreSystem').outcome, one.order().at(-1)], ['cancelled', 'writeEvidence'])
    })

    test('names each pause, and who went on how and why', async () => {
      const one = play({
        protectAgain: (input, attempt) =>
          input.openWith.includes('offsite') ? base.protectAgain(input, attempt) : failing('NotProtected', 'offsite does not answer')(),
      })
      const handle = await restore(one)
      await untilPhase(handle, 'not protected: waiting for a person')
      await handle.executeUpdate('correct', { args: [{ action: 'openWith', stores: ['offsite'], person: 'bob', reason: 'the line is down' }] })
      await handle.result()
      assert.deepEqual(only(one, 'restoreSystem').deviations, ['paused: offsite does not answer', 'bob went on with "openWith offsite": the line is down'])
    })

    test('whose glass was broken is due for review', async () => {
      const one = play({ planRestore: shopRestorePlan({ approvals: { count: 2 } }) })
      const handle = await restore(one)
      await answer(handle, { breakGlass: true, note: 'nobody else answers' })
      await handle.result()
      const evidence = only(one, 'restoreSystem')
      assert.equal(evidence.reviewDue, 'bob broke the glass: nobody else answers')
      assert.equal(evidence.approvals[0]?.breakGlass, true)
    })

    test('that failed after it was opened says what is in service and what was set aside', async () => {
      const one = play({ openDatabase: failing('CheckFailed', 'it does not start'), planRestore: shopRestorePlan({ limits: { correctionSeconds: 0.2 } }) })
      await endOf(await restore(one))
      const evidence = only(one, 'restoreSystem')
      assert.equal(evidence.outcome, 'failed')
      assert.deepEqual(
        evidence.setAside.map(({ path }) => path),
        ['/srv/shop/postgresql', '/srv/shop/uploads'],
      )
      assert.match(evidence.recovered[0]?.incarnation ?? '', /^[0-9a-f]{12}$/)
    })

    test('that no store takes fails no recovery', async () => {
      const one = play({ writeEvidence: failing('SecretMissing', 'there is no host key') })
      const { outcome, record } = (await (await restore(one)).result()) as RestoreResult
      assert.deepEqual([outcome, record], ['succeeded', null])
      assert.ok(alarms(one).includes(`no evidence of the restore of ${one.system}: there is no host key`), alarms(one).join('\n'))
    })
  })

  describe('of a move', () => {
    const move = (one: Play, type = 'failover', input: object = {}) =>
      stage.start(type, `target/${one.system}`, { system: one.system, requestedBy: 'alice', ...input })

    test('has from where, to where, what proves the fence, what was seen of DNS, and its times in their order', async () => {
      const one = play({ observeTargets: oldSide })
      const { record, fence } = (await (await move(one)).result()) as MoveResult
      assert.ok(record)
      const evidence = only(one, 'failover')
      assert.deepEqual([evidence.outcome, evidence.kind, evidence.move?.from, evidence.move?.to], ['succeeded', null, 'primary', 'dr'])
      assert.deepEqual(evidence.move?.fence, fence)
      assert.ok((evidence.move?.dns.length ?? 0) > 0)
      const { declaredAt, dataReadyAt, dnsObservedAt, serviceVerifiedAt, endedAt } = evidence.times
      const order = [declaredAt, dataReadyAt, dnsObservedAt, serviceVerifiedAt, endedAt]
      assert.ok(order.every((at) => at !== null))
      assert.deepEqual([...order].sort(), order)
      assert.ok((evidence.measured.rtoSeconds ?? 0) > 0)
      assert.match(evidence.recovered[0]?.incarnation ?? '', /^[0-9a-f]{12}$/)
    })

    test('that is rolled back after the fence still has what proved it', async () => {
      const one = play({
        observeTargets: oldSide,
        checkRestored: (input, attempt) => (input.where === 'closed' ? failing('CheckFailed', 'no orders')() : base.checkRestored(input, attempt)),
      })
      await endOf(await move(one, 'switchover'))
      const evidence = only(one, 'switchover')
      assert.deepEqual([evidence.outcome, evidence.move?.fence?.by, evidence.times.dnsObservedAt], ['rolled-back', 'agents', null])
      assert.equal(evidence.deviations[0], 'CheckFailed: no orders')
    })

    test('that cannot be planned has failed, and a plan alone leaves none', async () => {
      const one = play({ planRestore: failing('RecoveryTargetUnreachable', 'the other site has no backup') })
      await endOf(await move(one))
      assert.deepEqual([only(one, 'failover').outcome, only(one, 'failover').move], ['failed', null])
      const plan = play({ observeTargets: oldSide })
      await (await stage.start('failover', `plan/${plan.system}/1`, { system: plan.system, planOnly: true })).result()
      assert.deepEqual(plan.calls('writeEvidence'), [])
    })
  })
})
