import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { lastingUserOf } from '../../adapters/component/postgresql/directory-users.ts'

describe('who goes on using a data directory', () => {
  let directory: string
  const children: ChildProcess[] = []

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-users-'))
  })
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    await rm(directory, { recursive: true, force: true })
  })

  async function start(program: string, seconds: string): Promise<number> {
    const child = spawn(program, [seconds], { cwd: directory, stdio: 'ignore' })
    children.push(child)
    await new Promise((resolve) => child.once('spawn', resolve))
    return child.pid ?? 0
  }

  it('is nobody, where a look at it ends: a du that Muster itself runs beside is waited for', async () => {
    await start('sleep', '60')
    const asked = lastingUserOf(directory, 30)
    const first = await Promise.race([asked, sleep(300, 'waits')])
    for (const child of children.splice(0)) child.kill('SIGKILL')
    assert.deepEqual([first, await asked], ['waits', null])
  })

  it('is who stays', async () => {
    const pid = await start('sleep', '30')
    assert.equal((await lastingUserOf(directory, 0.3))?.pid, pid)
  })

  it('is a server at once: it does not go away by itself', async () => {
    // Only its name is a server's.
    const program = join(directory, 'postgres')
    await copyFile('/bin/sleep', program)
    const pid = await start(program, '30')
    const began = performance.now()
    assert.equal((await lastingUserOf(directory, 60))?.pid, pid)
    assert.ok(performance.now() - began < 30_000)
  })
})
