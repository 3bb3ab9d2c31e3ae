/** Runs in a machine of its own: swaps of one member, cut off anywhere, tried again, undone; nothing may be lost. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { chmod, lstat, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import fc from 'fast-check'
import { type Epoch, takeEpoch } from '../../adapters/component/member/epochs.ts'
import { asideData, inspectMember, type Member, safetyPath } from '../../adapters/component/member/member.ts'
import { keepSafetySet, swapIn } from '../../adapters/component/member/swap.ts'
import { swapBack } from '../../adapters/component/member/swap-back.ts'
import type { SetAsideMethod } from '../../domain/decision.ts'
import { crashBefore } from './crash-points.ts'

export type Tree = Readonly<Record<string, string>>

const names = ['PG_VERSION', 'base/1', 'base/2', 'conf', '.hidden', 'global/control'] as const
const oldMode = 0o750
const newMode = 0o700

/** Files by relative path; the text tells old from new. */
export async function plant(directory: string, tree: Tree): Promise<void> {
  for (const [name, text] of Object.entries(tree)) {
    await mkdir(dirname(join(directory, name)), { recursive: true })
    await writeFile(join(directory, name), text)
  }
}

export async function look(directory: string): Promise<Tree> {
  const found: Record<string, string> = {}
  const walk = async (at: string, prefix: string): Promise<void> => {
    for (const entry of await readdir(at, { withFileTypes: true }).catch(() => [])) {
      if (entry.name.startsWith('pgsql_tmp.muster-') || entry.name.startsWith('.muster-')) continue
      if (entry.isDirectory()) await walk(join(at, entry.name), `${prefix}${entry.name}/`)
      else found[`${prefix}${entry.name}`] = await readFile(join(at, entry.name), 'utf8')
    }
  }
  await walk(directory, '')
  return found
}

const run = randomUUID()
let claims = 0

/** Each attempt is a later one than the one before. */
export function take(member: Member): Promise<Epoch> {
  return takeEpoch(member, { run, step: (claims += 1), attempt: 1 })
}

export interface Story {
  readonly old: Tree | null
  readonly fresh: Tree
  /** Each attempt is cut off before this change. */
  readonly attempts: readonly number[]
  readonly ending: 'in' | 'back'
  readonly undoing: readonly number[]
}

/** The property: after any prefix of moves, going on or undoing gives all files, with owner and mode of their directory. */
export async function tell(path: string, expected: SetAsideMethod, story: Story): Promise<void> {
  const member = await prepare(path, story)
  assert.equal(member.method, story.old === null ? 'none' : expected)
  const attempt = async (cut: number, what: (epoch: Epoch) => Promise<unknown>) => {
    const died = await crashBefore(cut, async () => what(await take(member)))
    await nothingLost(member, story)
    return died
  }
  for (const cut of story.attempts) await attempt(cut, (epoch) => swapIn(member, epoch, 'one'))
  if (story.ending === 'in') {
    await swapIn(member, await take(member), 'one')
    await swappedIn(member, story)
    for (const cut of story.undoing) await attempt(cut, (epoch) => keepSafetySet(member, epoch, safetyPath(member, 'one')))
    await keepSafetySet(member, await take(member), safetyPath(member, 'one'))
    assert.deepEqual(await look(path), story.fresh)
    if (story.old === null) return
    assert.deepEqual(await look(safetyPath(member, 'one')), story.old)
    assert.equal(await modeOf(safetyPath(member, 'one')), oldMode)
    return
  }
  for (const cut of story.undoing) await attempt(cut, (epoch) => swapBack(member, epoch, 'one'))
  const epoch = await take(member)
  await swapBack(member, epoch, 'one')
  assert.deepEqual(await look(path), story.old ?? {})
  if (story.old !== null) assert.equal(await modeOf(path), oldMode)
  const taken = [asideData(member), join(epoch.directory, 'new')]
  assert.deepEqual(await unionOf(taken), story.fresh)
  for (const one of taken) if (Object.keys(await look(one)).length > 0) assert.equal(await modeOf(one), newMode)
}

/** Another restore after one that was undone keeps nothing of the first as if it were old data. */
export async function nextRun(path: string, cut: number): Promise<void> {
  const story = { old: { a: 'old a', b: 'old b' }, fresh: { a: 'new a' }, attempts: [], ending: 'back', undoing: [] } as const
  const member = await prepare(path, story)
  await swapIn(member, await take(member), 'one')
  await crashBefore(cut, async () => swapBack(member, await take(member), 'one'))
  await swapBack(member, await take(member), 'one')
  await rm(asideData(member), { recursive: true, force: true })
  await mkdir(asideData(member), { recursive: true, mode: newMode })
  await plant(asideData(member), { c: 'newer c' })
  const epoch = await take(member)
  await swapIn(member, epoch, 'two')
  assert.deepEqual(await look(safetyPath(member, 'one')), {})
  assert.deepEqual(await look(path), { c: 'newer c' })
  await keepSafetySet(member, epoch, safetyPath(member, 'two'))
  assert.deepEqual(await look(safetyPath(member, 'two')), story.old)
}

async function swappedIn(member: Member, { old, fresh }: Story): Promise<void> {
  assert.deepEqual(await look(member.path), fresh)
  assert.equal(await modeOf(member.path), newMode)
  if (old !== null) assert.deepEqual(await look(join((await take(member)).directory, 'old')), old)
}

async function prepare(path: string, { old, fresh }: Pick<Story, 'old' | 'fresh'>): Promise<Member> {
  for (const name of await readdir(dirname(path))) if (name.startsWith('.muster-')) await rm(join(dirname(path), name), { recursive: true })
  for (const name of await readdir(path).catch(() => [])) await rm(join(path, name), { recursive: true })
  if (old === null) await rm(path, { recursive: true, force: true })
  else {
    await mkdir(path, { recursive: true })
    await plant(path, old)
    await chmod(path, oldMode)
  }
  const member = await inspectMember(path, `test-${basename(path)}`)
  await mkdir(asideData(member), { recursive: true })
  await plant(asideData(member), fresh)
  await chmod(asideData(member), newMode)
  return member
}

/** At any moment each file of the old and of the new is where it was, or where it goes. */
async function nothingLost(member: Member, { old, fresh }: Story): Promise<void> {
  const epochs = (await readdir(member.workDirectory).catch(() => [])).filter((name) => name.startsWith('epoch-'))
  const inEpochs = (name: string) => epochs.map((epoch) => join(member.workDirectory, epoch, name))
  const olds = await textsIn([member.path, ...inEpochs('old'), safetyPath(member, 'one')])
  for (const [name, text] of Object.entries(old ?? {})) assert.ok(olds.has(`${name} ${text}`), `${name} of the old data is lost`)
  const news = await textsIn([member.path, ...inEpochs('new'), asideData(member)])
  for (const [name, text] of Object.entries(fresh)) assert.ok(news.has(`${name} ${text}`), `${name} of the restored copy is lost`)
}

async function textsIn(directories: readonly string[]): Promise<ReadonlySet<string>> {
  const trees = await Promise.all(directories.map(look))
  return new Set(trees.flatMap((tree) => Object.entries(tree).map(([name, text]) => `${name} ${text}`)))
}

async function unionOf(directories: readonly string[]): Promise<Tree> {
  return Object.assign({}, ...(await Promise.all(directories.map(look)))) as Tree
}

async function modeOf(path: string): Promise<number> {
  return (await lstat(path)).mode & 0o7777
}

function treeOf(kind: 'old' | 'new'): fc.Arbitrary<Tree> {
  return fc.subarray([...names], { minLength: 1 }).map((chosen) => Object.fromEntries(chosen.map((name) => [name, `${kind} ${name}`])))
}

export function stories(withOld: boolean): fc.Arbitrary<Story> {
  const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 3 })
  return fc.record({
    old: withOld ? treeOf('old') : fc.constant(null),
    fresh: treeOf('new'),
    attempts: cuts,
    ending: fc.constantFrom('in' as const, 'back' as const),
    undoing: cuts,
  })
}
