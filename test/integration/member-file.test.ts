import assert from 'node:assert/strict'
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { members } from '../../adapters/component/member/members.ts'

describe('a member that is one file', () => {
  let top: string
  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), 'muster-member-'))
  })
  afterEach(() => rmSync(top, { recursive: true, force: true }))

  async function swapped() {
    const path = join(top, 'one.conf')
    writeFileSync(path, 'old')
    const member = await members.inspectMember(path, 'shop-app')
    assert.deepEqual([member.method, member.workDirectory], ['rename', join(top, '.muster-shop-app')])
    const epoch = await members.takeEpoch(member, { run: 'r', step: 1, attempt: 1 })
    const source = join(members.asideData(member), 'its-name')
    mkdirSync(members.asideData(member), { recursive: true })
    writeFileSync(source, 'restored')
    // Repeated, as after a lost answer.
    for (let times = 0; times < 2; times++) await members.swapIn(member, epoch, 'r', source)
    assert.equal(readFileSync(path, 'utf8'), 'restored')
    return { path, member, epoch }
  }

  it('is set aside and replaced by a file, and kept as the safety set', async () => {
    const { member, epoch, path } = await swapped()
    const safety = await members.keepSafetySet(member, epoch, members.safetyPath(member, 'r'))
    assert.equal(readFileSync(safety ?? '', 'utf8'), 'old')
    assert.ok(lstatSync(path).isFile())
  })

  it('is put back when the restore is rolled back', async () => {
    const { member, epoch, path } = await swapped()
    for (let times = 0; times < 2; times++) await members.swapBack(member, epoch, 'r')
    assert.equal(readFileSync(path, 'utf8'), 'old')
    assert.ok(existsSync(join(epoch.directory, 'new')))
  })
})
