import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { holdComponent, releaseEnded, releaseHold } from '../../activities/host/component-lock.ts'
import { failsWith } from '../support/fails-with.ts'

describe('the lock of a component', () => {
  const leaseSeconds = 60
  const run = { run: 'run-1', workflowId: 'backup/1' }
  let host: { readonly hostDirectory: string; readonly now: () => Date }
  let locks: string

  beforeEach(async () => {
    host = { hostDirectory: await mkdtemp(join(tmpdir(), 'muster-lock-')), now: () => new Date() }
    locks = join(host.hostDirectory, 'locks')
    await mkdir(locks)
  })
  afterEach(() => rm(host.hostDirectory, { recursive: true }))

  const path = () => join(locks, 'backup-shop-database.json')
  const hold = (holder = run) => holdComponent(host, 'shop', 'database', holder, leaseSeconds)
  const release = (holder = run) => releaseHold(host, 'shop', 'database', holder.run)

  it('is held by one run, which is named to the other, and leaves nothing when it is given back', async () => {
    const other = { run: 'run-2', workflowId: 'backup/2' }
    await hold()
    await hold()
    await assert.rejects(hold(other), failsWith('LockHeld', /run run-1 \(backup\/1\) is backing up shop\/database/))
    await release(other)
    assert.deepEqual(await readdir(locks), ['backup-shop-database.json'])
    await utimes(path(), 0, 0)
    await hold(other)
    await release(other)
    assert.deepEqual(await readdir(locks), [])
  })

  it('is there whole or not at all, so that who is killed while taking it keeps no later backup from it', async () => {
    const looking = { stop: false }
    const seen = new Set<string>()
    const look = (async () => {
      while (!looking.stop) {
        const text = await readFile(path(), 'utf8').catch(() => 'none')
        seen.add(text === 'none' ? text : String((JSON.parse(text || '{"run":"nothing is written yet"}') as { run: string }).run))
      }
    })()
    for (let times = 0; times < 400; times++) {
      await hold()
      await release()
    }
    looking.stop = true
    await look
    assert.deepEqual([...seen].sort(), ['none', 'run-1'])
  })

  it('that cannot be read is held by nobody known until its lease has passed', async () => {
    await writeFile(path(), '')
    await assert.rejects(hold(), failsWith('LockHeld', /run unknown \(unknown\)/))
    await utimes(path(), 0, 0)
    await hold()
    await release()
    assert.deepEqual(await readdir(locks), [])
  })

  it('is given back for a run that does not go on, and kept for one that does', async () => {
    await hold()
    assert.deepEqual(await releaseEnded(host, async (holder) => holder.run === 'run-1'), [])
    assert.deepEqual(await readdir(locks), ['backup-shop-database.json'])
    assert.deepEqual(await releaseEnded(host, async () => false), ['backup/1'])
    assert.deepEqual(await readdir(locks), [])
  })
})
