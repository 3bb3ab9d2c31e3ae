/**
 * Years later: a run that was decided by another release, made with another version of Temporal's SDK, is replayed from
 * its kit. The older release is an installation of its own here, and its workflow worker a process of its own.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { ReplayedRun } from '../../clients/audit-replay.ts'
import type { Replayer } from '../../clients/audit-replay.ts'
import { createReplayer } from '../../wiring/replay.ts'
import { installedSdk, saveReplayKit } from '../../wiring/replay-kits.ts'
import { createWorkers, runWorkers, workflowQueue } from '../../workers/worker.ts'
import { bundleHash, withStubMap } from '../../workers/bundle.ts'
import { createRig, type Rig, startTemporal, waitFor } from '../support/rig.ts'

const root = join(import.meta.dirname, '..', '..')
const olderSdk = '1.20.3'

/** Of the older release: bundles its workflows and decides, until its stdin ends. */
const olderWorker = `
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
const [address, queue] = process.argv.slice(2)
const logger = new DefaultLogger('ERROR')
const { code } = await bundleWorkflowCode({ workflowsPath: resolve('workflows/index.ts'), logger, webpackConfigHook: (config) => ({ ...config, devtool: false }) })
writeFileSync('bundle.js', code)
const map = Buffer.from('{"version":3,"file":"workflow-bundle.js","sources":[],"names":[],"mappings":""}').toString('base64')
const workflowBundle = { code: code + '\\n//# sourceMappingURL=data:application/json;base64,' + map + '\\n' }
const connection = await NativeConnection.connect({ address })
const worker = await Worker.create({ connection, taskQueue: queue, workflowBundle, buildId: createHash('sha256').update(code).digest('hex') })
process.stdin.on('end', () => worker.shutdown()).resume()
process.stderr.write('polling\\n')
await worker.run()
await connection.close()
`

describe('an archived run of another release', function () {
  this.timeout(600_000)
  let env: TestWorkflowEnvironment
  let rig: Rig
  let older: string

  before(async () => {
    env = await startTemporal()
    older = await installOlder()
    rig = await createRig({ env, withShipper: false, withWorkers: false, prepare, yaml: yamlFor })
  })
  after(async () => {
    await rig?.stop()
    await rm(older, { recursive: true, force: true })
    await env?.teardown()
  })

  /** The sources of today, as a release with an older SDK would have had them. */
  async function installOlder(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'muster-older-'))
    const { version, dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      version: string
      dependencies: Record<string, string>
    }
    const names = Object.keys(dependencies).filter((name) => name.startsWith('@temporalio/'))
    const packages = {
      name: 'muster',
      version: `${version}-older`,
      private: true,
      type: 'module',
      dependencies: Object.fromEntries(names.map((name) => [name, olderSdk])),
    }
    await writeFile(join(directory, 'package.json'), JSON.stringify(packages))
    const words = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    const npm = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined && /^npm_config_/i.test(entry[0]))
    await runTool('npm', words, { cwd: directory, env: Object.fromEntries(npm), timeoutSeconds: 500 })
    for (const room of ['workflows', 'domain', 'activities', 'observability']) await cp(join(root, room), join(directory, room), { recursive: true })
    await symlink(join(root, 'node_modules', 'zod'), join(directory, 'node_modules', 'zod'))
    await writeFile(join(directory, 'worker.mjs'), olderWorker)
    return directory
  }

  function startOlderWorker(): ChildProcess {
    return spawn(process.execPath, ['worker.mjs', env.connection.options.address, workflowQueue], { cwd: older, stdio: ['pipe', 'ignore', 'pipe'] })
  }

  it('is replayed with its own code and its own SDK, which the kit names and npm brings, and with the code of today', async () => {
    const worker = startOlderWorker()
    const said: string[] = []
    worker.stderr?.on('data', (chunk: Buffer) => said.push(chunk.toString('utf8')))
    const exited = once(worker, 'exit')
    await waitFor(
      'the worker of the older release',
      async () => {
        assert.equal(worker.exitCode, null, said.join(''))
        return said.join('').includes('polling')
      },
      180,
    )
    const code = withStubMap(await readFile(join(older, 'bundle.js'), 'utf8'))
    await saveReplayKit(rig.places, { code }, older)
    const workers = await createWorkers({
      connection: env.nativeConnection,
      namespace: env.namespace ?? 'default',
      agent: rig.agent,
      roles: { workflows: false, site: true, host: true },
      bundle: { code: '' },
    })
    const stop = new AbortController()
    const done = runWorkers(workers, stop.signal)
    try {
      const start = (type: string, input: object) => env.client.workflow.execute(type, { taskQueue: workflowQueue, workflowId: `${type}/older`, args: [input] })
      await start('backupSystem', { system: 'shop', requestedBy: 'alice' })
      await waitFor(
        'the run to be listed',
        async () => (await env.client.workflow.count("WorkflowType = 'backupSystem' AND ExecutionStatus = 'Completed'")).count === 1,
      )
      await start('archiveHistories', {})
    } finally {
      worker.stdin?.end()
      await exited
      stop.abort()
      await done
    }
    const { exitCode, stdout, stderr } = await muster('audit', 'replay', 'backupSystem/older', '--json')
    assert.equal(exitCode, 0, stdout + stderr)
    const { original, today, run } = JSON.parse(stdout) as ReplayedRun
    assert.deepEqual([run.sdk, original?.sdk, original?.replays], [olderSdk, olderSdk, true])
    assert.equal(original?.code, await bundleHash({ code }))
    assert.match(original?.muster ?? '', /-older$/)
    assert.deepEqual([today?.sdk, today?.replays], [installedSdk(), true])
    assert.notEqual(today?.code, original?.code)
    const told = await muster('audit', 'replay', 'backupSystem/older')
    assert.match(
      told.stdout,
      new RegExp(`SDK ${olderSdk.replaceAll('.', '\\.')}[^]*✓ \\d+ events replay[^]*SDK ${installedSdk().replaceAll('.', '\\.')}\\n +✓ still replays`),
    )
  })

  it('says which version it needs where npm cannot get it, and how to go on without', async () => {
    const kit = {
      sdk: '1.20.3',
      files: new Map([['package.json' as const, Buffer.from('{"dependencies":{"@temporalio/worker":"1.20.3"}}')]]),
    } satisfies Parameters<Replayer['install']>[0]
    const before = process.env['npm_config_registry']
    process.env['npm_config_registry'] = 'http://127.0.0.1:9/'
    process.env['npm_config_fetch_retries'] = '0'
    try {
      await assert.rejects(
        createReplayer({ ...rig.places, home: join(rig.base, 'elsewhere') }).install(kit),
        (error: Error & { type?: string; hint?: string }) => {
          assert.equal(error.type, 'PreconditionFailed')
          assert.match(error.message, /^version 1\.20\.3 of Temporal's SDK, which this run was made with, could not be installed: /)
          assert.match(error.hint ?? '', /--today/)
          return true
        },
      )
    } finally {
      delete process.env['npm_config_fetch_retries']
      if (before === undefined) delete process.env['npm_config_registry']
      else process.env['npm_config_registry'] = before
    }
  })

  function muster(...words: readonly string[]): Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }> {
    const { configFile: MUSTER_CONFIG, home: MUSTER_HOME, keys: MUSTER_KEYS } = rig.places
    const child = spawn(process.execPath, ['--import', createRequire(import.meta.url).resolve('tsx'), join(root, 'bin', 'muster.ts'), ...words], {
      env: { ...process.env, MUSTER_CONFIG, MUSTER_HOME, MUSTER_KEYS },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [out, err]: [string[], string[]] = [[], []]
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk.toString('utf8')))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk.toString('utf8')))
    return new Promise((resolve) => child.once('close', (exitCode) => resolve({ exitCode, stdout: out.join(''), stderr: err.join('') })))
  }
})

async function prepare(base: string): Promise<void> {
  await mkdir(join(base, 'uploads'))
  await writeFile(join(base, 'uploads', 'logo.png'), 'first')
}

function yamlFor(base: string): string {
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/stores/local }
encryption: { identity: "file:${base}/keys/identity.txt" }
systems:
  shop:
    components:
      uploads: { type: files, paths: [${base}/uploads] }
`
}
