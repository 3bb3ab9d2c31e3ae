import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { History } from '@temporalio/common/lib/proto-utils.js'
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { Worker } from '@temporalio/worker'
import { DeterminismViolationError } from '@temporalio/workflow'
import { workflowTypes } from '../../workflows/messages.ts'
import { changedBundle } from '../support/changed-bundle.ts'
import { workflowBundle } from '../support/rig.ts'
import { quietly } from '../support/scripted-activities.ts'

const folder = join(import.meta.dirname, 'histories')

interface Recorded {
  /** Workflow type and outcome: `backupSystem.degraded`. */
  readonly name: string
  readonly text: string
  readonly history: History
}

/** Under the run's own id: a restore refuses any other. @returns the error of each that failed, by name */
async function replay(code: string, histories: readonly Recorded[]): Promise<ReadonlyMap<string, Error>> {
  const names = new Map(histories.map(({ name, history }) => [started(history).originalExecutionRunId ?? '', name]))
  const failed = new Map<string, Error>()
  let replayed = 0
  const all = (async function* () {
    for (const { history } of histories) yield { workflowId: started(history).workflowId ?? '', history }
  })()
  for await (const { runId, error } of Worker.runReplayHistories({ workflowBundle: { code } }, all)) {
    replayed++
    if (error) failed.set(names.get(runId) ?? runId, error)
  }
  assert.equal(replayed, histories.length)
  return failed
}

function started(history: History) {
  const attributes = history.events?.[0]?.workflowExecutionStartedEventAttributes
  assert.ok(attributes, 'a history begins with the start of its run')
  return attributes
}

/** What a history says: its text, and what its payloads hold. */
function saidIn(text: string): string {
  const payloads: string[] = []
  JSON.parse(text, (key, value: unknown) => {
    if (key === 'data' && typeof value === 'string') payloads.push(Buffer.from(value, 'base64').toString('utf8'))
    return value
  })
  return [text, ...payloads].join('\n')
}

describe('the recorded histories', function () {
  this.timeout(90_000)
  let recorded: readonly Recorded[] = []
  let code = ''
  const named = (type: string) => recorded.filter(({ name }) => name.startsWith(`${type}.`))

  before(async () => {
    quietly()
    const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).toSorted()
    recorded = await Promise.all(
      files.map(async (file) => {
        const text = await readFile(join(folder, file), 'utf8')
        return { name: file.replace(/\.json$/, ''), text, history: JSON.parse(text) as History }
      }),
    )
    ;({ code } = await workflowBundle())
  })

  it('hold each workflow, and each of its ways to end', () => {
    const ends = (type: string) => new Set(named(type).map(({ text }) => /EVENT_TYPE_WORKFLOW_EXECUTION_(COMPLETED|FAILED|CANCELED)/.exec(text)?.[1] ?? 'none'))
    for (const type of workflowTypes) assert.ok(named(type).length > 0, `there is no history of ${type}`)
    for (const type of ['backupSystem', 'archiveWal', 'restoreSystem', 'installConfig', 'archiveHistories', 'monitorHealth', 'failoverSite'])
      assert.deepEqual([...ends(type)].toSorted(), ['CANCELED', 'COMPLETED', 'FAILED'], type)
  })

  it('name no path and no host of a machine, in clear or inside a payload', () => {
    const host = hostname().replaceAll(/[^\w-]/g, '.')
    const forbidden: readonly RegExp[] = [
      /\/(work|root|home|tmp|Users|var\/folders)\//,
      /\b\d+@[\w.-]+/,
      ...(host === 'localhost' ? [] : [new RegExp(`\\b${host}\\b`)]),
    ]
    for (const { name, text } of recorded) {
      const said = saidIn(text)
      for (const pattern of forbidden) assert.doesNotMatch(said, pattern, `${name} has ${pattern.exec(said)?.[0]}`)
    }
  })

  it('would be refused if a payload named a path of a machine', () => {
    const path = ['', 'home', 'alice', 'data'].join('/')
    const data = Buffer.from(JSON.stringify({ path })).toString('base64')
    assert.ok(saidIn(JSON.stringify({ payloads: [{ data }] })).includes(path))
  })

  it('replay with the code of today', async () => {
    const failed = await replay(code, recorded)
    assert.deepEqual(
      [...failed].map(([name, error]) => `${name}: ${error.message}`),
      [],
    )
  })

  it('do not replay when a step of a workflow is gone', async () => {
    const changed = await changedBundle('backup-system.ts', "    notices.send('started', 'info', `backup of ${input.system} started`, '')\n", '')
    const failed = await replay(changed, [...named('backupSystem'), ...named('archiveWal')])
    // Those that end before that step are the same.
    const unaffected = ['backupSystem.invalid-input', 'backupSystem.plan-failed']
    assert.deepEqual(
      [...failed.keys()].toSorted(),
      named('backupSystem')
        .map(({ name }) => name)
        .filter((name) => !unaffected.includes(name)),
    )
    for (const [name, error] of failed) assert.ok(error instanceof DeterminismViolationError, `${name}: ${error.name}: ${error.message}`)
  })

  it('do not replay when a workflow has a new step', async () => {
    const step = '    await onSite(site).notifyPeople()\n'
    const line = "    plan = await onSite(site, 'control', firstLimits).planBackup"
    const failed = await replay(await changedBundle('backup-system.ts', line, `${step}${line}`), named('backupSystem'))
    assert.deepEqual(
      [...failed.keys()].toSorted(),
      named('backupSystem')
        .map(({ name }) => name)
        .filter((name) => name !== 'backupSystem.invalid-input'),
    )
    for (const [name, error] of failed) assert.ok(error instanceof DeterminismViolationError, `${name}: ${error.name}: ${error.message}`)
  })

  it('are the same after they were read and written as the SDK does, and still replay', async () => {
    const [first] = named('backupSystem')
    assert.ok(first)
    // Two copies of protobufjs in node_modules make this throw "type must be a Type".
    const text = historyToJSON(historyFromJSON(JSON.parse(first.text)) as History)
    assert.equal((JSON.parse(text) as { events: unknown[] }).events.length, first.history.events?.length)
    await Worker.runReplayHistory({ workflowBundle: { code } }, JSON.parse(text), started(first.history).workflowId ?? '')
  })
})
