import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeMember, removeRemains } from '../../adapters/component/member/remains.ts'
import type { Member } from '../../adapters/component/member/member.ts'
import { members } from '../../adapters/component/member/members.ts'
import type { SetAsideMethod } from '../../domain/decision.ts'

/** A person does not know that a run is on its way, and makes something at the very path that it swaps. */
describe('what somebody makes at the path of a member', () => {
  let top: string
  let path: string
  let steps = 0
  beforeEach(() => {
    top = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'muster-found-'))
    path = join(top, 'tree')
  })
  afterEach(() => rmSync(top, { recursive: true, force: true }))

  const epochOf = (member: Member, run = 'one') => members.takeEpoch(member, { run, step: (steps += 1), attempt: 1 })
  const put = (directory: string, name: string, text: string) => {
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, name), text)
  }

  function planned(method: SetAsideMethod): Member {
    if (method !== 'none') put(path, 'data', 'old')
    const member = describeMember(path, 'shop-app', method)
    put(members.asideData(member), 'data', 'restored')
    return member
  }

  /** As a run that fails ends: it undoes its swap, and then removes what it has restored. */
  async function rollBack(member: Member, run = 'one') {
    const told = []
    for (let times = 0; times < 2; times++) told.push((await members.swapBack(member, await epochOf(member, run), run)).found)
    await removeRemains(member, await epochOf(member, run))
    return told
  }

  it('stays there when the run is rolled back that had nothing to put there', async () => {
    const member = planned('none')
    put(path, 'mine', 'made by a person')
    assert.deepEqual(await rollBack(member), [null, null])
    assert.deepEqual(readdirSync(path), ['mine'])
  })

  it('stays there when it was made after the restored copy had been taken away from it', async () => {
    const member = planned('none')
    await members.swapIn(member, await epochOf(member), 'one')
    rmSync(path, { recursive: true })
    put(path, 'mine', 'made by a person')
    assert.deepEqual(await rollBack(member), [null, null])
    assert.equal(readFileSync(join(path, 'mine'), 'utf8'), 'made by a person')
  })

  it('makes room for the old data, and is kept under a name that is told', async () => {
    const member = planned('rename')
    await members.swapIn(member, await epochOf(member), 'one')
    rmSync(path, { recursive: true })
    put(path, 'mine', 'made by a person')
    const kept = join(member.workDirectory, 'found-one')
    assert.deepEqual(await rollBack(member), [kept, null])
    assert.deepEqual([readFileSync(join(path, 'data'), 'utf8'), readFileSync(join(kept, 'mine'), 'utf8')], ['old', 'made by a person'])
  })

  it('makes room for the restored copy, as a file that a rename would replace', async () => {
    writeFileSync(path, 'old')
    const member = describeMember(path, 'shop-app', 'rename')
    put(members.asideData(member), 'its-name', 'restored')
    const source = join(members.asideData(member), 'its-name')
    const epoch = await epochOf(member)
    writeFileSync(join(epoch.directory, 'run'), 'one')
    // Killed after what was there had been set aside.
    await members.swapIn({ ...member, method: 'rename' }, epoch, 'one', source)
    rmSync(join(epoch.directory, 'new'), { recursive: true, force: true })
    mkdirSync(members.asideData(member), { recursive: true })
    writeFileSync(source, 'restored again')
    writeFileSync(path, 'made by a person')
    const { found } = await members.swapIn(member, epoch, 'one', source)
    assert.equal(found, join(member.workDirectory, 'found-one'))
    assert.deepEqual([readFileSync(path, 'utf8'), readFileSync(found, 'utf8')], ['restored again', 'made by a person'])
    assert.deepEqual(await rollBack(member), [null, null])
    assert.deepEqual([readFileSync(path, 'utf8'), readFileSync(found, 'utf8')], ['old', 'made by a person'])
  })

  it('has a name of its own each time', async () => {
    const member = planned('rename')
    for (const [number, name] of ['found-one', 'found-one-2'].entries()) {
      put(members.asideData(member), 'data', 'restored')
      await members.swapIn(member, await epochOf(member), 'one')
      rmSync(path, { recursive: true })
      put(path, `mine-${number}`, 'x')
      assert.deepEqual(await rollBack(member), [join(member.workDirectory, name), null])
    }
  })

  it('is what an earlier run has put there, when a later one is rolled back before it has swapped anything', async () => {
    const member = planned('rename')
    await members.swapIn(member, await epochOf(member), 'one')
    // It was terminated before it was committed, and people have worked in it since.
    put(path, 'since', 'weeks of work')
    put(members.asideData(member), 'data', 'of the later run')
    await rollBack(member, 'two')
    assert.deepEqual([readFileSync(join(path, 'since'), 'utf8'), readFileSync(join(path, 'data'), 'utf8')], ['weeks of work', 'restored'])
    // And what it had set aside is its own safety set, whoever is committed next.
    assert.equal(await members.keepSafetySet(member, await epochOf(member, 'two'), members.safetyPath(member, 'two')), null)
    assert.equal(readFileSync(join(members.safetyPath(member, 'one'), 'data'), 'utf8'), 'old')
  })

  it('stays where a copy was to go to a directory of its own', async () => {
    const member = planned('none')
    put(path, 'mine', 'made by a person')
    for (let times = 0; times < 2; times++) {
      await assert.rejects(members.placeNew(member, await epochOf(member), 'one'), { type: 'TargetNotEmpty' })
      assert.deepEqual(readdirSync(path), ['mine'])
    }
    mkdirSync(join(member.workDirectory, 'found-one'))
    await members.removeWork(member)
    assert.deepEqual(readdirSync(member.workDirectory), ['found-one'])
    rmSync(join(member.workDirectory, 'found-one'), { recursive: true })
    for (let times = 0; times < 2; times++) await members.removeWork(member)
    assert.ok(!existsSync(member.workDirectory) && existsSync(join(path, 'mine')))
  })
})
