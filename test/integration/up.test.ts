import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { access, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listPids, readProcStat } from '../../adapters/process/proc-stat.ts'
import { makeKeys } from '../../wiring/keys.ts'
import { freePort } from '../support/postgres-cluster.ts'
import { waitFor } from '../support/rig.ts'

const parts = ['server', 'worker', 'shipper'] as const

describe('muster up supervises its parts', function () {
  this.timeout(120_000)
  let base: string
  let port: number
  let uiPort: number
  const started: ChildProcess[] = []

  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'muster-up-'))
    await chmod(base, 0o755)
    await mkdir(join(base, 'tree'))
    await writeFile(join(base, 'tree', 'file'), 'text')
    await makeKeys({ configFile: join(base, 'muster.yaml'), home: join(base, 'home'), keys: join(base, 'keys') }, 'localhost')
    const [recipient] = (await readFile(join(base, 'keys', 'recipients.txt'), 'utf8')).split('\n').filter((line) => line.startsWith('age1'))
    const yaml = `
organisation: Test
stores: { local: { type: directory, path: ${base}/store } }
encryption: { recipients: [${recipient}], identity: "file:${base}/keys/identity.txt" }
systems: { shop: { components: { uploads: { type: files, paths: [${base}/tree] } } } }
`
    await writeFile(join(base, 'muster.yaml'), yaml)
    port = await freePort()
    uiPort = await freePort()
  })
  // A test that fails leaves no supervisor to the next one.
  afterEach(async () => {
    for (const one of started) one.kill('SIGKILL')
    await waitFor('the end of all parts', async () => running().length === 0)
  })
  after(async () => {
    await rm(base, { recursive: true, force: true })
  })

  function up(more: readonly string[] = ['--port', String(port), '--ui-port', String(uiPort)]) {
    const script = new URL('../../bin/muster', import.meta.url).pathname
    const env = { ...process.env, MUSTER_CONFIG: join(base, 'muster.yaml'), MUSTER_HOME: join(base, 'home'), MUSTER_KEYS: join(base, 'keys') }
    const child = spawn(process.execPath, [script, 'up', ...more], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    started.push(child)
    const said: string[] = []
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString('utf8')))
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    return { child, ended, said: () => said.join('') }
  }

  /** Parts of this test that run: their command lines name its directory, or they are told of it. */
  function running(): { readonly part: string; readonly pid: number }[] {
    return listPids().flatMap((pid) => {
      const words = readOf(pid, 'cmdline').split('\0')
      const part = parts.find((name) => words.includes(name))
      const ours = words.some((word) => word.startsWith(base)) || readOf(pid, 'environ').includes(`MUSTER_HOME=${join(base, 'home')}`)
      return part && ours && readProcStat(pid)?.state !== 'Z' ? [{ part, pid }] : []
    })
  }

  const isEach = (found: readonly { readonly part: string }[]) =>
    found.length === parts.length && parts.every((name) => found.some(({ part }) => part === name))

  const isUp = () =>
    access(join(base, 'home', 'up.json')).then(
      // Each of them, not so many: in the moment of its start a part is two processes with the same words.
      () => isEach(running()),
      () => false,
    )

  it('starts a part again that was killed, refuses a second supervisor, and takes its parts along when it is killed', async () => {
    const first = up()
    await waitFor(`three parts; ${first.said()}`, isUp, 60)
    for (const part of parts) {
      // Another one may have gone as well, and come back: what talked to a server that was killed.
      await waitFor('each part', async () => isEach(running()))
      const before = running().find((one) => one.part === part)
      assert.ok(before, `${part} does not run`)
      process.kill(before.pid, 'SIGKILL')
      await waitFor(`${part} again`, async () => running().some((one) => one.part === part) && running().every(({ pid }) => pid !== before.pid))
    }
    const second = up(['--port', String(await freePort()), '--ui-port', String(await freePort())])
    assert.equal(await second.ended, 35)
    assert.match(second.said(), new RegExp(`muster up runs already on ${base}/home \\(process ${first.child.pid}\\)`))

    first.child.kill('SIGKILL')
    await waitFor('the end of its parts', async () => running().length === 0)
  })

  it('starts after a supervisor that was killed, and leaves nothing when it is told to stop', async () => {
    await rm(join(base, 'home', 'up.json'), { force: true })
    const { child, ended, said } = up()
    await waitFor(`three parts; ${said()}`, isUp, 60)
    child.kill('SIGTERM')
    await ended
    assert.deepEqual(running(), [])
    await assert.rejects(access(join(base, 'home', 'up.lock')))
  })
})

function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
