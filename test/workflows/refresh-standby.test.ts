import assert from 'node:assert/strict'
import type { RefreshStandbyResult } from '../../workflows/messages.ts'
import { endOf, failing, openStage, type Play, type Script, type Stage, until, untilCancelled } from '../support/scripted-activities.ts'
import { shopScript } from '../support/shop-script.ts'

const base = shopScript()
const steps = ['scopeStandby', 'planStandby', 'seedStandby', 'catchUpStandby'] as const

describe('refreshStandby', function () {
  this.timeout(60_000)
  let stage: Stage
  let runs = 0

  before(async () => {
    stage = await openStage()
  })
  after(() => stage?.close())

  const play = (changes: Partial<Script> = {}): Play => stage.play({ ...base, ...changes })
  const start = (acting: Play) => stage.start('refreshStandby', `standby/${++runs}`, { system: acting.system })
  const seeding: Script['planStandby'] = async (input, attempt) => ({ ...(await base.planStandby(input, attempt)), seeds: true })
  const twoDatabases: Script['scopeStandby'] = async (input, attempt) => ({
    ...(await base.scopeStandby(input, attempt)),
    databases: ['database', 'ledger'].map((component) => ({ component, host: 'localhost' })),
  })

  it('catches up what leads on, and begins with the backup where it does not', async () => {
    const kept = play()
    const { databases } = (await (await start(kept)).result()) as RefreshStandbyResult
    assert.deepEqual(
      databases.map(({ component, seeded, replayedLsn }) => [component, seeded, replayedLsn]),
      [['database', false, '0/4000100']],
    )
    assert.deepEqual(kept.order(...steps), ['scopeStandby', 'planStandby database', 'catchUpStandby database'])
    const seeded = play({ planStandby: seeding })
    assert.equal(((await (await start(seeded)).result()) as RefreshStandbyResult).databases[0]?.seeded, true)
    assert.deepEqual(seeded.order(...steps), ['scopeStandby', 'planStandby database', 'seedStandby database', 'catchUpStandby database'])
  })

  it('does nothing where the system serves, and leaves alone what a run has taken', async () => {
    const active = play({ scopeStandby: async (input, attempt) => ({ ...(await base.scopeStandby(input, attempt)), activeHere: true }) })
    assert.deepEqual(((await (await start(active)).result()) as RefreshStandbyResult).databases, [])
    const taken = play({ planStandby: () => ({ step: null, seeds: false, why: 'run target/shop:1 has taken it' }) })
    const { databases } = (await (await start(taken)).result()) as RefreshStandbyResult
    assert.deepEqual([databases[0]?.replayedLsn, databases[0]?.why], [null, 'run target/shop:1 has taken it'])
    assert.deepEqual(taken.calls('catchUpStandby'), [])
  })

  it('refreshes every database although one fails, and says which and why', async () => {
    const acting = play({
      scopeStandby: twoDatabases,
      planStandby: (input, attempt) =>
        input.component === 'ledger' ? failing('BackupNotFound', 'nothing of "ledger" was ever backed up')() : base.planStandby(input, attempt),
    })
    const handle = await start(acting)
    const { type, message } = await endOf(handle)
    assert.equal(type, 'BackupNotFound')
    assert.match(message, /the standby of .* was not refreshed: nothing of "ledger" was ever backed up/)
    assert.equal(acting.calls('catchUpStandby').length, 1)
    assert.equal(acting.calls('notifyPeople').length, 0)
  })

  it('ends as cancelled once the step that runs has ended', async () => {
    const acting = play({ catchUpStandby: untilCancelled() })
    const handle = await start(acting)
    await until('it catches up', () => acting.calls('catchUpStandby').length > 0)
    await handle.cancel()
    assert.equal((await endOf(handle)).ended, 'cancelled')
    assert.ok(acting.moments.some(({ what, label }) => what === 'cancelled' && label === 'catchUpStandby database'))
  })
})
