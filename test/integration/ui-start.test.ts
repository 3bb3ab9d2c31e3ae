/**
 * What docs/operating.md tells operators and auditors to do in the Temporal UI, done through the UI server's own
 * HTTP API, with the requests that its pages send.
 */
import assert from 'node:assert/strict'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import { Worker } from '@temporalio/worker'
import { runTool } from '../../adapters/process/run-tool.ts'
import { createOutput } from '../../clients/cli/output.ts'
import { showPlan } from '../../clients/cli/restore-view.ts'
import { quietTemporal } from '../../wiring/quiet-temporal.ts'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { freePort } from '../support/postgres-cluster.ts'
import { createRig, type Rig, waitFor, workflowBundle } from '../support/rig.ts'
import { openTemporalUi, type TemporalUi } from '../support/temporal-ui.ts'
import { temporalPath } from '../support/tools.ts'

const root = join(import.meta.dirname, '..', '..')
const newest = { system: 'shop', requestedBy: 'alice' } as const

describe('the Temporal UI', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let rig: Rig
  let ui: TemporalUi
  let restored: { readonly workflowId: string; readonly runId: string }

  before(async () => {
    quietTemporal()
    const uiPort = await freePort()
    env = await TestWorkflowEnvironment.createLocal({
      server: {
        executable: { type: 'existing-path', path: await temporalPath() },
        log: { format: 'pretty', level: 'error' },
        ui: true,
        uiPort,
        extraArgs: ['--dynamic-config-value', 'history.timerProcessorMaxTimeShift="1ms"'],
      },
    })
    rig = await createRig({ env, yaml: yamlFor, prepare: prepareTree, withShipper: false })
    await waitFor('the UI', async () => (await fetch(`http://127.0.0.1:${uiPort}/`).catch(() => null))?.ok === true)
    // The UI may have looked for the server before that was up; it asks again only after a pause.
    await waitFor(
      'the server behind the UI',
      async () => (await fetch(`http://127.0.0.1:${uiPort}/api/v1/namespaces/default`).catch(() => null))?.ok === true,
      60,
    )
    ui = await openTemporalUi(`http://127.0.0.1:${uiPort}`)
  })

  after(async () => {
    await rig?.stop()
    await env?.teardown()
  })

  it('starts a backup from one JSON object', async () => {
    const run = await ui.start({ workflowId: 'backup-by-hand', taskQueue: 'muster', workflowType: 'backupSystem', input: { system: 'shop' } })
    assert.equal((await ui.ended(run)).outcome, 'WORKFLOW_EXECUTION_STATUS_COMPLETED')
  })

  it('answers a wrong input within seconds, with a right one', async () => {
    const startedAt = Date.now()
    const run = await ui.start({ workflowId: 'misspelt', taskQueue: 'muster', workflowType: 'backupSystem', input: { sytem: 'shop' } })
    const { outcome, failure } = await ui.ended(run)
    assert.equal(outcome, 'WORKFLOW_EXECUTION_STATUS_FAILED')
    assert.match(failure ?? '', /sytem.*a right input is \{"system":"shop","kind":"full"\}/)
    assert.ok(Date.now() - startedAt < 45_000)
  })

  it('answers an unknown workflow type with the ones there are', async () => {
    const run = await ui.start({ workflowId: 'unknown', taskQueue: 'muster', workflowType: 'restoreSytem', input: newest })
    const { failure } = await ui.ended(run)
    assert.match(failure ?? '', /there is no workflow "restoreSytem"; there are: backupSystem, archiveWal, restoreSystem, recoverToPointInTime/)
  })

  it('refuses a restore in place under another id, and names the right one', async () => {
    const run = await ui.start({ workflowId: 'my-restore', taskQueue: 'muster', workflowType: 'restoreSystem', input: newest })
    assert.match((await ui.ended(run)).failure ?? '', /runs under the id "target\/shop"/)
  })

  it('starts the restore that the link and the JSON of a printed plan describe, and takes its approval as an update', async () => {
    const uploads = join(rig.base, 'uploads')
    await writeFile(join(uploads, 'logo.png'), 'overwritten')
    const form = await printedForm()
    assert.equal((await fetch(form.link)).status, 200)
    const run = await ui.start(form.fields)
    restored = run
    await waitFor('approval', async () => (await ui.memo(run))['phase'] === 'waiting for approval')
    const plan = String((await ui.memo(run))['plan'])

    const again = await ui.tryStart(form.fields)
    assert.equal(again.status, 409)
    assert.match(again.text, /already running/)
    const wrong = await ui.update(run, 'approve', { plan: '0'.repeat(64), person: 'bob' })
    assert.match(wrong.failure ?? '', /the plan is .*, not 0000/)
    const misspelt = await ui.update(run, 'approve', { plann: plan, person: 'bob' })
    assert.match(misspelt.failure ?? '', /a right input is/)
    assert.equal(await readFile(join(uploads, 'logo.png'), 'utf8'), 'overwritten')

    const approved = await ui.update(run, 'approve', { plan, person: 'bob' })
    assert.equal(approved.failure, null)
    assert.equal((await ui.ended(run)).outcome, 'WORKFLOW_EXECUTION_STATUS_COMPLETED')
    assert.equal(await readFile(join(uploads, 'logo.png'), 'utf8'), 'first')
  })

  it('gives an auditor a history, encoded, that the script of the page replays without a server', async () => {
    const room = join(rig.base, 'audit')
    await mkdir(join(room, 'dist'), { recursive: true })
    await symlink(join(root, 'node_modules'), join(room, 'node_modules'))
    await writeFile(join(room, 'dist', 'workflow-bundle.js'), (await workflowBundle()).code)
    await writeFile(join(room, 'replay.mjs'), await replayScript())
    const text = await ui.download(restored)
    await writeFile(join(room, 'events.json'), text)
    const { events } = JSON.parse(text) as { events: { eventType: string }[] }
    assert.ok(events.some(({ eventType }) => eventType === 'EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED'))
    const { stdout } = await runTool(process.execPath, ['replay.mjs', 'events.json', restored.workflowId], { cwd: room })
    assert.match(stdout, new RegExp(`^${events.length} events replay`, 'm'))
  })

  it('shows by replay that a history was made by other code', async () => {
    const history = JSON.parse(await ui.download(restored)) as { events: Record<string, unknown>[] }
    const { code } = await workflowBundle()
    const changed = code.replaceAll('restoreTreeAside', 'restoreTreeAsideChanged')
    assert.notEqual(changed, code)
    await assert.rejects(Worker.runReplayHistory({ workflowBundle: { code: changed } }, history, restored.workflowId), /[Nn]ondeterminism/)
  })

  /** What `muster restore shop --plan` prints for the UI: the link that fills the form in, and what to paste. */
  async function printedForm() {
    const planRun = { taskQueue: 'muster', workflowType: 'restoreSystem', workflowId: 'plan-of-restore', input: { ...newest, planOnly: true } }
    const { plan } = (await ui.ended(await ui.start(planRun))).result as RestoreResult
    let printed = ''
    const stdout = { write: (text: string) => (printed += text) } as unknown as NodeJS.WriteStream
    showPlan(createOutput({ json: false, stdout }), plan, { type: 'restoreSystem', input: newest, site: 'primary', uiUrl: ui.url, final: true })
    const link = new URL(/http\S+start-workflow\S+/.exec(printed)?.[0] ?? '')
    const field = (name: string) => link.searchParams.get(name) ?? assert.fail(`the link has no ${name}: ${link.href}`)
    return {
      link: link.href,
      fields: {
        workflowId: field('workflowId'),
        taskQueue: field('taskQueue'),
        workflowType: field('workflowType'),
        input: JSON.parse(/and paste:\s+(\{.*\})/.exec(printed)?.[1] ?? '') as Record<string, unknown>,
      },
    }
  }
})

/** What docs/operating.md tells an auditor to save as replay.mjs. */
async function replayScript(): Promise<string> {
  const page = await readFile(join(root, 'docs', 'operating.md'), 'utf8')
  return /<!-- replay -->\n```js\n([\s\S]*?)```/.exec(page)?.[1] ?? assert.fail('the page has no replay script')
}

async function prepareTree(base: string): Promise<void> {
  await mkdir(join(base, 'uploads'))
  await writeFile(join(base, 'uploads', 'logo.png'), 'first')
}

function yamlFor(base: string): string {
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/store }
encryption: { identity: "file:${base}/keys/identity.txt" }
systems:
  shop:
    components:
      uploads: { type: files, paths: [${base}/uploads] }
    restore: { commitAfter: 0 }
`
}
