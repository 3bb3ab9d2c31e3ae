import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { failures } from '../../domain/failures.ts'
import { startTemporal } from '../support/rig.ts'

describe('the command line, as it is typed', function () {
  this.timeout(60_000)
  let env: TestWorkflowEnvironment
  let base: string

  before(async () => {
    env = await startTemporal()
    base = await mkdtemp(join(tmpdir(), 'muster-cli-'))
  })
  after(async () => {
    await env?.teardown()
    await rm(base, { recursive: true, force: true })
  })

  interface Typed {
    readonly exitCode: number | null
    readonly stdout: string
    readonly stderr: string
  }

  function muster(words: readonly string[], readBytes = Number.POSITIVE_INFINITY): Promise<Typed> {
    const script = new URL('../../bin/muster', import.meta.url).pathname
    const { address } = env.connection.options
    const { MUSTER_CONFIG: _c, MUSTER_HOME: _h, MUSTER_KEYS: _k, ...inherited } = process.env
    const child = spawn(process.execPath, [script, ...words], {
      cwd: base,
      env: { ...inherited, TEMPORAL_ADDRESS: address },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [out, err]: [string[], string[]] = [[], []]
    child.stdout.on('data', (chunk: Buffer) => {
      out.push(chunk.toString('utf8'))
      if (out.join('').length >= readBytes) child.stdout.destroy()
    })
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk.toString('utf8')))
    return new Promise((resolve) => child.once('close', (exitCode) => resolve({ exitCode, stdout: out.join(''), stderr: err.join('') })))
  }

  const start = (workflowId: string) => env.client.workflow.start('restoreSystem', { taskQueue: 'nobody', workflowId, args: [{}] })

  it('says that there is no such run, and that one has ended, instead of calling it a defect', async () => {
    for (const words of [
      ['watch', 'target/none', '--once'],
      ['watch', 'target/none'],
      ['cancel', 'target/none'],
      ['resume', 'target/none', '--reason', 'x'],
    ]) {
      const { exitCode, stderr } = await muster(words)
      assert.equal(exitCode, failures.UnknownName.exitCode, words.join(' '))
      assert.match(stderr, /there is no run "target\/none"/)
    }
    await (await start('target/ended')).terminate('test')
    const cancelled = await muster(['cancel', 'target/ended'])
    assert.equal(cancelled.exitCode, failures.PreconditionFailed.exitCode)
    assert.match(cancelled.stderr, /target\/ended does not run: it ended as terminated/)
    const resumed = await muster(['resume', 'target/ended', '--reason', 'x'])
    assert.equal(resumed.exitCode, failures.PreconditionFailed.exitCode)
    assert.match(resumed.stderr, /has ended already/)
    const watched = await muster(['watch', 'target/ended'])
    assert.equal(watched.exitCode, failures.Cancelled.exitCode)
    assert.match(watched.stderr, /terminated in Temporal/)
  })

  it('tells of a paused run also while no worker can say why, and ends well', async () => {
    const paused = { taskQueue: 'nobody', workflowId: 'target/paused', args: [{}], memo: { phase: 'paused: the stores are out' } }
    const handle = await env.client.workflow.start('restoreSystem', paused)
    const { exitCode, stdout, stderr } = await muster(['watch', 'target/paused', '--once'])
    await handle.terminate('test')
    assert.equal(exitCode, 0, stderr)
    assert.match(stdout, /paused: the stores are out/)
  })

  it('is JSON also where the command line was not understood, with --json', async () => {
    const { exitCode, stdout } = await muster(['backup', '--json'])
    assert.equal(exitCode, 1)
    assert.deepEqual(JSON.parse(stdout), {
      error: { type: 'InvalidInput', message: "missing required argument 'system'", hint: 'muster help shows all verbs', exitCode: 1 },
    })
  })

  it('is whole in a pipe, however long it is and however late it is read', async () => {
    const word = 'x'.repeat(120_000)
    const script = new URL('../../bin/muster', import.meta.url).pathname
    const words = [process.execPath, script, '--json', word]
    const { stdout } = await promisify(execFile)('sh', ['-c', '"$@" 2> /dev/null | (sleep 3; cat)', 'sh', ...words], { cwd: base, maxBuffer: 1e6 })
    const { error } = JSON.parse(stdout) as { readonly error: { readonly message: string } }
    assert.ok(error.message.includes(word))
  })

  it('names the configuration that is missing, in the wrong directory', async () => {
    const { exitCode, stderr } = await muster(['status'])
    assert.equal(exitCode, failures.ConfigInvalid.exitCode)
    assert.match(stderr, /there is no .*muster\.yaml\n {2}→ name it: muster --config FILE/)
  })

  it('ends quietly when its reader has gone, and tells version and exit codes', async () => {
    const { exitCode, stderr } = await muster(['help', 'exit-codes'], 1)
    assert.deepEqual([exitCode, stderr], [0, ''])
    assert.match((await muster(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
    assert.match((await muster(['help', 'exit-codes'])).stdout, / 35 {2}LockHeld/)
  })
})
