import assert from 'node:assert/strict'
import { planWal, type WalChoice, type WalPlanning } from '../../activities/host/restore/plan-wal.ts'
import { refuseTooSmall, setAsideBytes } from '../../activities/host/restore/plan-figures.ts'
import { removeNewDirectories } from '../../activities/host/restore/new-directories.ts'
import { members } from '../../adapters/component/member/members.ts'
import { postgresql } from '../../adapters/component/postgresql/postgresql.ts'
import { foldRecords } from '../../domain/control-state.ts'
import type { MusterError } from '../../domain/failures.ts'
import type { ControlBody, ControlRecord } from '../../domain/repository-format.ts'
import type { PlaceBeside } from '../../domain/target.ts'
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { database } from '../support/shop-script.ts'

const segment = 16 * 1024 * 1024
const place: PlaceBeside = { path: '/disk/wal', sizeBytes: 2 * segment, freeBytes: 100e9, inside: false, there: true, sameDisk: false }

function planning(changes: Partial<WalPlanning['observation']>, into: WalPlanning['input']['into'] = null): WalPlanning {
  return {
    agent: { host: 'db1', members },
    input: { system: 'shop', into },
    component: { host: 'db1' },
    observation: { content: 'database', directory: '/data', walDirectory: '/disk/wal', wal: place, ...changes },
    name: 'database',
    short: 'aabbccdd',
  }
}

/** Base backup up to 0/3000000, WAL to replay up to the given LSN. */
function choice(fetchUntilLsn: bigint, walDirectory?: string): WalChoice {
  const postgresqlFacts = { segmentSizeBytes: segment, ...(walDirectory !== undefined && { walDirectory }) }
  return { manifest: { postgresql: postgresqlFacts }, path: { base: { endLsn: '0/3000000' } }, fetchUntilLsn }
}

describe('the plan for pg_wal on a disk of its own', () => {
  it('is a new directory beside the old one, with what it needs there', async () => {
    const plan = await planWal(planning({}), choice(0x3000000n + BigInt(segment)))
    assert.equal(plan.into, '/disk/wal-aabbccdd')
    assert.deepEqual(plan.space, [{ path: '/disk/wal-aabbccdd', neededBytes: 5 * segment, freeBytes: 100e9 }])
  })

  it('refuses a disk that is too small, with the number and what to do', async () => {
    await assert.rejects(planWal(planning({ wal: { ...place, freeBytes: 3 * segment } }), choice(0x3000000n)), (error: MusterError) => {
      assert.equal(error.type, 'NotEnoughSpace')
      assert.equal(error.message, 'restoring WAL of shop/database needs 68 MB beside /disk/wal, 51 MB are free')
      assert.match(error.hint, /^free 17 MB there/)
      return true
    })
  })

  it('needs no more than a server keeps, however much is replayed', async () => {
    const long = choice(0x3000000n + 10n ** 12n)
    assert.equal((await planWal(planning({}), long)).neededBytes, 1_073_741_824)
    assert.equal((await planWal(planning({ wal: { ...place, sizeBytes: 5e9 } }), long)).neededBytes, 5e9)
  })

  it('is counted beside the data directory where both are on one disk', async () => {
    const plan = await planWal(planning({ wal: { ...place, freeBytes: 1, sameDisk: true } }), choice(0x3000000n))
    assert.deepEqual([plan.sameDisk, plan.neededBytes, plan.space], [true, 4 * segment, []])
  })

  it('is nothing where the data directory has it inside, whatever an old backup says, and for a restore elsewhere', async () => {
    assert.equal((await planWal(planning({ walDirectory: null, wal: null }), choice(0x3000000n, '/disk/wal'))).into, null)
    assert.equal((await planWal(planning({}, { directory: '/tmp/x', port: null }), choice(0x3000000n, '/disk/wal'))).into, null)
  })

  it('warns where the disk is not there', async () => {
    const plan = await planWal(planning({ content: 'absent', walDirectory: null, wal: null }), choice(0x3000000n, '/nowhere/at/all/wal'))
    assert.equal(plan.into, null)
    assert.match(plan.warnings.join(), /pg_wal was a link to \/nowhere\/at\/all\/wal, which is not there/)
  })
})

describe('the plan for what is set aside', () => {
  it('counts the larger of old and new once more where it is copied, and refuses with the number', () => {
    assert.equal(setAsideBytes('rename', 5e6, 3e6), 0)
    assert.equal(setAsideBytes('rename-contents', 5e6, 3e6), 0)
    assert.equal(setAsideBytes('copy', 5e6, 3e6), 5e6)
    assert.equal(setAsideBytes('copy', 3e6, 5e6), 5e6)
    refuseTooSmall('shop/database', '/data', 8e6, 8e6)
    assert.throws(() => refuseTooSmall('shop/database', '/data', 8e6, 7e6), { type: 'NotEnoughSpace', message: /needs 8 MB beside \/data, 7 MB are free/ })
  })
})

describe('a new directory beside an old one', () => {
  it('has a name that does not grow from restore to restore', () => {
    assert.equal(members.newPathBeside('/disk/wal', false, '11111111'), '/disk/wal-11111111')
    assert.equal(members.newPathBeside('/disk/wal-11111111', false, '22222222'), '/disk/wal-22222222')
    assert.equal(members.newPathBeside('/mnt', true, '11111111'), '/mnt/muster-11111111')
    assert.equal(members.newPathBeside('/mnt/muster-11111111', false, '22222222'), '/mnt/muster-22222222')
  })

  it('is never removed while the data directory points to it', async () => {
    const base = await mkdtemp(join(tmpdir(), 'muster-wal-'))
    try {
      const decision = {
        ...database,
        directory: join(base, 'data'),
        walInto: join(base, 'wal'),
        tablespaces: [{ oid: 7, path: '/old', into: join(base, 'side') }],
      }
      for (const name of ['data/pg_tblspc', 'wal', 'side']) await mkdir(join(base, name), { recursive: true })
      await writeFile(join(base, 'wal', 'segment'), '')
      await symlink(join(base, 'side'), join(base, 'data/pg_tblspc/7'))
      await assert.rejects(removeNewDirectories({ postgresql }, decision), /the data in .*data uses it/)
      await rm(join(base, 'data/pg_tblspc/7'))
      await symlink(join(base, 'wal'), join(base, 'data/pg_wal'))
      await assert.rejects(removeNewDirectories({ postgresql }, decision), /wal is not removed/)
      assert.deepEqual(await readdir(join(base, 'wal')), ['segment'])
      await rm(join(base, 'data/pg_wal'))
      await removeNewDirectories({ postgresql }, decision)
      assert.deepEqual(await readdir(base), ['data'])
    } finally {
      await rm(base, { recursive: true })
    }
  })
})

describe('safety sets in the control records', () => {
  const record = (sequence: number, body: ControlBody): ControlRecord => ({
    format: 'muster-record-1',
    organisation: 'Test',
    system: 'shop',
    sequence,
    previous: '',
    at: `2026-11-20T00:00:0${sequence}Z`,
    by: 'db1',
    body,
  })
  const member = (component: string, path: string) => ({ component, path, safetyPath: path, sizeBytes: 1 })

  it('are none any more once they were brought back, component by component', () => {
    const keepUntil = '2026-11-27T00:00:00Z'
    const first = record(1, { kind: 'safety-set', run: 'one', host: 'db1', members: [member('database', '/a'), member('uploads', '/b')], keepUntil })
    const second = record(2, { kind: 'safety-set', run: 'two', host: 'db1', members: [member('database', '/c')], keepUntil, broughtBack: 'one' })
    const paths = (records: readonly ControlRecord[]) =>
      foldRecords(records).safetySets.map(({ run, members: found }) => [run, ...found.map(({ path }) => path)])
    assert.deepEqual(paths([first, second]), [
      ['one', '/b'],
      ['two', '/c'],
    ])
    const third = record(3, { kind: 'safety-set', run: 'three', host: 'db1', members: [member('uploads', '/d')], keepUntil, broughtBack: 'one' })
    assert.deepEqual(paths([first, second, third]), [
      ['two', '/c'],
      ['three', '/d'],
    ])
  })
})
