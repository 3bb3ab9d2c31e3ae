/** A failover that is started in the Temporal UI: its form takes queue, type, id and input, and no memo. Nothing is scripted. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import { quietTemporal } from '../../wiring/quiet-temporal.ts'
import type { MoveResult } from '../../workflows/messages.ts'
import { freePort } from '../support/postgres-cluster.ts'
import { waitFor } from '../support/rig.ts'
import { openTemporalUi, type StartForm, type TemporalUi } from '../support/temporal-ui.ts'
import { temporalPath } from '../support/tools.ts'
import { createTwoSites, type TwoSites } from '../support/two-sites.ts'
import { type Muster, typedMuster } from '../support/typed-muster.ts'

describe('a failover started in the Temporal UI', function () {
  this.timeout(240_000)
  let env: TestWorkflowEnvironment
  let sites: TwoSites
  let ui: TemporalUi
  let muster: Muster

  before(async () => {
    quietTemporal()
    const uiPort = await freePort()
    const executable = { type: 'existing-path', path: await temporalPath() } as const
    const extraArgs = ['--dynamic-config-value', 'history.timerProcessorMaxTimeShift="1ms"']
    env = await TestWorkflowEnvironment.createLocal({ server: { executable, log: { format: 'pretty', level: 'error' }, ui: true, uiPort, extraArgs } })
    // No agent leaves here, and a busy machine may take seconds to wake one.
    sites = await createTwoSites(env, { limits: '{ agent: 30s, heartbeat: 5s }' })
    const url = `http://127.0.0.1:${uiPort}`
    await waitFor('the server behind the UI', async () => (await fetch(`${url}/api/v1/namespaces/default`).catch(() => null))?.ok === true, 60)
    ui = await openTemporalUi(url)
    muster = typedMuster(sites.installation.beta, env.client, { user: 'carol' })
    await sites.cluster.sql('insert into markers select generate_series(1, 10)')
    await muster.good('backup', 'shop')
  })
  after(async () => {
    muster?.stop()
    await sites?.stop()
    await env?.teardown()
  })

  const plan = { taskQueue: 'muster', workflowType: 'failover', workflowId: 'plan-of-failover', input: { system: 'shop', planOnly: true } }

  it('is told at which site it has to work, where nobody says so', async () => {
    const { failure } = await ui.ended(await ui.start(plan))
    assert.match(failure ?? '', /would go to dr, but this run works at site primary; started by hand, its input needs "at": "dr"/)
  })

  it('is planned at the site that its input names', async () => {
    const { result } = await ui.ended(await ui.start({ ...plan, input: { ...plan.input, at: 'dr' } }))
    assert.deepEqual((result as MoveResult).plan.decision.move?.to, 'dr')
  })

  it('moves the system with what a printed plan says to paste, and what follows works there too', async () => {
    const form = printedForm(await muster.good('failover', 'shop', '--plan'))
    assert.deepEqual(form, {
      workflowId: 'target/shop',
      taskQueue: 'muster',
      workflowType: 'failover',
      input: { system: 'shop', requestedBy: 'carol', at: 'dr' },
    })
    const run = await ui.start(form)
    await waitFor('approval', async () => (await ui.memo(run))['phase'] === 'waiting for approval', 60)
    const { plan: hash, site } = await ui.memo(run)
    assert.equal(site, 'dr')
    assert.equal((await ui.update(run, 'approve', { plan: String(hash), person: 'bob' })).failure, null)
    const { outcome, result, failure } = await ui.ended(run)
    assert.equal(outcome, 'WORKFLOW_EXECUTION_STATUS_COMPLETED', failure ?? '')
    const { backup } = result as MoveResult
    assert.deepEqual(await sites.awaySql('select max(n) as n from markers'), [{ n: 10 }])
    assert.equal(await readFile(join(sites.installation.base, 'uploads-there', 'logo.txt'), 'utf8'), 'first')
    assert.equal((await sites.state()).site?.site, 'dr')
    const after = env.client.workflow.getHandle(backup ?? '')
    await after.result()
    assert.equal((await after.describe()).memo?.['site'], 'dr')
  })

  it('is told of a backup at the site that was left which site is right', async () => {
    const run = { taskQueue: 'muster', workflowType: 'backupSystem', workflowId: 'backup-by-hand', input: { system: 'shop' } }
    assert.match((await ui.ended(await ui.start(run))).failure ?? '', /active at site "dr", this is site "primary"; .*"at": "dr"/)
    const there = await ui.ended(await ui.start({ ...run, input: { system: 'shop', at: 'dr' } }))
    assert.equal(there.outcome, 'WORKFLOW_EXECUTION_STATUS_COMPLETED', there.failure ?? '')
  })

  it('is printed whole by a scenario', async () => {
    const { steps } = JSON.parse(await muster.good('scenario', 'database-corruption', 'shop', '--plan', '--json')) as { steps: { temporal: StartForm }[] }
    assert.ok(steps.length > 0)
    for (const { temporal } of steps) assert.equal(temporal.input['at'], 'dr')
    const shown = await muster.good('scenario', 'database-corruption', 'shop', '--plan')
    assert.match(shown, /and paste +\{.*"at":"dr"\}$/m)
    assert.doesNotMatch(shown, /memo/)
  })
})

function printedForm(printed: string): StartForm {
  const link = new URL(/http\S+start-workflow\S+/.exec(printed)?.[0] ?? assert.fail(printed))
  const field = (name: string) => link.searchParams.get(name) ?? assert.fail(`the link has no ${name}: ${link.href}`)
  return {
    workflowId: field('workflowId'),
    taskQueue: field('taskQueue'),
    workflowType: field('workflowType'),
    input: JSON.parse(/and paste:\s+(\{.*\})/.exec(printed)?.[1] ?? assert.fail(printed)) as Record<string, unknown>,
  }
}
