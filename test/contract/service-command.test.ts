import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createService } from '../../adapters/service/create.ts'
import type { ServiceAdapter } from '../../adapters/service/service.ts'
import type { ServiceConfig } from '../../domain/config.ts'

/** A real process in the background with a pid file, as start scripts of many programs keep it. */
const launcher = `#!/bin/sh
dir=$(dirname "$0")
case "$1" in
  start) id -un > "$dir/user"
         sleep 60 > /dev/null 2>&1 < /dev/null &
         echo $! > "$dir/pid" ;;
  stop) kill "$(cat "$dir/pid")" ;;
  status) grep -qs '^State:.[^Z]' "/proc/$(cat "$dir/pid")/status" ;;
esac
`

describe('a service controlled by commands', () => {
  let directory: string
  let script: string

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-command-'))
    script = join(directory, 'api')
    await writeFile(script, launcher, { mode: 0o755 })
  })
  afterEach(async () => {
    const pid = await pidOf(directory)
    if (pid !== null && isAlive(pid)) process.kill(pid, 'SIGKILL')
    await rm(directory, { recursive: true })
  })

  function service(changes: Partial<ServiceConfig> & { commands?: Record<string, string[]> } = {}): ServiceAdapter {
    const { commands = {}, ...rest } = changes
    const words = { start: [script, 'start'], stop: [script, 'stop'], status: [script, 'status'], ...commands }
    const control = { type: 'command' as const, ...words }
    return createService({ name: 'api', host: 'app1', control, startTimeoutSeconds: 30, stopTimeoutSeconds: 30, ...rest })
  }

  it('leaves what the launcher started running', async () => {
    await service().start()
    await sleep(1200)
    assert.equal(await service().observe(), 'running')
    assert.ok(isAlive((await pidOf(directory)) as number))
    await service().stop()
    assert.equal(await service().observe(), 'stopped')
  })

  it('puts no label on the service, so that nobody ends it as a left-over', async () => {
    await service().start()
    const environment = await readFile(`/proc/${await pidOf(directory)}/environ`, 'utf8')
    assert.ok(!environment.includes('MUSTER_LABEL'))
  })

  it('sees that the service was killed', async () => {
    await service().start()
    const pid = (await pidOf(directory)) as number
    process.kill(pid, 'SIGKILL')
    // A signal is on its way for a moment.
    while (isAlive(pid)) await sleep(10)
    assert.equal(await service().observe(), 'stopped')
  })

  it('waits for a service that comes up later', async () => {
    const ready = join(directory, 'ready')
    const start = ['/bin/sh', '-c', `(sleep 0.7; touch ${ready}) > /dev/null 2>&1 &`]
    await service({ commands: { start, status: ['test', '-e', ready] } }).start()
  })

  it('ends a start command that does not return, with what it started', async () => {
    const pid = join(directory, 'pid')
    const start = ['/bin/sh', '-c', `sleep 60 & echo $! > ${pid}; wait`]
    const stuck = service({ commands: { start, status: ['false'] }, startTimeoutSeconds: 0.5 })
    await assert.rejects(stuck.start(), { type: 'Timeout', message: /start command of service "api" did not return/ })
    assert.ok(!isAlive((await pidOf(directory)) as number))
  })

  it('fails with the exit code and the last words of a failing start command', async () => {
    const start = ['/bin/sh', '-c', 'echo no licence >&2; exit 7']
    await assert.rejects(service({ commands: { start } }).start(), {
      type: 'CommandFailed',
      message: /exit code 7: no licence/,
    })
  })

  it('fails when the stop command fails, also where nothing answers any more', async () => {
    const running = service({ commands: { stop: ['/bin/sh', '-c', 'exit 3'], status: ['true'] } })
    await assert.rejects(running.stop(), { type: 'CommandFailed', message: /exit code 3/ })
  })

  it('never takes a status command that could not be run for a stopped service', async () => {
    const missing = service({ commands: { status: [join(directory, 'nowhere')] } })
    await assert.rejects(missing.observe(), { type: 'CommandFailed', message: /nowhere was not found/ })
    const killed = service({ commands: { status: ['/bin/sh', '-c', 'kill -9 $$'] } })
    await assert.rejects(killed.observe(), { type: 'CommandFailed', message: /SIGKILL/ })
  })

  it('takes every exit code but 0 for stopped', async () => {
    for (const code of [1, 3, 4, 255]) {
      const one = service({ commands: { status: ['/bin/sh', '-c', `exit ${code}`] } })
      assert.equal(await one.observe(), 'stopped')
    }
  })

  it('hands words over as they are, never through a shell', async () => {
    const touched = join(directory, 'touched')
    const words = ['test', '-n', `$(touch ${touched}); touch ${touched}`]
    assert.equal(await service({ commands: { status: words } }).observe(), 'running')
    await assert.rejects(readFile(touched), { code: 'ENOENT' })
  })

  it('runs the commands as the configured user, and refuses one that the agent may not become', async () => {
    await chmod(directory, 0o777)
    const asRoot = process.geteuid?.() === 0
    const runAs = asRoot ? 'nobody' : userInfo().username
    const configured = service({ runAs })
    await configured.start()
    assert.equal((await readFile(join(directory, 'user'), 'utf8')).trim(), runAs)
    await configured.stop()
    const refused = asRoot ? 'no-such-user' : 'root'
    await assert.rejects(service({ runAs: refused }).start(), { type: 'PreconditionFailed', message: new RegExp(refused) })
  })
})

async function pidOf(directory: string): Promise<number | null> {
  const text = await readFile(join(directory, 'pid'), 'utf8').catch(() => '')
  return text === '' ? null : Number(text)
}

/** The dead that nobody has reaped do not count. */
function isAlive(pid: number): boolean {
  try {
    return /^State:\s+[^Z]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
