import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, lstatSync, mkdirSync, rmSync, statSync, symlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { carryOver } from '../../adapters/component/files/carry-over.ts'
import { readIndex } from '../../adapters/component/files/list.ts'
import { copyNewerFiles } from '../../adapters/component/files/newer-files.ts'
import { produceTree } from '../../adapters/component/files/produce.ts'
import { restoreTree } from '../../adapters/component/files/restore.ts'
import type { MusterError } from '../../domain/failures.ts'
import { leftOutBy } from '../../domain/tree-rules.ts'
import { killExtraction } from '../support/kill-extraction.ts'
import { waitFor } from '../support/rig.ts'
import { describeTree, newRig, type Rig, write } from './files-rig.ts'

/** Both steps bring files of the old tree into the restored one by way of a tar, which may be killed at any moment. */
describe('what comes along from the old tree', function () {
  this.timeout(120_000)
  let rig: Rig
  let there: string
  beforeEach(() => {
    rig = newRig()
    there = join(rig.top, 'there')
  })
  afterEach(() => rig.remove())

  /** Long enough in the writing that its tar can be killed there. */
  const large = () => randomBytes(192 * 1024 ** 2)
  const restored = (target = rig.target) => restoreTree(rig.objects, { roots: { 0: target }, stagingDirectory: rig.staging })
  const newer = (newRoot = rig.target) =>
    copyNewerFiles({
      oldRoot: there,
      newRoot,
      root: 0,
      index: readIndex(rig.objects, rig.staging),
      backupStartedAt: new Date(0).toISOString(),
      target: 'latest',
      stagingDirectory: rig.staging,
    })
  const carry = (never: readonly string[], newRoot = rig.target) =>
    carryOver({
      oldRoot: there,
      newRoot,
      ownEntry: null,
      fileName: null,
      number: 0,
      root: { was: rig.source, goes: there },
      leftOut: leftOutBy({ as: 'elsewhere', bring: 'all', never }),
      index: readIndex(rig.objects, rig.staging),
      stagingDirectory: rig.staging,
      mayAct: async () => undefined,
    })

  /** Directories that the old tree alone has, with rights and owners that a killed tar does not give them. */
  function plantOld(): void {
    write(rig.source, 'conf/known', 'of the backup')
    write(rig.source, 'conf/host.conf', 'of the first host')
    write(there, 'conf/known', 'old')
    write(there, 'conf/extra/deep/host.conf', large())
    write(there, 'conf/extra/host.conf.d/small', 'x')
    const own = (path: string, mode: number, uid: number, seconds: number) => {
      if (process.getuid?.() === 0) chownSync(join(there, path), uid, uid)
      chmodSync(join(there, path), mode)
      utimesSync(join(there, path), seconds, seconds)
    }
    own('conf/extra/deep', 0o2751, 1234, 1_000_000_000)
    own('conf/extra', 0o755, 4321, 1_100_000_000)
    own('conf', 0o700, 1, 1_200_000_000)
  }

  for (const [what, step] of [
    ['files that are newer', (target?: string) => newer(target)],
    ['what a rule leaves out', (target?: string) => carry(['host.conf', 'host.conf.d'], target)],
  ] as const) {
    it(`is the same when its tar was killed in the middle and it is done again: ${what}`, async () => {
      plantOld()
      await produceTree(rig.config(), { stagingDirectory: rig.staging }, rig.objects)
      const undisturbed = join(rig.top, 'undisturbed')
      await restored(undisturbed)
      await step(undisturbed)
      const cutOff = async () => {
        rmSync(rig.target, { recursive: true, force: true })
        await restored()
        const ended = new AbortController()
        const killed = killExtraction(rig.target, join(rig.target, 'conf/extra/deep/host.conf'), ended.signal)
        const [stepped] = await Promise.allSettled([step().finally(() => ended.abort())])
        if (!(await killed) || stepped.status === 'fulfilled') return false
        assert.equal((stepped.reason as MusterError).type, 'CommandFailed')
        return describeTree(rig.target) !== describeTree(undisturbed)
      }
      // On a busy machine a tar may have ended before it is found.
      await waitFor('a tar to be killed in the middle', cutOff)
      await step()
      assert.equal(describeTree(rig.target), describeTree(undisturbed))
      const deep = statSync(join(rig.target, 'conf/extra/deep'))
      assert.deepEqual([deep.mode & 0o7777, deep.mtimeMs], [0o2751, 1_000_000_000_000])
      assert.equal(statSync(join(rig.target, 'conf')).mode & 0o7777, statSync(join(rig.source, 'conf')).mode & 0o7777)
    })
  }

  it('leaves the time of a directory as the backup has it, also where the attempt that emptied it was killed', async () => {
    write(rig.source, 'conf/host.conf', 'of the first host')
    utimesSync(join(rig.source, 'conf'), 1_000_000_000, 1_000_000_000)
    await produceTree(rig.config(), { stagingDirectory: rig.staging }, rig.objects)
    await restored()
    mkdirSync(there)
    const dies = carryOver({
      oldRoot: join(there, 'x\0'),
      newRoot: rig.target,
      ownEntry: null,
      fileName: null,
      number: 0,
      root: { was: rig.source, goes: there },
      leftOut: leftOutBy({ as: 'elsewhere', bring: 'all', never: ['host.conf'] }),
      index: readIndex(rig.objects, rig.staging),
      stagingDirectory: rig.staging,
      mayAct: async () => undefined,
    })
    await assert.rejects(dies)
    assert.notEqual(statSync(join(rig.target, 'conf')).mtimeMs, 1_000_000_000_000)
    await carry(['host.conf'])
    assert.equal(statSync(join(rig.target, 'conf')).mtimeMs, 1_000_000_000_000)
  })

  it('is not touched again: a link that stays where the backup has a directory, and what it leads to', async () => {
    const outside = join(rig.top, 'outside')
    write(outside, 'sub/x', 'not of the tree')
    write(rig.source, 'plugins/sub/a', 'of the backup')
    await produceTree(rig.config(), { stagingDirectory: rig.staging }, rig.objects)
    await restored()
    mkdirSync(there)
    symlinkSync(outside, join(there, 'plugins'))
    const seconds = 1_000_000_000
    for (const path of ['sub', '.']) utimesSync(join(outside, path), seconds, seconds)
    const before = [lstatSync(join(there, 'plugins')).mtimeMs, ...['sub', '.'].map((path) => statSync(join(outside, path)).mtimeMs)]
    await carry(['plugins'])
    const after = [lstatSync(join(rig.target, 'plugins')).mtimeMs, ...['sub', '.'].map((path) => statSync(join(outside, path)).mtimeMs)]
    assert.deepEqual(after.map(Math.round), before.map(Math.round))
  })
})
