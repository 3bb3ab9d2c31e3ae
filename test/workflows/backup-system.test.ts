import assert from 'node:assert/strict'
import { explain } from '../../clients/cli/output.ts'
import { failures } from '../../domain/failures.ts'
import type { BackupSystemResult } from '../../workflows/backup-system.ts'
import { besideEachOther } from '../support/beside-each-other.ts'
import { createGate, createMeeting } from '../support/held-steps.ts'
import { endOf, failing, failingTimes, openStage, type Play, type Stage, until, untilCancelled, when } from '../support/scripted-activities.ts'
import { configHash, shopBackupPlan, shopScript, shortLimits } from '../support/shop-script.ts'

const base = shopScript()
const out = failing('Unreachable', 'nas does not answer')
/** A copy that is out of reach is soon a debt. Between its tries lies so long that the limit never falls into one: what the last said counts. */
const hasty = () => shopBackupPlan({ limits: { ...shortLimits, copySeconds: 5, retrySeconds: 2 } })

describe('backupSystem', function () {
  this.timeout(60_000)
  let stage: Stage
  let runs = 0

  before(async () => {
    stage = await openStage()
  })
  after(() => stage?.close())
  const test = besideEachOther()

  const start = (play: Play, input: object = {}) => stage.start('backupSystem', `backup/${play.system}/${++runs}`, { system: play.system, ...input })
  const result = async (play: Play, input: object = {}) => (await (await start(play, input)).result()) as BackupSystemResult
  const notices = (play: Play) => play.calls('notifyPeople').map(({ input }) => `${input.notice.event} ${input.notice.severity}`)

  test('reads each component once and copies it to each store, database before the tree', async () => {
    const play = stage.play(base)
    const { outcome, components, undelivered, configHash: hash } = await result(play)
    assert.equal(outcome, 'succeeded')
    assert.equal(hash, configHash)
    assert.deepEqual(undelivered, [])
    assert.deepEqual(
      components.map(({ component, outcome: one, copies }) => [component, one, copies.map(({ store }) => store)]),
      [
        ['database', 'succeeded', ['local', 'nas', 'offsite']],
        ['uploads', 'succeeded', ['local', 'nas', 'offsite']],
      ],
    )
    assert.deepEqual(play.order('planBackup', 'produceBackup', 'releaseStaging'), [
      'planBackup',
      'produceBackup database',
      'releaseStaging database',
      'produceBackup uploads',
      'releaseStaging uploads',
    ])
    const begun = play.moments.findIndex(({ label }) => label === 'produceBackup uploads')
    const copied = play.moments.slice(0, begun).filter(({ what, label }) => what === 'answered' && label.startsWith('publishCopy database'))
    assert.equal(copied.length, 3)
    assert.deepEqual(notices(play), ['started info', 'succeeded info'])
  })

  test('hands on the config hash of the plan, the kind and the backup to every step, and works on the queues of site and host', async () => {
    const play = stage.play(base)
    await result(play, { components: ['database'], kind: 'full', configHash: 'a'.repeat(64), requestedBy: 'alice' })
    const [plan] = play.calls('planBackup')
    assert.deepEqual(plan?.input, { system: play.system, components: ['database'], configHash: 'a'.repeat(64) })
    assert.equal(plan?.queue, 'muster-site-primary')
    const [produce] = play.calls('produceBackup')
    assert.deepEqual(produce?.input, { system: play.system, component: 'database', configHash, kind: 'full' })
    assert.equal(produce?.queue, 'muster-host-localhost')
    const backup = '20261121T020000Z-database'
    const copy = play.calls('publishCopy').find(({ input }) => input.store === 'offsite')
    assert.deepEqual(copy?.input, { system: play.system, component: 'database', configHash, backup, store: 'offsite' })
    assert.deepEqual(play.calls('releaseStaging')[0]?.input, { system: play.system, component: 'database', backup })
  })

  test('is degraded, with a debt, when a store that is not needed for the required copies is out', async () => {
    const play = stage.play({ ...base, planBackup: hasty, publishCopy: when('nas', out, base.publishCopy) })
    const { outcome, components } = await result(play)
    assert.equal(outcome, 'degraded')
    for (const one of components) {
      assert.equal(one.outcome, 'degraded')
      assert.deepEqual(one.debts, [{ store: 'nas', problem: { type: 'Unreachable', message: 'nas does not answer' } }])
      assert.deepEqual(
        one.copies.map(({ store }) => store),
        ['local', 'offsite'],
      )
      assert.equal(one.problem, null)
    }
    assert.deepEqual(notices(play), ['started info', 'succeeded warning'])
    assert.equal(play.calls('releaseStaging').length, 2)
  })

  test('tries a store again that is out for a moment', async () => {
    const play = stage.play({ ...base, publishCopy: when('nas', failingTimes(2, 'Unreachable', 'nas does not answer', base.publishCopy), base.publishCopy) })
    assert.equal((await result(play)).outcome, 'succeeded')
    assert.deepEqual(
      play
        .calls('publishCopy')
        .filter(({ label }) => label === 'publishCopy database → nas')
        .map(({ attempt }) => attempt),
      [1, 2, 3],
    )
  })

  test('fails with CopiesMissing when the required copies are not there, names the store, and frees the staging', async () => {
    const play = stage.play({
      ...base,
      planBackup: () => ({ ...hasty(), required: { total: 2, offHost: 2, offSite: 0 } }),
      publishCopy: when('nas', out, base.publishCopy),
    })
    const end = await endOf(await start(play, { components: ['database'] }))
    assert.equal(end.type, 'CopiesMissing')
    assert.match(end.message, /database: 1 of 2 off-host copies; nas: nas does not answer/)
    assert.deepEqual(play.order('releaseStaging'), ['releaseStaging database', 'releaseStaging uploads'])
    assert.deepEqual(notices(play), ['started info', 'failed critical'])
  })

  test('counts copies off site apart from copies off the host', async () => {
    const play = stage.play({
      ...base,
      planBackup: () => shopBackupPlan({ required: { total: 1, offHost: 0, offSite: 1 } }),
      publishCopy: when('offsite', failing('CredentialsRejected', 'offsite refuses the key'), base.publishCopy),
    })
    const end = await endOf(await start(play))
    assert.equal(end.type, 'CopiesMissing')
    assert.match(end.message, /0 of 1 off-site copies; offsite: offsite refuses the key/)
  })

  test('counts stores in one place once, whatever they are called, and says which they are', async () => {
    const inPlaces = (places: Readonly<Record<string, string>>) =>
      stage.play({
        ...base,
        planBackup: () => shopBackupPlan({ required: { total: 3, offHost: 1, offSite: 1 } }),
        publishCopy: async (input, attempt) => ({ ...(await base.publishCopy(input, attempt)), place: places[input.store] ?? '' }),
      })
    const apart = await result(inPlaces({ local: 'device:1', nas: 'network:nas:/export', offsite: 's3:aws/kennel' }))
    assert.equal(apart.outcome, 'succeeded')
    assert.equal(apart.components[0]?.copies[1]?.place, 'network:nas:/export')
    const end = await endOf(await start(inPlaces({ local: 'device:1', nas: 'device:1', offsite: 's3:aws/kennel' })))
    assert.equal(end.type, 'CopiesMissing')
    assert.match(end.message, /database: 2 of 3 copies; local and nas are in one place and count once;/)
  })

  test('does not take a copy for off-host that lies with one that is not', async () => {
    const play = stage.play({
      ...base,
      planBackup: () => shopBackupPlan({ required: { total: 1, offHost: 1, offSite: 0 } }),
      publishCopy: async (input, attempt) => ({ ...(await base.publishCopy(input, attempt)), place: 'device:1' }),
    })
    assert.match((await endOf(await start(play))).message, /0 of 1 off-host copies; local and nas and offsite are in one place and count once/)
  })

  test('believes an agent that does not say where its stores lie, as before agents looked', async () => {
    const play = stage.play({ ...base, planBackup: () => shopBackupPlan({ required: { total: 3, offHost: 1, offSite: 1 } }) })
    assert.equal((await result(play)).outcome, 'succeeded')
  })

  test('backs up the other components when one cannot be read, and then fails with the reason', async () => {
    const play = stage.play({ ...base, produceBackup: when('database', failing('PageChecksum', 'page 7 of base/5/16384 is damaged'), base.produceBackup) })
    const handle = await start(play)
    const end = await endOf(handle)
    assert.equal(end.type, 'PageChecksum')
    assert.match(end.message, /database: page 7 of base\/5\/16384 is damaged; uploads: local, nas, offsite/)
    assert.deepEqual(
      play.order('publishCopy').filter((label) => label.includes('database')),
      [],
    )
    assert.equal(play.order('publishCopy').length, 3)
    const release = play.calls('releaseStaging').find(({ input }) => input.component === 'database')
    assert.equal(release?.input.backup, null)
    assert.equal((await handle.describe()).memo?.['outcome'], 'failed')
  })

  test('says so and fails when it cannot be planned', async () => {
    const play = stage.play({ ...base, planBackup: failing('NotActiveSite', 'the system is active at site "dr"') })
    const handle = await start(play)
    const end = await endOf(handle)
    assert.deepEqual([end.type, /the system is active at site "dr"/.test(end.message)], ['NotActiveSite', true])
    assert.deepEqual(notices(play), ['failed critical'])
    assert.equal((await handle.describe()).memo?.['outcome'], 'failed')
  })

  test('does not free the staging, nor end, before every copy that was cancelled has ended', async () => {
    const play = stage.play({
      ...base,
      publishCopy: (input, attempt) => untilCancelled({ local: 0, nas: 400, offsite: 150 }[input.store] ?? 0)().then(() => base.publishCopy(input, attempt)),
    })
    const handle = await start(play)
    await until('three copies', () => play.calls('publishCopy').length === 3)
    await handle.cancel()
    assert.equal((await endOf(handle)).ended, 'cancelled')
    const at = (what: string, label: string) => play.moments.findIndex((moment) => moment.what === what && moment.label === label)
    const release = at('started', 'releaseStaging database')
    assert.notEqual(release, -1, 'the staging was not freed')
    for (const store of ['local', 'nas', 'offsite']) {
      const ended = at('cancelled', `publishCopy database → ${store}`)
      assert.ok(ended !== -1 && ended < release, `the staging was freed before the copy to ${store} ended: ${JSON.stringify(play.moments)}`)
    }
    assert.deepEqual(play.order('produceBackup'), ['produceBackup database'])
    assert.deepEqual(notices(play), ['started info', 'failed warning'])
    assert.equal((await handle.describe()).memo?.['outcome'], 'cancelled')
    const told = await handle.result().then(
      () => assert.fail('it ended well'),
      (error: unknown) => explain(error),
    )
    assert.deepEqual([told.type, told.exitCode], ['Cancelled', failures.Cancelled.exitCode])
  })

  test('frees the staging of every component of a wave when it is cancelled', async () => {
    const [first, second] = shopBackupPlan().waves.flat()
    assert.ok(first && second)
    const play = stage.play({
      ...base,
      planBackup: () => shopBackupPlan({ waves: [[first, second]] }),
      produceBackup: when('uploads', untilCancelled(300), untilCancelled(0)),
    })
    const handle = await start(play)
    await until('both components are read', () => play.calls('produceBackup').length === 2)
    await handle.cancel()
    assert.equal((await endOf(handle)).ended, 'cancelled')
    assert.deepEqual([...play.order('releaseStaging')].sort(), ['releaseStaging database', 'releaseStaging uploads'])
    const ended = play.moments.findIndex(({ what, label }) => what === 'cancelled' && label === 'produceBackup uploads')
    const freed = play.moments.findIndex(({ what, label }) => what === 'started' && label === 'releaseStaging uploads')
    assert.ok(ended !== -1 && ended < freed)
  })

  test('keeps what was published when a copy ends well although the run was cancelled', async () => {
    const copying = createGate()
    const play = stage.play({ ...base, publishCopy: copying.before(base.publishCopy) })
    const handle = await start(play)
    await until('a copy', () => play.calls('publishCopy').length === 3)
    await handle.cancel()
    copying.open()
    assert.equal((await endOf(handle)).ended, 'cancelled')
    assert.equal(play.moments.filter(({ what, label }) => what === 'answered' && label.startsWith('publishCopy database')).length, 3)
    assert.deepEqual(play.order('releaseStaging'), ['releaseStaging database'])
  })

  test('runs the components of one wave beside each other and the next wave after them', async () => {
    const [first, second] = shopBackupPlan().waves.flat()
    assert.ok(first && second)
    const cache = { ...second, component: 'cache' }
    const play = stage.play({
      ...base,
      planBackup: () => shopBackupPlan({ waves: [[first, second], [cache]] }),
      produceBackup: when('cache', base.produceBackup, createMeeting(2).before(base.produceBackup)),
    })
    const { components } = await result(play)
    assert.deepEqual(
      components.map(({ component }) => component),
      ['database', 'uploads', 'cache'],
    )
    const produced = play.moments.filter(({ label }) => label.startsWith('produceBackup')).map(({ what, label }) => `${what} ${label.split(' ')[1]}`)
    assert.deepEqual(produced.slice(0, 2).sort(), ['started database', 'started uploads'])
    assert.deepEqual(produced.slice(4), ['started cache', 'answered cache'])
  })

  test('pays older debts after its copies, and does not fail when it cannot', async () => {
    const play = stage.play({ ...base, payDebts: when('database', failing('CredentialsRejected', 'nas refuses the key'), base.payDebts) })
    assert.equal((await result(play)).outcome, 'succeeded')
    assert.deepEqual(play.order('payDebts', 'releaseStaging'), ['payDebts database', 'releaseStaging database', 'payDebts uploads', 'releaseStaging uploads'])
    const paid = play.moments.findIndex(({ label }) => label === 'payDebts database')
    const copied = play.moments.slice(0, paid).filter(({ what, label }) => what === 'answered' && label.startsWith('publishCopy database'))
    assert.equal(copied.length, 3)
  })

  test('shows a notice that could not be delivered, and does not fail because of it', async () => {
    const play = stage.play({ ...base, notifyPeople: () => ({ delivered: ['log'], failed: [{ channel: 'email', problem: 'connection refused' }] }) })
    const { outcome, undelivered } = await result(play)
    assert.equal(outcome, 'succeeded')
    assert.deepEqual(undelivered, [
      { channel: 'email', problem: 'connection refused' },
      { channel: 'email', problem: 'connection refused' },
    ])
  })

  test('does not fail when notifying itself fails, and is not held up by it', async () => {
    const play = stage.play({ ...base, notifyPeople: failing('ConfigInvalid', 'no such config') })
    const { outcome, undelivered } = await result(play)
    assert.equal(outcome, 'succeeded')
    assert.deepEqual(undelivered[0], { channel: 'all', problem: 'no such config' })
  })

  test('is degraded, not failed, when the copies are published and only the staging could not be freed', async () => {
    const play = stage.play({ ...base, releaseStaging: when('database', failing('SourceUnreadable', 'staging is not ours'), base.releaseStaging) })
    const { outcome, components } = await result(play)
    assert.equal(outcome, 'degraded')
    assert.equal(components[0]?.copies.length, 3)
    assert.deepEqual(components[0]?.staging, { type: 'SourceUnreadable', message: 'staging is not ours' })
    assert.equal(components[1]?.outcome, 'succeeded')
  })

  test('writes system, procedure, phase and outcome where lists find them, and the phases where people read them', async () => {
    const copying = createGate()
    const play = stage.play({ ...base, publishCopy: copying.before(base.publishCopy) })
    const handle = await start(play)
    await until('a copy', () => play.calls('publishCopy').length > 0)
    const details = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata')
    assert.match(details.currentDetails ?? '', /\*\*backupSystem\*\* · shop-\d+\n[^]*- planning ✓\n- \*\*backing up database\*\*/)
    assert.equal((await handle.describe()).memo?.['phase'], 'backing up database')
    copying.open()
    await handle.result()
    const { typedSearchAttributes, memo } = await handle.describe()
    const attributes = Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]))
    assert.equal(attributes['MusterSystem'], play.system)
    assert.equal(attributes['MusterProcedure'], 'backupSystem')
    assert.equal(attributes['MusterPhase'], 'succeeded')
    assert.equal(attributes['MusterOutcome'], 'succeeded')
    assert.deepEqual([memo?.['phase'], memo?.['outcome']], ['succeeded', 'succeeded'])
  })
})
