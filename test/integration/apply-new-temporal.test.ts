import assert from 'node:assert/strict'
import type { Client } from '@temporalio/client'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { explain } from '../../clients/cli/output.ts'
import { applySchedules, schedulePrefix } from '../../clients/schedules.ts'
import { createInstallation, type Installation, twoHosts } from '../support/installation.ts'
import { startTemporal } from '../support/rig.ts'

describe('muster apply at a Temporal that no worker has met yet', function () {
  this.timeout(90_000)
  let env: TestWorkflowEnvironment
  let here: Installation

  before(async () => {
    ;[env, here] = await Promise.all([startTemporal(), createInstallation()])
  })
  after(async () => {
    await Promise.all([env?.teardown(), here?.remove()])
  })

  it('is told what Temporal says where it knows no search attributes', async () => {
    const config = await here.configOf(twoHosts(here.base))
    const refused = await applySchedules(env.client, config, 'a'.repeat(64), true).then(
      () => null,
      (error: unknown) => explain(error),
    )
    assert.match(refused?.message ?? '', /^Failed to create schedule: .*no mapping defined for search attribute Muster/)
  })

  it('makes the schedules all the same: they carry search attributes, which it registers', async () => {
    const { schedules, agents } = await here.apply(twoHosts(here.base), env.client)
    assert.ok(schedules.length > 0 && schedules.every(({ change }) => change === 'create'))
    assert.ok(
      agents.some(({ state }) => state === 'owed'),
      'no worker is there',
    )
    const again = await here.apply(twoHosts(here.base), env.client)
    assert.ok(again.schedules.every(({ change }) => change === 'keep' || change === 'update'))
  })

  it('goes on where the listing of schedules is a moment late', async () => {
    const config = await here.configOf(twoHosts(here.base))
    const gone = `${schedulePrefix(config)}wiki/all`
    const applied = await applySchedules(listing([]), config, 'b'.repeat(64), true)
    assert.ok(applied.length > 0 && applied.every(({ change }) => change === 'update'), JSON.stringify(applied))
    for (const { id } of applied) {
      const { action } = await env.client.schedule.getHandle(id).describe()
      assert.ok(JSON.stringify(action).includes('b'.repeat(64)), id)
    }
    const removed = (await applySchedules(listing([gone]), config, 'b'.repeat(64), true)).filter(({ change }) => change === 'remove')
    assert.deepEqual(
      removed.map(({ id }) => id),
      [gone],
    )
  })

  /** The same server, with what it listed a moment ago. */
  function listing(ids: readonly string[]): Client {
    const list = () => ids.map((scheduleId) => ({ scheduleId }))
    return Object.create(env.client, { schedule: { value: Object.create(env.client.schedule, { list: { value: list } }) } }) as Client
  }
})
