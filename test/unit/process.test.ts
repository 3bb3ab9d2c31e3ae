import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { endLabelled, endProcess, findLabelled, findLabelPrefix } from '../../adapters/process/find-processes.ts'
import { identify, isRunning, processesUsing } from '../../adapters/process/find-processes.ts'
import { allDone, runTool, startTool, toolExitOf } from '../../adapters/process/run-tool.ts'
import { startService } from '../../adapters/process/start-service.ts'
import { type FailureType, MusterError } from '../../domain/failures.ts'

const asRoot = process.getuid?.() === 0
/** Whom tools can be told to run as: root any other user, everybody else only themselves. */
const runAs = asRoot ? 'postgres' : userInfo().username
const repositoryRoot = join(import.meta.dirname, '../..')

let directory: string
let label: string

/** A directory and a label for each test, and nothing left of either. */
function cleanly(): void {
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-process-'))
    label = `test/${randomUUID()}`
  })
  afterEach(async () => {
    await endLabelled(label, { graceSeconds: 0 })
    await rm(directory, { recursive: true, force: true })
  })
}

function failsWith(type: FailureType, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof MusterError, String(error))
    assert.equal(error.type, type, error.message)
    assert.match(error.message, message)
    return true
  }
}

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + 10_000; !(await condition()); await sleep(20)) {
    assert.ok(Date.now() < deadline, `waited 10 s in vain: ${what}`)
  }
}

describe('a tool', () => {
  cleanly()

  it('gives back exit code, output and the end of its error output', async () => {
    const result = await runTool('sh', ['-c', 'echo out; echo err >&2; exit 3'], { okExitCodes: [0, 3] })
    assert.deepEqual(result, { exitCode: 3, stdout: 'out\n', stderrTail: 'err\n' })
  })

  it('gets a minimal environment and not the agent’s', async () => {
    process.env['MUSTER_TEST_SECRET'] = 'x'
    const { stdout } = await runTool('env', [], { env: { EXTRA: '1' }, label })
    const names = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0])
    assert.deepEqual(names.toSorted(), ['EXTRA', 'HOME', 'LANG', 'MUSTER_LABEL', 'PATH', 'TZ'])
  })

  it('fails with program, exit code and what it said, without secrets', async () => {
    const script = 'echo "connecting to postgres://muster:hunter2@db1/x" >&2; exit 4'
    await assert.rejects(runTool('sh', ['-c', script]), (error: Error) => {
      failsWith('CommandFailed', /^sh failed with exit code 4: connecting to postgres:\/\/muster:\*\*\*@db1/)(error)
      assert.ok(!JSON.stringify(toolExitOf(error)).includes('hunter2'))
      assert.equal(toolExitOf(error)?.exitCode, 4)
      return true
    })
    await assert.rejects(runTool('sh', ['-c', 'kill -9 $$']), failsWith('CommandFailed', /^sh was ended by SIGKILL$/))
  })

  it('names the program that is missing, also behind wrappers, and says to install it', async () => {
    for (const options of [{}, { kind: 'kind' as const }, { runAs }]) {
      await assert.rejects(runTool('pg_no_such_program', [], options), (error: MusterError) => {
        assert.match(error.hint, /install it/)
        return failsWith('CommandFailed', /the program pg_no_such_program was not found/)(error)
      })
    }
    await assert.rejects(runTool('true', [], { cwd: '/no/such' }), failsWith('PreconditionFailed', /\/no\/such/))
    await writeFile(join(directory, 'garbage'), 'not a program', { mode: 0o755 })
    await assert.rejects(runTool(join(directory, 'garbage'), []), failsWith('CommandFailed', /garbage/))
  })

  it('is refused as a user that does not exist, and as another user when the agent is not root', async () => {
    await assert.rejects(runTool('id', [], { runAs: 'no-such-user' }), failsWith('PreconditionFailed', /no-such-user/))
    // Root becomes another user for a moment.
    if (asRoot) process.seteuid?.(65534)
    try {
      await assert.rejects(runTool('id', [], { runAs: 'root' }), failsWith('PreconditionFailed', /only root/))
    } finally {
      if (asRoot) process.seteuid?.(0)
    }
  })

  it('runs as the user it is told to, with the home and the groups of that user', async () => {
    const { stdout } = await runTool('sh', ['-c', 'id -un; id -Gn; echo $HOME'], { runAs, kind: 'kind' })
    const groups = (await runTool('id', ['-Gn', runAs])).stdout.trim()
    const home = (await runTool('getent', ['passwd', runAs])).stdout.split(':')[5]
    assert.deepEqual(stdout.trim().split('\n'), [runAs, groups, home])
    assert.equal((await runTool('id', ['-un'], { runAs: userInfo().username })).stdout.trim(), userInfo().username)
  })

  it('runs with less priority when it has to be kind', async () => {
    assert.equal((await runTool('nice', [], { kind: 'kind' })).stdout, '10\n')
    assert.match((await runTool('ionice', [], { kind: 'kind' })).stdout, /best-effort: prio 7/)
  })

  it('hands on lines that end with a carriage return', async () => {
    const lines: string[] = []
    await runTool('printf', ['1/3\\r2/3\\r3/3\\nlast'], {
      onStderrLine: () => assert.fail('nothing was written there'),
    })
    await runTool('sh', ['-c', "printf '1/3\\r2/3\\r3/3\\nlast' >&2"], { onStderrLine: (line) => lines.push(line) })
    assert.deepEqual(lines, ['1/3', '2/3', '3/3', 'last'])
  })

  it('is ended, not the agent, when a listener throws', async () => {
    const onStderrLine = () => {
      throw new Error('listener broke')
    }
    await assert.rejects(runTool('sh', ['-c', 'echo x >&2; sleep 60'], { onStderrLine, label }), failsWith('CommandFailed', /listener broke/))
    assert.deepEqual(await findLabelled(label), [])
  })

  it('fails when more is printed than is captured', async () => {
    await assert.rejects(runTool('head', ['-c', '2000000', '/dev/zero']), failsWith('CommandFailed', /more than 1 MiB/))
    const discarded = await runTool('head', ['-c', '2000000', '/dev/zero'], { stdout: 'discard' })
    assert.equal(discarded.stdout, '')
  })

  it('fails on time-out', async () => {
    await assert.rejects(runTool('sleep', ['60'], { timeoutSeconds: 0.1, label }), failsWith('Timeout', /sleep .* 0.1 s/))
    assert.deepEqual(await findLabelled(label), [])
  })
})

describe('the input of a tool', () => {
  cleanly()

  it('may be text, bytes or a stream', async () => {
    assert.equal((await runTool('cat', [], { stdin: 'text' })).stdout, 'text')
    assert.equal((await runTool('cat', [], { stdin: Buffer.from('bytes') })).stdout, 'bytes')
    assert.equal((await runTool('cat', [], { stdin: Readable.from(['a', 'b']) })).stdout, 'ab')
    assert.equal((await runTool('cat', [])).stdout, '')
  })

  it('is written by the caller when none was given', async () => {
    const tool = startTool('cat', [])
    tool.stdin.end('later')
    assert.equal((await tool.done).stdout, 'later')
  })

  it('may be larger than what the tool reads, and its source is closed then', async () => {
    await runTool('true', [], { stdin: Buffer.alloc(5_000_000) })
    const source = Readable.from(endless())
    await runTool('head', ['-c', '10'], { stdin: source })
    assert.ok(source.destroyed)
    await assert.rejects(runTool('false', [], { stdin: Readable.from(endless()) }), failsWith('CommandFailed', /code 1/))
  })

  it('that breaks off ends the tool with the reason', async () => {
    const broken = Readable.from(breaking(new MusterError('ObjectMissing', 'gone')))
    await assert.rejects(runTool('cat', [], { stdin: broken, label }), failsWith('ObjectMissing', /gone/))
    const destroyed = new PassThrough()
    destroyed.write('x')
    setTimeout(() => destroyed.destroy(), 50)
    await assert.rejects(runTool('cat', [], { stdin: destroyed, label }), failsWith('CommandFailed', /broke off/))
    assert.deepEqual(await findLabelled(label), [])
  })

  async function* endless() {
    for (;;) yield Buffer.alloc(65536)
  }
  async function* breaking(error: Error) {
    yield 'x'
    throw error
  }
})

describe('the output of a tool', () => {
  cleanly()

  it('goes into a file that only the owner can read, and never into one that exists', async () => {
    const file = join(directory, 'out')
    await runTool('echo', ['hello'], { stdout: { file } })
    assert.equal(await readFile(file, 'utf8'), 'hello\n')
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    await assert.rejects(runTool('echo', [], { stdout: { file } }), failsWith('PreconditionFailed', /EEXIST/))
    assert.equal(await readFile(file, 'utf8'), 'hello\n')
  })

  it('leaves no file behind when the tool fails', async () => {
    const file = join(directory, 'out')
    await assert.rejects(runTool('sh', ['-c', 'echo x; exit 1'], { stdout: { file } }))
    await assert.rejects(runTool('no-such-program', [], { stdout: { file } }))
    assert.deepEqual(await readdir(directory), [])
  })

  it('streams 20 MB through two tools unchanged', async () => {
    const bytes = createHash('sha256').update('seed').digest()
    const input = Buffer.alloc(20_000_000, bytes)
    const zip = startTool('gzip', ['-1'], { stdin: Readable.from(chunks(input)), stdout: 'stream' })
    const unzip = startTool('gzip', ['-d'], { stdin: zip.stdout, stdout: 'stream' })
    const hash = createHash('sha256')
    for await (const chunk of unzip.stdout) hash.update(chunk as Buffer)
    await allDone([zip, unzip])
    assert.equal(hash.digest('hex'), createHash('sha256').update(input).digest('hex'))
  })

  it('never looks complete when the tool failed', async () => {
    const tool = startTool('sh', ['-c', 'echo half; exit 1'], { stdout: 'stream' })
    const read: string[] = []
    await assert.rejects(
      async () => {
        for await (const chunk of tool.stdout) read.push(String(chunk))
      },
      failsWith('CommandFailed', /code 1/),
    )
    const first = startTool('sh', ['-c', 'echo half; sleep 0.1; exit 7'], { stdout: 'stream' })
    const second = startTool('cat', [], { stdin: first.stdout })
    await assert.rejects(allDone([second, first]), failsWith('CommandFailed', /sh failed with exit code 7/))
  })

  it('that is no longer read ends the tool, and the reader’s failure is the one that is told', async () => {
    const first = startTool('sh', ['-c', 'while echo x; do :; done'], { stdout: 'stream', label })
    const second = startTool('sh', ['-c', 'sleep 0.1; exit 9'], { stdin: first.stdout })
    await assert.rejects(allDone([first, second]), failsWith('CommandFailed', /sh failed with exit code 9/))
    await assert.rejects(first.done, failsWith('CommandFailed', /no longer read|SIGPIPE/))
    const silent = startTool('sleep', ['60'], { stdout: 'stream', label })
    silent.stdout.destroy()
    await assert.rejects(silent.done, failsWith('CommandFailed', /no longer read/))
    assert.deepEqual(await findLabelled(label), [])
  })

  it('does not wait for a daemon that keeps the pipe open', async () => {
    const started = Date.now()
    const { stdout } = await runTool('sh', ['-c', 'setsid sleep 30 & echo started'], { label })
    assert.equal(stdout, 'started\n')
    assert.ok(Date.now() - started < 5000)
    assert.equal((await endLabelled(label)).length, 1)
  })

  function* chunks(buffer: Buffer) {
    for (let at = 0; at < buffer.length; at += 65536) yield buffer.subarray(at, at + 65536)
  }
})

describe('ending a tool', () => {
  cleanly()

  it('on abort takes its grandchildren with it before done settles', async () => {
    const controller = new AbortController()
    const tool = startTool('sh', ['-c', 'sleep 61 & sleep 62 & wait'], { signal: controller.signal, label })
    await until(async () => (await findLabelled(label)).length === 3, 'three processes')
    const reason = new Error('stop')
    controller.abort(reason)
    await assert.rejects(tool.done, (error: MusterError) => {
      assert.equal(error.cause, reason)
      return failsWith('Cancelled', /^sh was cancelled$/)(error)
    })
    assert.deepEqual(await findLabelled(label), [])
    assert.throws(() => startTool('true', [], { signal: controller.signal }), failsWith('Cancelled', /true/))
  })

  it('kills what ignores SIGTERM after five seconds, and what was stopped', async () => {
    const started = Date.now()
    const tool = startTool('sh', ['-c', "trap '' TERM; while :; do sleep 0.2; done"], { label })
    const frozen = startTool('sleep', ['60'], { label })
    await sleep(200)
    process.kill(frozen.pid, 'SIGSTOP')
    await Promise.all([tool.end(), frozen.end()])
    assert.ok(Date.now() - started >= 5000)
    assert.deepEqual(await findLabelled(label), [])
    await assert.rejects(tool.done, failsWith('Cancelled', /ended by the agent/))
  })

  it('on purpose is a success when the tool says so', async () => {
    const tool = startTool('sh', ['-c', "trap 'echo bye; exit 0' TERM; echo up >&2; while :; do sleep 0.05; done"], {
      label,
    })
    await sleep(300)
    await tool.end()
    assert.equal((await tool.done).stdout, 'bye\n')
  })

  it('as the user it runs as ends its grandchildren as well', async () => {
    const tool = startTool('sh', ['-c', 'sleep 61 & wait'], { runAs, label })
    await until(async () => (await findLabelled(label)).length === 2, 'two processes')
    await tool.end()
    assert.deepEqual(await findLabelled(label), [])
  })

  it('by itself leaves nothing running, unless it was started to leave a service', async () => {
    await runTool('sh', ['-c', 'sleep 60 & exit 0'], { label, stdout: 'discard' })
    assert.deepEqual(await findLabelled(label), [])
    await runTool('sh', ['-c', 'sleep 60 >/dev/null 2>&1 & exit 0'], { label, leavesServices: true })
    assert.equal((await findLabelled(label)).length, 1)
  })

  for (const user of [undefined, runAs]) {
    it(`happens when the agent is killed${user ? ', also as the user it was told' : ''}`, async () => {
      const agent = await startAgent(`startTool('sleep', ['63'], ${JSON.stringify({ label, runAs: user, kind: 'kind' })})`)
      await until(async () => (await findLabelled(label)).some((one) => one.command === 'sleep'), 'the tool')
      agent.kill('SIGKILL')
      await until(async () => (await findLabelled(label)).length === 0, 'the tool is gone')
    })
  }

  it('leaves no open file, listener or process behind', async () => {
    const openFiles = async () => (await readdir('/proc/self/fd')).length
    const controller = new AbortController()
    const once = async (n: number) => {
      await runTool('cat', [], { stdin: 'x', signal: controller.signal })
      await runTool('echo', ['x'], { stdout: { file: join(directory, `f${n}`) } })
      await runTool('false', []).catch(() => {})
      await runTool('missing-program', []).catch(() => {})
      await startTool('sleep', ['9'], { stdout: 'stream' }).end()
    }
    await once(0)
    const before = await openFiles()
    for (let n = 1; n <= 20; n++) await once(n)
    await sleep(50)
    assert.ok((await openFiles()) <= before, `${await openFiles()} open files, ${before} before`)
  })
})

describe('a service', () => {
  cleanly()

  it('outlives the agent, writes its log and is found by its label', async () => {
    const logFile = join(directory, 'log')
    const options = JSON.stringify({ logFile, label, cwd: directory })
    const agent = await startAgent(`await startService('sh', ['-c', 'echo up; exec sleep 64'], ${options})`)
    await until(async () => (await findLabelled(label)).length === 1, 'the service')
    agent.kill('SIGKILL')
    await sleep(300)
    const [service] = await findLabelled(label)
    assert.ok(service && (await isRunning(service)))
    assert.equal(await readFile(logFile, 'utf8'), 'up\n')
    await endProcess(service)
    assert.equal(await isRunning(service), false)
  })

  it('runs as the user it is told to', async () => {
    const service = await startService('sleep', ['65'], { logFile: join(directory, 'log'), label, runAs })
    const owner = async () => /Uid:\t(\d+)/.exec(await readFile(`/proc/${service.pid}/status`, 'utf8'))?.[1]
    const expected = (await runTool('id', ['-u', runAs])).stdout.trim()
    await until(async () => (await owner()) === expected, 'that user')
    assert.deepEqual(
      (await findLabelled(label)).map((one) => one.startTicks),
      [service.startTicks],
    )
  })

  it('is refused when the program or the log cannot be had', async () => {
    const logFile = join(directory, 'log')
    await assert.rejects(startService('no-such', [], { logFile }), failsWith('CommandFailed', /no-such was not found/))
    const elsewhere = { logFile: '/no/such/log' }
    await assert.rejects(startService('sleep', ['1'], elsewhere), failsWith('PreconditionFailed', /\/no\/such\/log/))
  })
})

describe('finding processes', () => {
  cleanly()

  it('tells a process from a later one with its number and from a zombie', async () => {
    const self = await identify(process.pid)
    assert.ok(self && (await isRunning(self)))
    assert.equal(await isRunning({ ...self, startTicks: '1' }), false)
    assert.equal(await identify(2 ** 22 + 1), null)
    // The shell's child ends when the shell is a program already that never waits for it: a zombie.
    const tool = startTool('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 60'], { stdout: 'stream', label })
    const zombie = Number(String((await tool.stdout.iterator({ destroyOnReturn: false }).next()).value))
    await until(async () => (await readFile(`/proc/${zombie}/stat`, 'utf8')).includes(') Z '), 'a zombie')
    assert.equal(await identify(zombie), null)
    await tool.end()
  })

  it('never ends another process that got the number', async () => {
    const tool = startTool('sleep', ['60'], { label })
    const identity = await identify(tool.pid)
    assert.ok(identity)
    await endProcess({ ...identity, startTicks: '1' })
    assert.ok(await isRunning(identity))
    await endProcess(identity, { graceSeconds: 0 })
    await assert.rejects(tool.done, failsWith('CommandFailed', /SIGKILL/))
  })

  it('finds labels whole and by prefix and ends what ignores SIGTERM', async () => {
    const stubborn = startTool('sh', ['-c', "trap '' TERM; while :; do sleep 0.1; done"], { label: `${label}/a` })
    const other = startTool('sleep', ['60'], { label: `${label}/ab` })
    await sleep(200)
    assert.deepEqual((await findLabelled(`${label}/a`)).map((one) => one.pid).includes(stubborn.pid), true)
    assert.deepEqual((await findLabelled(`${label}/a`)).map((one) => one.pid).includes(other.pid), false)
    assert.ok((await findLabelPrefix(`${label}/`)).length >= 2)
    const ended = await endLabelled(`${label}/a`, { graceSeconds: 0.3 })
    assert.ok(ended.some((one) => one.pid === stubborn.pid))
    assert.deepEqual(await findLabelled(`${label}/a`), [])
    assert.equal((await findLabelPrefix(`${label}/`)).length, 1)
    await other.end()
    assert.deepEqual(await endLabelled(`${label}/a`), [])
  })

  it('shows who uses a directory: by its working directory, by an open file, by a deleted one', async () => {
    const data = join(directory, 'data (1)')
    await runTool('mkdir', ['-p', join(data, 'base'), `${data}-other`])
    const byCwd = startTool('sleep', ['60'], { cwd: join(data, 'base'), label })
    const byFile = startTool('sh', ['-c', 'exec sleep 60 > "$1"', 'sh', join(data, 'file')], { label })
    const beside = startTool('sleep', ['60'], { cwd: `${data}-other`, label })
    await sleep(200)
    const own = openSync(join(data, 'own'), 'w')
    const users = async () => (await processesUsing(data)).map((one) => one.pid).toSorted()
    assert.deepEqual(await users(), [byCwd.pid, byFile.pid].toSorted())
    await rm(data, { recursive: true })
    assert.deepEqual(await users(), [byCwd.pid, byFile.pid].toSorted())
    closeSync(own)
    await Promise.all([byCwd.end(), byFile.end(), beside.end()])
    assert.deepEqual(await users(), [])
  })
})

/** Another Node process that stands for an agent. */
async function startAgent(body: string) {
  const script = join(directory, 'agent.mts')
  await writeFile(
    script,
    `import { startTool } from '${repositoryRoot}/adapters/process/run-tool.ts'
     import { startService } from '${repositoryRoot}/adapters/process/start-service.ts'
     ${body}
     setInterval(() => {}, 1000)`,
  )
  await chmod(directory, 0o755)
  return spawn(process.execPath, ['--import', 'tsx', script], { cwd: repositoryRoot, stdio: 'inherit' })
}
