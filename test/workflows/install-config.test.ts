import assert from 'node:assert/strict'
import type { InstallConfigResult } from '../../workflows/messages.ts'
import { endOf, failing, failingTimes, noSystem, openStage, type Play, type Script, type Stage, until, untilCancelled } from '../support/scripted-activities.ts'
import { configHash, shopScript } from '../support/shop-script.ts'

const base = shopScript()
const packed = Buffer.from('documents').toString('base64')
/** Whoever answers needs less, also on a machine that is busy. */
const waitSeconds = 5

describe('installConfig', function () {
  this.timeout(60_000)
  let stage: Stage
  let runs = 0

  before(async () => {
    stage = await openStage()
  })
  after(() => stage?.close())

  const play = (changes: Partial<Script> = {}): Play => stage.play({ ...base, ...changes }, noSystem)
  const start = (input: object) => stage.start('installConfig', `install-config/${++runs}`, input)
  const result = async (input: object) => (await (await start(input)).result()) as InstallConfigResult
  const states = ({ agents }: InstallConfigResult) => agents.map(({ kind, name, state }) => `${kind} ${name}: ${state}`)

  it('hands the documents to the agent of each host, on its urgent queue, and to each site', async () => {
    const acting = play()
    const handle = await start({ hosts: ['localhost'], sites: ['primary'], documents: packed, requestedBy: 'alice' })
    const found = (await handle.result()) as InstallConfigResult
    assert.equal(found.outcome, 'succeeded')
    assert.deepEqual(states(found), ['host localhost: has', 'site primary: has'])
    assert.deepEqual(found.agents[0], { kind: 'host', name: 'localhost', state: 'has', configHash, number: 3, problem: null })
    assert.deepEqual(
      acting
        .calls('installConfig')
        .map(({ queue, input }) => [queue, input])
        .toSorted(),
      [
        ['muster-host-localhost-urgent', { documents: packed }],
        ['muster-site-primary', { documents: packed }],
      ],
    )
    const { typedSearchAttributes, memo } = await handle.describe()
    assert.equal(memo?.['outcome'], 'succeeded')
    assert.ok(!JSON.stringify(typedSearchAttributes).includes('MusterSystem'))
  })

  it('asks agents to look in the stores where no documents come along', async () => {
    const acting = play()
    await result({ hosts: ['localhost'] })
    assert.deepEqual(acting.calls('installConfig')[0]?.input, { documents: null })
  })

  it('names within the time that was given whom nobody answers for, and asks the others all the same', async () => {
    play()
    const began = Date.now()
    const found = await result({ hosts: ['nowhere', 'localhost'], sites: ['dr'], documents: packed, waitSeconds })
    assert.ok(Date.now() - began < 30_000)
    assert.equal(found.outcome, 'degraded')
    assert.deepEqual(states(found), ['host nowhere: owed', 'host localhost: has', 'site dr: owed'])
    assert.deepEqual(found.agents[0]?.problem, { type: 'AgentAbsent', message: 'no agent of host nowhere took the step: installConfig' })
  })

  it('tells an agent that refuses from one that is absent, and does not ask it again', async () => {
    const acting = play({ installConfig: failing('KeyNotTrusted', 'the key list was signed by another root key') })
    const found = await result({ hosts: ['localhost', 'nowhere'], documents: packed, waitSeconds })
    assert.equal(found.outcome, 'refused')
    assert.deepEqual(states(found), ['host localhost: refused', 'host nowhere: owed'])
    assert.equal(found.agents[0]?.problem?.message, 'the key list was signed by another root key')
    assert.equal(acting.calls('installConfig').length, 1)
  })

  it('tries again what may clear', async () => {
    const acting = play({ installConfig: failingTimes(1, 'DiskFull', 'no space is left', base.installConfig) })
    assert.equal((await result({ hosts: ['localhost'], documents: packed })).outcome, 'succeeded')
    assert.deepEqual(
      acting.calls('installConfig').map(({ attempt }) => attempt),
      [1, 2],
    )
  })

  it('ends when it is cancelled, after the agent that was asked has ended', async () => {
    const acting = play({ installConfig: untilCancelled(100) })
    const handle = await start({ hosts: ['localhost'], documents: packed })
    await until('the agent is asked', () => acting.calls('installConfig').length > 0)
    await handle.cancel()
    assert.equal((await endOf(handle)).ended, 'cancelled')
    assert.equal(acting.moments.at(-1)?.what, 'cancelled')
  })

  it('refuses an input that is none, or names nobody, with a right example', async () => {
    play()
    const wrong = await endOf(await start({ host: 'localhost' }))
    assert.equal(wrong.type, 'InvalidInput')
    assert.match(wrong.message, /a right input is \{"hosts":\["db1"\]\}/)
    assert.match((await endOf(await start({ hosts: ['localhost'], documents: 'not base64!' }))).message, /documents/)
    assert.match((await endOf(await start({ hosts: ['localhost'], documents: 'A'.repeat(60_000) }))).message, /documents/)
    assert.equal((await endOf(await start({}))).type, 'NothingToDo')
  })
})
