import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runAfterCommands } from '../../adapters/component/files/after.ts'
import { readIndex } from '../../adapters/component/files/list.ts'
import { copyNewerFiles, type NewerFiles } from '../../adapters/component/files/newer-files.ts'
import { produceTree } from '../../adapters/component/files/produce.ts'
import { restoreTree } from '../../adapters/component/files/restore.ts'
import { describeTree, newRig, rejectsWith, type Rig, write } from './files-rig.ts'

describe('files that are newer than the restored backup', function () {
  this.timeout(60_000)
  let rig: Rig
  let backupStartedAt: string
  beforeEach(async () => {
    rig = newRig()
    write(rig.source, 'kept/old', 'as backed up')
    write(rig.source, 'removed-later', 'x')
    await sleep(50)
    backupStartedAt = new Date().toISOString()
    await sleep(50)
    await produceTree(rig.config(), { stagingDirectory: rig.staging }, rig.objects)
    await restoreTree(rig.objects, { roots: { 0: rig.target }, stagingDirectory: rig.staging })
  })
  afterEach(() => {
    assert.deepEqual(readdirSync(rig.staging), [])
    rig.remove()
  })

  const copy = (target: Date | 'latest' = 'latest', oldRoot = rig.source): Promise<NewerFiles> =>
    copyNewerFiles({
      oldRoot,
      newRoot: rig.target,
      root: 0,
      index: readIndex(rig.objects, rig.staging),
      backupStartedAt,
      target,
      stagingDirectory: rig.staging,
    })

  it('come into the restored tree with everything they are, and what was backed up is not overwritten', async () => {
    write(rig.source, 'kept/old', 'changed after the backup')
    const added = write(rig.source, 'kept/new\nname', 'new')
    chownSync(added, 1234, 4321)
    chmodSync(added, 0o4750)
    utimesSync(added, 1_000_000_000.5, 1_000_000_000.5)
    linkSync(write(rig.source, 'fresh/deep/one', 'linked'), join(rig.source, 'fresh/two'))
    symlinkSync('/nowhere', join(rig.source, 'fresh/link'))
    truncateSync(write(rig.source, 'fresh/sparse', ''), 50 * 1024 ** 2)
    chownSync(join(rig.source, 'fresh'), 33, 33)
    chmodSync(join(rig.source, 'fresh'), 0o2711)

    const result = await copy()

    assert.deepEqual([result.copied, result.blocked], [5, []])
    assert.deepEqual([...result.list].sort(), ['fresh/deep/one', 'fresh/link', 'fresh/sparse', 'fresh/two', 'kept/new\nname'])
    assert.equal(result.bytes, 3 + 6 + 50 * 1024 ** 2)
    assert.equal(describeTree(join(rig.target, 'fresh')), describeTree(join(rig.source, 'fresh')))
    assert.equal(statSync(join(rig.target, 'fresh/two')).ino, statSync(join(rig.target, 'fresh/deep/one')).ino)
    assert.ok(statSync(join(rig.target, 'fresh/sparse')).blocks < 100)
    assert.equal(readFileSync(join(rig.target, 'kept/old'), 'utf8'), 'as backed up')
    const restored = statSync(join(rig.target, 'kept/new\nname'))
    assert.deepEqual([restored.uid, restored.gid, restored.mode & 0o7777, restored.mtimeMs], [1234, 4321, 0o4750, 1_000_000_000_500])
  })

  it('are those with a ctime after the start of the backup and up to the target', async () => {
    write(rig.source, 'before', 'in time')
    await sleep(50)
    const target = new Date()
    await sleep(50)
    write(rig.source, 'after', 'too late')

    const result = await copy(target)

    assert.deepEqual(result.list, ['before'])
    assert.equal(existsSync(join(rig.target, 'after')), false)
  })

  it('are not those that were there before the backup but not in it', async () => {
    renameSync(join(rig.source, 'removed-later'), join(rig.top, 'elsewhere'))
    const later = new Date(Date.now() + 60_000).toISOString()
    write(rig.source, 'excluded-then', 'old')

    const result = await copyNewerFiles({
      oldRoot: rig.source,
      newRoot: rig.target,
      root: 0,
      index: readIndex(rig.objects, rig.staging),
      backupStartedAt: later,
      target: 'latest',
      stagingDirectory: rig.staging,
    })

    assert.equal(result.copied, 0)
  })

  it('are found where the old tree was set aside to, and may be copied twice', async () => {
    write(rig.source, 'fresh/new', 'new')
    const aside = join(rig.top, '.muster-app-uploads')
    mkdirSync(aside)
    renameSync(rig.source, join(aside, 'source'))

    await copy('latest', join(aside, 'source'))
    const again = await copy('latest', join(aside, 'source'))

    assert.equal(again.copied, 1)
    assert.equal(readFileSync(join(rig.target, 'fresh/new'), 'utf8'), 'new')
  })

  it('never go through a link, and are named when something is in their way', async () => {
    mkdirSync(join(rig.top, 'victim'))
    symlinkSync(join(rig.top, 'victim'), join(rig.target, 'fresh'))
    mkdirSync(join(rig.target, 'taken'))
    write(rig.source, 'fresh/new', 'new')
    write(rig.source, 'taken', 'a file here')

    const result = await copy()

    assert.deepEqual([result.copied, [...result.blocked].sort()], [0, ['fresh/new', 'taken']])
    assert.deepEqual(readdirSync(join(rig.top, 'victim')), [])
  })
})

describe('the commands after a restore', () => {
  let rig: Rig
  beforeEach(() => (rig = newRig()))
  afterEach(() => rig.remove())

  it('run in the restored directory, in their order, and no shell reads them', async () => {
    await runAfterCommands(
      [
        ['touch', 'a b; rm -rf $HOME'],
        ['mv', 'a b; rm -rf $HOME', 'done'],
      ],
      rig.source,
    )
    assert.deepEqual(readdirSync(rig.source), ['done'])
  })

  it('end at the first that fails', async () => {
    await assert.rejects(runAfterCommands([['false'], ['touch', 'never']], rig.source), rejectsWith('CommandFailed', /false failed with exit code 1/))
    await assert.rejects(runAfterCommands([[]], rig.source), rejectsWith('InvalidInput', /restore\.after\[0\]/))
    assert.deepEqual(readdirSync(rig.source), [])
  })
})
