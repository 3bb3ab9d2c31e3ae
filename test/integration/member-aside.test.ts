import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { produceTree } from '../../adapters/component/files/produce.ts'
import { restoreTree } from '../../adapters/component/files/restore.ts'
import { members } from '../../adapters/component/member/members.ts'
import { describeMember } from '../../adapters/component/member/remains.ts'
import { newRig, type Rig, write } from './files-rig.ts'

const asRoot = process.geteuid?.() === 0
const owner = asRoot ? 1234 : (process.geteuid?.() ?? 0)

describe('where a tree is restored', () => {
  let rig: Rig
  beforeEach(() => {
    rig = newRig()
    chmodSync(rig.top, 0o755)
  })
  afterEach(() => rig.remove())

  const member = () => describeMember(join(rig.top, 'tree'), 'shop-app', 'rename')

  it('is reached by nobody but the agent, although its files belong to others, who may write them', async () => {
    chownSync(write(rig.source, 'a', 'x'), owner, owner)
    chownSync(rig.source, owner, owner)
    chmodSync(rig.source, 0o777)
    await produceTree(rig.config(), { stagingDirectory: rig.staging }, rig.objects)
    await members.ownWorkDirectory(member())
    const epoch = await members.takeEpoch(member(), { run: 'r', step: 1, attempt: 1 })
    await members.makeAside(member())
    const copy = members.asideData(member())
    await restoreTree(rig.objects, { roots: { 0: copy }, stagingDirectory: rig.staging })
    assert.deepEqual([statSync(copy).mode & 0o777, statSync(copy).uid], [0o777, owner])
    if (asRoot) {
      const shell = `ln -s /etc/shadow ${copy}/link; mv ${copy} ${copy}.away; mv ${copy}/a ${copy}/b; ls ${copy}`
      const { status, stderr } = spawnSync('setpriv', [`--reuid=${owner}`, `--regid=${owner}`, '--clear-groups', 'sh', '-c', shell], { encoding: 'utf8' })
      assert.notEqual(status, 0)
      assert.equal(stderr.match(/Permission denied/g)?.length, 4, stderr)
    }
    assert.deepEqual(readdirSync(copy), ['a'])
    assert.equal(statSync(members.asideDirectory(member())).mode & 0o777, 0o700)
    // What is put in place is for its owner again.
    await members.swapIn(member(), epoch, 'r')
    assert.equal(statSync(member().path).mode & 0o777, 0o777)
  })

  it('is never in a place to which somebody else has made a link', async () => {
    const victim = join(rig.top, 'victim')
    mkdirSync(victim)
    for (const target of [victim, join(rig.top, 'nowhere')]) {
      symlinkSync(target, member().workDirectory)
      await assert.rejects(members.ownWorkDirectory(member()), { type: 'PreconditionFailed', message: /is not a directory/ })
      assert.ok(!existsSync(join(rig.top, 'nowhere')))
      spawnSync('rm', [member().workDirectory])
    }
    assert.deepEqual(readdirSync(victim), [])
  })

  it('is a work directory that only the agent changes: taken over while it is empty, refused when something is in it', async () => {
    const { workDirectory } = member()
    mkdirSync(workDirectory)
    chmodSync(workDirectory, 0o777)
    chownSync(workDirectory, owner, owner)
    await members.ownWorkDirectory(member())
    await members.ownWorkDirectory(member())
    const { uid, mode } = statSync(workDirectory)
    assert.deepEqual([uid, mode & 0o777], asRoot ? [0, 0o711] : [owner, 0o777])
    mkdirSync(join(workDirectory, 'epoch-000001'))
    chownSync(workDirectory, owner, owner)
    const again = members.ownWorkDirectory(member())
    if (!asRoot) return again
    await assert.rejects(again, { type: 'PreconditionFailed', message: /belongs to user 1234/ })
  })
})
