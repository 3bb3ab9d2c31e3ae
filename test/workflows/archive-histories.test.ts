import assert from 'node:assert/strict'
import type { ArchiveHistoriesResult } from '../../workflows/messages.ts'
import { endOf, failing, noSystem, openStage, type Play, type Script, type Stage, until, untilCancelled } from '../support/scripted-activities.ts'
import { shopScript } from '../support/shop-script.ts'

const base = shopScript()

describe('archiveHistories', function () {
  this.timeout(60_000)
  let stage: Stage
  let runs = 0

  before(async () => {
    stage = await openStage()
  })
  after(() => stage?.close())

  const play = (changes: Partial<Script> = {}): Play => stage.play({ ...base, ...changes }, noSystem)
  const start = (input: object = {}, memo?: Record<string, unknown>) => stage.start('archiveHistories', `archive/${++runs}`, input, memo)
  const notices = (acting: Play) => acting.calls('notifyPeople').map(({ input: { notice } }) => [notice.event, notice.severity, notice.subject])

  it('archives on the queue of its site, says how far the chain goes, and tells nobody when all is well', async () => {
    const acting = play()
    const handle = await start({ configHash: 'a'.repeat(64), requestedBy: 'schedule archive-histories' })
    const { outcome, archived, head } = (await handle.result()) as ArchiveHistoriesResult
    assert.deepEqual([outcome, archived, head?.sequence], ['succeeded', 3, 12])
    assert.deepEqual(
      acting.calls('archiveRuns').map(({ queue, input }) => [queue, input]),
      [['muster-site-primary', { configHash: 'a'.repeat(64) }]],
    )
    assert.deepEqual(notices(acting), [])
    assert.equal((await handle.describe()).memo?.['outcome'], 'succeeded')
  })

  it('raises an alarm on every channel when the chain is not as it was left', async () => {
    const acting = play({ archiveRuns: async (input, attempt) => ({ ...(await base.archiveRuns(input, attempt)), remarks: ['the chain was cut: record 13'] }) })
    const handle = await start()
    assert.equal(((await handle.result()) as ArchiveHistoriesResult).outcome, 'degraded')
    assert.deepEqual(notices(acting), [['alarm', 'critical', 'the audit chain of site primary is not as it was left']])
    assert.match(acting.calls('notifyPeople')[0]?.input.notice.body ?? '', /record 13\nLook at it: muster audit verify/)
  })

  it('is degraded without an alarm while a store is behind', async () => {
    const behind = [{ store: 'nas', problem: 'it does not answer' }]
    const acting = play({ archiveRuns: async (input, attempt) => ({ ...(await base.archiveRuns(input, attempt)), behind }) })
    assert.equal(((await (await start()).result()) as ArchiveHistoriesResult).outcome, 'degraded')
    assert.deepEqual(notices(acting), [])
  })

  it('says that nothing is archived, and why, when it fails', async () => {
    const acting = play({ archiveRuns: failing('PreconditionFailed', 'record 12 is in no store that answers') })
    const end = await endOf(await start())
    assert.deepEqual([end.type, end.message], ['PreconditionFailed', 'record 12 is in no store that answers'])
    assert.deepEqual(notices(acting), [['failed', 'critical', 'runs of site primary are not archived']])
  })

  it('ends as cancelled when it is cancelled, and alarms nobody', async () => {
    const acting = play({ archiveRuns: untilCancelled() })
    const handle = await start()
    await until('the archive', () => acting.calls('archiveRuns').length > 0)
    await handle.cancel()
    assert.equal((await endOf(handle)).ended, 'cancelled')
    assert.deepEqual(notices(acting), [])
  })

  it('refuses an input that is none, with an example', async () => {
    play()
    const end = await endOf(await start({ system: 'shop' }))
    assert.equal(end.type, 'InvalidInput')
    assert.match(end.message, /a right input is \{"requestedBy":"alice"\}/)
  })
})
