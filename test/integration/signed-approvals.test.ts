import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { runTool, toolExitOf } from '../../adapters/process/run-tool.ts'
import { failures } from '../../domain/failures.ts'
import type { RestoreResult } from '../../workflows/messages.ts'
import { createRig, type Rig, startTemporal, waitFor } from '../support/rig.ts'

const program = new URL('../../bin/muster', import.meta.url).pathname

describe('a restore that two people sign', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let rig: Rig
  const people = ['alice', 'bob', 'carol', 'mallory'] as const
  const keys: Record<string, string> = {}

  before(async () => {
    env = await startTemporal()
    rig = await createRig({ env, prepare, yaml: yamlFor, withShipper: false })
    await env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup/1', args: [{ system: 'shop' }] })
  })
  after(async () => {
    await rig?.stop()
    await env?.teardown()
  })

  async function prepare(base: string): Promise<void> {
    await mkdir(join(base, 'uploads'))
    await writeFile(join(base, 'uploads', 'logo.png'), 'first')
    for (const person of people) {
      await runTool('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(base, person)])
      keys[person] = (await readFile(join(base, `${person}.pub`), 'utf8')).split(' ').slice(0, 2).join(' ')
    }
  }

  const yamlFor = (base: string) => `
organisation: Test
stores: { local: { type: directory, path: ${base}/stores/local } }
encryption: { identity: "file:${base}/keys/identity.txt" }
people:
  alice: { approve: "${keys['alice']}" }
  bob: { approve: "${keys['bob']}" }
  carol: { approve: "${keys['carol']}" }
systems:
  shop:
    components: { uploads: { type: files, paths: [${base}/uploads] } }
    restore: { commitAfter: 0, approvals: { count: 2, accept: signed } }
`

  /** The command line, as a person types it. */
  async function muster(user: string, ...words: string[]): Promise<{ code: number; out: string }> {
    const variables = {
      MUSTER_CONFIG: rig.places.configFile,
      MUSTER_HOME: rig.places.home,
      MUSTER_KEYS: rig.places.keys,
      MUSTER_USER: user,
      TEMPORAL_ADDRESS: String(env.connection.options.address),
    }
    const run = runTool(process.execPath, [program, ...words], { cwd: new URL('../..', import.meta.url).pathname, env: variables })
    return run.then(
      ({ stdout }) => ({ code: 0, out: stdout }),
      (error: unknown) => {
        const exit = toolExitOf(error)
        if (!exit) throw error
        return { code: exit.exitCode ?? -1, out: exit.stderrTail }
      },
    )
  }

  async function waiting(): Promise<{ handle: ReturnType<typeof env.client.workflow.getHandle>; plan: string }> {
    await writeFile(join(rig.base, 'uploads', 'logo.png'), 'overwritten')
    const input = { system: 'shop', newerFiles: 'discard', requestedBy: 'alice' }
    const { workflowId, firstExecutionRunId } = await env.client.workflow.start('restoreSystem', {
      taskQueue: 'muster',
      workflowId: 'target/shop',
      args: [input],
    })
    const handle = env.client.workflow.getHandle(workflowId, firstExecutionRunId)
    await waitFor('approval', async () => (await handle.describe()).memo?.['phase'] === 'waiting for approval')
    return { handle, plan: String((await handle.describe()).memo?.['plan']) }
  }

  it('begins when the second of two other people has signed with the key of the configuration', async () => {
    const { handle, plan } = await waiting()
    const rejected = failures.ApprovalRejected.exitCode
    const cases: readonly [string, string, string][] = [
      ['alice', 'alice', 'alice asked for this restore'],
      ['bob', 'mallory', 'the signature is not one of bob'],
      ['mallory', 'mallory', 'mallory has no key in people'],
    ]
    for (const [user, key, text] of cases) {
      const refused = await muster(user, 'approve', plan.slice(0, 8), '--key', join(rig.base, key))
      assert.equal(refused.code, rejected, refused.out)
      assert.ok(refused.out.includes(text), refused.out)
    }
    const first = await muster('bob', 'approve', plan.slice(0, 8), '--key', join(rig.base, 'bob'), '--note', 'seen')
    assert.match(first.out, /approved .* as bob\n {2}1 more person has to approve/)
    assert.equal((await muster('bob', 'approve', plan.slice(0, 8), '--key', join(rig.base, 'bob'))).code, rejected)
    assert.equal(await readFile(join(rig.base, 'uploads', 'logo.png'), 'utf8'), 'overwritten')
    // Carol signs at the command line and pastes the input into the Temporal UI.
    const printed = await muster('carol', 'approve', plan, '--key', join(rig.base, 'carol'), '--print')
    await handle.executeUpdate('approve', { args: [JSON.parse(printed.out)] })
    const { outcome, approvals } = (await handle.result()) as RestoreResult
    assert.equal(outcome, 'succeeded')
    assert.deepEqual(
      approvals.map(({ person, accept, note }) => [person, accept, note]),
      [
        ['bob', 'signed', 'seen'],
        ['carol', 'signed', null],
      ],
    )
    assert.ok(approvals.every(({ key }) => key?.startsWith('SHA256:')))
    assert.equal(await readFile(join(rig.base, 'uploads', 'logo.png'), 'utf8'), 'first')
  })

  it('does not take the answer that was signed for an earlier run', async () => {
    const first = await waiting()
    const printed = await muster('bob', 'approve', first.plan, '--key', join(rig.base, 'bob'), '--print')
    await first.handle.cancel()
    await first.handle.result().catch(() => undefined)
    const second = await waiting()
    const replayed = { ...(JSON.parse(printed.out) as object), plan: second.plan }
    await assert.rejects(second.handle.executeUpdate('approve', { args: [replayed] }), (error: Error) => {
      assert.match(String((error.cause as Error).message), /the signature is not one of bob over this answer to this plan in this run/)
      return true
    })
    const rejected = await muster('carol', 'approve', second.plan, '--reject', '--key', join(rig.base, 'carol'), '--note', 'wrong day')
    assert.match(rejected.out, /rejected .* as carol/)
    await assert.rejects(second.handle.result(), (error: Error) => /carol rejected plan .*: wrong day/.test(String((error.cause as Error).message)))
    assert.equal(await readFile(join(rig.base, 'uploads', 'logo.png'), 'utf8'), 'overwritten')
  })
})
