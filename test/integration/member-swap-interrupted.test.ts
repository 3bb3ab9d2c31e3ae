import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { takeEpoch } from '../../adapters/component/member/epochs.ts'
import { asideData, type Member, safetyPath } from '../../adapters/component/member/member.ts'
import { describeMember, removeRemains } from '../../adapters/component/member/remains.ts'
import { keepSafetySet, swapIn } from '../../adapters/component/member/swap.ts'
import { swapBack } from '../../adapters/component/member/swap-back.ts'
import type { SetAsideMethod } from '../../domain/decision.ts'
import { crashingAt, freezingAt, watchChanges } from '../support/interrupted.ts'

const run = '0a1b2c3d'
const methods: readonly SetAsideMethod[] = ['rename', 'rename-contents', 'copy']
/** Another user's, as a data directory is; 1 exists on every Linux. */
const owner = process.geteuid?.() === 0 ? 1 : (process.geteuid?.() ?? 0)

describe('the swap of a member, interrupted', function () {
  this.timeout(120_000)
  let base = ''
  let restore = () => {}
  let worlds = 0

  before(async () => {
    base = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'muster-swap-'))
    restore = watchChanges()
  })
  after(async () => {
    restore()
    await rm(base, { recursive: true, force: true })
  })

  /** Old data in place, with an owner and a mode of its own, and a restored copy aside. */
  async function makeWorld(method: SetAsideMethod): Promise<World> {
    const path = join(base, `${(worlds += 1)}`, 'data')
    const member = describeMember(path, 'shop-database', method)
    await fill(path, 'old', 0o700)
    await mkdir(join(member.workDirectory, 'aside'), { recursive: true })
    await fill(asideData(member), 'restored', 0o750)
    return { member, old: await looks(path), restored: await looks(asideData(member)) }
  }

  for (const method of methods) {
    describe(`by ${method}`, () => {
      it('goes on where it crashed, before whichever call that was, and keeps the old data', async () => {
        await everyCrash(async (crash) => {
          const { member, old, restored } = await makeWorld(method)
          const { crashed } = await crash(() => swap(member))
          await swap(member, 2)
          assert.deepEqual(await looks(member.path), restored)
          const { crashed: crashedAgain } = await crash(() => keep(member))
          await keep(member, 2)
          assert.deepEqual(await looks(safetyPath(member, run)), old)
          assert.deepEqual(await looks(member.path), restored)
          await assertTidy(member)
          return crashed || crashedAgain
        })
      })

      it('is undone wherever it crashed, owner and mode included, although undoing it crashes too', async () => {
        await everyCrash(async (crash) => {
          const { member, old } = await makeWorld(method)
          const { crashed } = await crash(() => swap(member))
          await back(member)
          await back(member, 2)
          assert.deepEqual(await looks(member.path), old)
          await removeRemains(member, await takeEpoch(member, { run, step: 50, attempt: 1 }))
          assert.deepEqual(await looks(member.path), old)
          await assertTidy(member)
          return crashed
        })
        await everyCrash(async (crash) => {
          const { member, old } = await makeWorld(method)
          await swap(member)
          const { crashed } = await crash(() => back(member))
          await back(member, 2)
          assert.deepEqual(await looks(member.path), old)
          return crashed
        })
      })

      it('changes nothing when it was frozen, and another attempt has swapped or undone meanwhile', async () => {
        await Promise.all(
          overtaken.map(([what, frozen, others]) =>
            everyFreeze(async (freeze) => {
              const { member } = await makeWorld(method)
              if (frozen !== swap) await swap(member)
              const attempt = freeze(() => frozen(member))
              const reached = await attempt.reached
              if (reached) for (const other of others) await other(member, 2)
              const before = await looks(member.path, member.workDirectory)
              attempt.thaw()
              await attempt.ended
              if (reached) assert.deepEqual(await looks(member.path, member.workDirectory), before, what)
              return reached
            }),
          ),
        )
      })

      it('refuses to call it done when there is no copy to put in place', async () => {
        const { member, old } = await makeWorld(method)
        await rm(asideData(member), { recursive: true })
        await assert.rejects(swap(member), { type: 'PreconditionFailed', message: /there is no restored copy/ })
        assert.deepEqual(await looks(member.path), old)
      })
    })
  }

  it('gives a safety set that was brought in back to where it was kept, by copy too', async () => {
    const { member, restored } = await makeWorld('copy')
    const source = asideData(member)
    await swapIn(member, await takeEpoch(member, { run, step: 20, attempt: 1 }), run, source)
    const epoch = await takeEpoch(member, { run, step: 30, attempt: 1 })
    await swapBack(member, epoch, run)
    assert.deepEqual(await looks(join(epoch.directory, 'new')), restored)
  })
})

interface World {
  readonly member: Member
  readonly old: Looks
  readonly restored: Looks
}

type Attempt = (member: Member, attempt?: number) => Promise<void>

const swap: Attempt = async (member, attempt = 1) => {
  await swapIn(member, await takeEpoch(member, { run, step: 20, attempt }), run)
}

const back: Attempt = async (member, attempt = 1) => {
  await swapBack(member, await takeEpoch(member, { run, step: 30, attempt }), run)
}

const keep: Attempt = async (member, attempt = 1) => {
  const epoch = await takeEpoch(member, { run, step: 40, attempt })
  await keepSafetySet(member, epoch, safetyPath(member, run))
  await removeRemains(member, epoch)
}

/** How another run begins while an attempt of the one before is still frozen. */
const nextRestore: Attempt = async (member) => {
  await removeRemains(member, await takeEpoch(member, { run: 'next', step: 5, attempt: 1 }))
  await mkdir(join(member.workDirectory, 'aside'), { recursive: true })
  await fill(asideData(member), 'next', 0o700)
}

/** What is frozen, and what has happened when it comes back. */
const overtaken: readonly (readonly [string, Attempt, readonly Attempt[]])[] = [
  ['a swap, swapped by its retry', swap, [swap]],
  ['a swap, undone', swap, [back]],
  ['a swap, after its run was kept and another began', swap, [swap, keep, nextRestore]],
  ['an undo, done by its retry', back, [back]],
  ['an undo, after another run began', back, [back, nextRestore]],
  ['an end, done by its retry', keep, [keep]],
  ['an end, after another run began', keep, [keep, nextRestore]],
]

async function everyCrash(once: (crash: (work: () => Promise<unknown>) => Promise<{ readonly crashed: boolean }>) => Promise<boolean>): Promise<void> {
  for (let call = 1; await once((work) => crashingAt(call, work)); call++) assert.ok(call < 200)
}

async function everyFreeze(once: (freeze: (work: () => Promise<unknown>) => ReturnType<typeof freezingAt>) => Promise<boolean>): Promise<void> {
  for (let call = 1; await once((work) => freezingAt(call, work)); call++) assert.ok(call < 200)
}

async function fill(path: string, text: string, mode: number): Promise<void> {
  await mkdir(join(path, 'sub', 'deeper'), { recursive: true })
  await mkdir(join(path, 'hollow'))
  for (const name of ['one', 'sub/two', 'sub/deeper/three', `only-${text}`]) await writeFile(join(path, name), `${text} ${name}`)
  await chmod(path, mode)
  await chown(path, owner, owner)
}

/** Every name below with its content; mode and owner of the directory itself. The journal may grow. */
type Looks = Readonly<Record<string, string>>

async function looks(path: string, workDirectory?: string): Promise<Looks> {
  const found: Record<string, string> = {}
  for (const root of [path, ...(workDirectory === undefined ? [] : [workDirectory])]) {
    const { mode, uid } = await stat(root)
    // Cannot be made conditional: right before it the epoch is looked at.
    if (workDirectory === undefined) found['.'] = `${mode.toString(8)} ${uid}`
    for (const name of (await readdir(root, { recursive: true })).sort()) {
      if (name.includes('journal.jsonl') || (workDirectory === undefined && name.startsWith('pgsql_tmp'))) continue
      const facts = await stat(join(root, name))
      found[name] = facts.isDirectory() ? 'directory' : await readFile(join(root, name), 'utf8')
    }
  }
  return found
}

async function assertTidy(member: Member): Promise<void> {
  const names = (await readdir(member.workDirectory, { recursive: true })).filter((name) => !name.startsWith('safety-') && name !== 'journal.jsonl')
  const extra = names.filter((name) => !/^epoch-\d{6}(\/(run|phase|claim)(\.new)?)?$/.test(name))
  assert.deepEqual(extra, [])
  assert.equal(names.filter((name) => /^epoch-\d{6}$/.test(name)).length, 1)
}
