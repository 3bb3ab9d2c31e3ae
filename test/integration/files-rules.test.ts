import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { carryOver } from '../../adapters/component/files/carry-over.ts'
import { compareTree } from '../../adapters/component/files/compare-tree.ts'
import { readIndex } from '../../adapters/component/files/list.ts'
import { produceTree } from '../../adapters/component/files/produce.ts'
import { restoreTree } from '../../adapters/component/files/restore.ts'
import { substituteTexts } from '../../adapters/component/files/substitute-texts.ts'
import type { Difference } from '../../domain/tree-difference.ts'
import { leftOutBy, substitutionsOf, type TreeRules } from '../../domain/tree-rules.ts'
import { describeTree, newRig, type Rig, write } from './files-rig.ts'

const noRules: TreeRules = { as: 'elsewhere', bring: 'all', never: [], substitute: [] }

describe('rules of a tree', function () {
  this.timeout(60_000)
  let rig: Rig
  let there: string
  beforeEach(() => {
    rig = newRig()
    there = join(rig.top, 'there')
  })
  afterEach(() => {
    rig.remove()
  })

  const ruled = () => ({ was: rig.source, goes: there })
  const index = () => readIndex(rig.objects, rig.staging)

  async function restored(): Promise<void> {
    await produceTree(rig.config({ allowEmpty: true }), { stagingDirectory: rig.staging }, rig.objects)
    await restoreTree(rig.objects, { roots: { 0: rig.target }, stagingDirectory: rig.staging })
  }

  /** As the activity does it. `mayAct` may die in the middle. */
  async function apply(rules: TreeRules, mayAct: () => Promise<void> = async () => undefined) {
    const common = { newRoot: rig.target, number: 0, root: ruled(), leftOut: leftOutBy(rules), mayAct }
    const carried = await carryOver({ ...common, oldRoot: there, ownEntry: null, fileName: null, index: index(), stagingDirectory: rig.staging })
    const originalsDirectory = join(rig.top, 'originals')
    const texts = await substituteTexts({ ...common, substitute: rules.substitute, index: index(), originalsDirectory })
    return { carried, texts }
  }

  async function compare(rules: TreeRules, mostReadBytes = 1e9) {
    const substitutions = substitutionsOf(rules.substitute)
    return compareTree({
      root: ruled(),
      leftOut: leftOutBy(rules),
      substituted: (path) => substitutions(ruled(), path).length > 0,
      newer: null,
      number: 0,
      directory: there,
      index: index(),
      ownEntry: null,
      fileName: null,
      mostNames: 1000,
      mostReadBytes,
    })
  }

  const shown = (differences: readonly Difference[]) => differences.map(({ kind, path }) => `${kind} ${path}`).sort()
  const at = (path: string) => readFileSync(join(rig.target, path), 'utf8')
  const isAbsent = (path: string) => lstatSync(join(rig.target, path), { throwIfNoEntry: false }) === undefined

  it('leave what they name as it is at the target, with all that it is, and absent where it is absent', async () => {
    write(rig.source, 'conf/a.env', 'from the backup')
    write(rig.source, 'conf/host.conf', 'of the first host')
    write(rig.source, 'conf/only-there/x', 'in the backup alone')
    write(there, 'conf/a.env', 'old')
    write(there, 'gone-with-the-restore', 'x')
    const own = write(there, 'conf/host.conf', 'of this host')
    chownSync(own, 1234, 4321)
    chmodSync(own, 0o4640)
    utimesSync(own, 1_000_000_000.5, 1_000_000_000.5)
    linkSync(own, join(there, 'conf/host.conf.2'))
    symlinkSync('/nowhere', join(there, 'conf/host.conf.link'))
    await restored()
    const before = describeTree(there)
    const { carried } = await apply({ ...noRules, never: ['host.conf*', 'only-there'] })
    assert.deepEqual([carried.carried, carried.leftOut, carried.blocked], [3, 3, []])
    assert.deepEqual([at('conf/a.env'), at('conf/host.conf')], ['from the backup', 'of this host'])
    const found = statSync(join(rig.target, 'conf/host.conf'))
    assert.deepEqual([found.uid, found.gid, found.mode & 0o7777, found.mtimeMs, found.nlink], [1234, 4321, 0o4640, 1_000_000_000_500, 2])
    assert.ok(isAbsent('conf/only-there') && isAbsent('gone-with-the-restore'))
    assert.ok(Math.abs(statSync(join(rig.target, 'conf')).mtimeMs - statSync(join(rig.source, 'conf')).mtimeMs) < 0.01)
    assert.equal(describeTree(there), before, 'the old tree was only read')
  })

  it('bring only what a list names, and leave directories and all else as they are', async () => {
    for (const path of ['conf/a.env', 'conf/b.txt', 'data/big']) write(rig.source, path, `${path} of the backup`)
    write(there, 'conf/b.txt', 'stays')
    write(there, 'mine/x', 'stays too')
    mkdirSync(join(there, 'empty'))
    chmodSync(join(there, 'empty'), 0o2750)
    chmodSync(join(there, 'conf'), 0o711)
    await restored()
    await apply({ ...noRules, bring: ['*.env'] })
    assert.deepEqual([at('conf/a.env'), at('conf/b.txt'), at('mine/x')], ['conf/a.env of the backup', 'stays', 'stays too'])
    assert.ok(isAbsent('data'))
    assert.deepEqual(
      ['conf', 'empty'].map((path) => statSync(join(rig.target, path)).mode & 0o7777),
      [0o711, 0o2750],
    )
  })

  it('leave nothing of a tree that is lost at the target', async () => {
    write(rig.source, 'a', 'x')
    write(rig.source, 'etc/machine-id', 'of the first host')
    await restored()
    const { carried } = await apply({ ...noRules, never: ['machine-id'] })
    assert.deepEqual([carried.carried, carried.leftOut], [0, 1])
    assert.ok(isAbsent('etc/machine-id') && !isAbsent('etc') && !isAbsent('a'))
  })

  it('leave nothing where they leave a whole path out and nothing is there', async () => {
    write(rig.source, 'a', 'x')
    await restored()
    const { carried } = await apply({ ...noRules, never: [rig.source] })
    assert.equal(carried.isNothing, true)
    mkdirSync(there)
    assert.equal((await apply({ ...noRules, never: [rig.source] })).carried.isNothing, false)
  })

  it('leave a file, a link or a socket where it is when they leave out whole what the backup has as a directory there', async () => {
    write(rig.source, 'a', 'x')
    await restored()
    const stays = async () => {
      const { carried } = await apply({ ...noRules, never: [rig.source] })
      assert.deepEqual([carried.isNothing, carried.carried, carried.blocked], [true, 0, []])
    }
    write(rig.top, 'there', 'a file here')
    await stays()
    for (const target of ['/nowhere', rig.source]) {
      rmSync(there)
      symlinkSync(target, there)
      await stays()
    }
    rmSync(there)
    execFileSync('mkfifo', [there])
    await stays()
  })

  it('leave a directory where it is when they leave out whole what the backup has as a file there', async () => {
    const source = write(rig.source, 'one.pem', 'key')
    await produceTree(rig.config({ paths: [source] }), { stagingDirectory: rig.staging }, rig.objects)
    await restoreTree(rig.objects, { roots: { 0: rig.target }, stagingDirectory: rig.staging })
    write(there, 'inside', 'of this host')
    const carried = await carryOver({
      newRoot: rig.target,
      oldRoot: there,
      number: 0,
      root: { was: source, goes: there },
      index: index(),
      stagingDirectory: rig.staging,
      leftOut: leftOutBy({ ...noRules, never: ['*.pem'] }),
      ownEntry: null,
      fileName: 'one.pem',
      mayAct: async () => undefined,
    })
    assert.deepEqual([carried.isNothing, carried.leftOut, carried.blocked], [true, 1, []])
  })

  it('follow no link that stands in the place of the tree, and say what has no place beside what is restored', async () => {
    write(rig.source, 'a', 'x')
    await restored()
    write(rig.top, 'outside/host.conf', 'not of the tree')
    symlinkSync(join(rig.top, 'outside'), there)
    const { carried } = await apply({ ...noRules, never: ['host.conf'] })
    assert.deepEqual([carried.isNothing, carried.carried, carried.blocked], [false, 0, ['.']])
    assert.deepEqual(readdirSync(rig.target), ['a'])
  })

  it('never see what a restore keeps inside a mount point', async () => {
    write(rig.source, 'a', 'x')
    write(rig.source, 'pgsql_tmp.muster-shop-app/safety-1/a', 'of an earlier restore')
    await restored()
    assert.deepEqual(readdirSync(rig.target), ['a'])
  })

  it('do not follow a link of the backup or of the target out of the tree', async () => {
    const outside = join(rig.top, 'outside')
    write(outside, 'victim', 'untouched 10.0.1.5')
    mkdirSync(join(rig.source, 'real'))
    symlinkSync(outside, join(rig.source, 'conf'))
    symlinkSync(join(outside, 'victim'), join(rig.source, 'real/env'))
    write(there, 'conf/host.conf', 'of this host')
    symlinkSync(outside, join(there, 'keep'))
    await restored()
    const { carried, texts } = await apply({
      ...noRules,
      never: ['host.conf', 'keep'],
      substitute: [{ files: ['env', 'victim', 'keep/**'], replace: '10.0.1.5', with: '10.0.2.5' }],
    })
    assert.deepEqual([carried.blocked, texts.rules[0]?.named], [['conf/host.conf'], 0])
    assert.equal(readFileSync(join(outside, 'victim'), 'utf8'), 'untouched 10.0.1.5')
    assert.ok(lstatSync(join(rig.target, 'keep')).isSymbolicLink())
    assert.ok(!lstatSync(join(outside, 'host.conf'), { throwIfNoEntry: false }))
    const { differences } = await compare({ ...noRules, never: ['host.conf', 'keep'] })
    assert.match(differences.find(({ path }) => path === 'conf/host.conf')?.why ?? '', /no place beside what is restored/)
  })

  it('take names that are not text, begin with a dash, or hold a line end', async () => {
    const odd = (directory: string, content: string) => {
      const base = Buffer.from(`${directory}/`)
      mkdirSync(directory, { recursive: true })
      for (const name of [Buffer.from([0xff, 0x6e, 0x76]), Buffer.from('-rf'), Buffer.from('a\nb.env'), Buffer.from('..never')]) {
        writeFileSync(Buffer.concat([base, name]), content)
      }
    }
    odd(rig.source, 'ip=10.0.1.5')
    odd(there, 'mine')
    const rules: TreeRules = { ...noRules, never: ['..never', '-rf'], substitute: [{ files: ['*'], replace: '10.0.1.5', with: '10.0.2.5' }] }
    await restored()
    const { differences } = await compare(rules)
    const { texts } = await apply(rules)
    assert.deepEqual(texts.rules, [{ named: 2, files: 2, replaced: 2, insideWords: 0, stoodThere: 0 }])
    assert.deepEqual([at('-rf'), at('..never'), at('a\nb.env')], ['mine', 'mine', 'ip=10.0.2.5'])
    assert.equal(readFileSync(Buffer.concat([Buffer.from(`${rig.target}/`), Buffer.from([0xff, 0x6e, 0x76])]), 'utf8'), 'ip=10.0.2.5')
    assert.deepEqual(shown(differences), ['kept -rf', 'kept ..never', 'substituted \udcffnv', 'substituted a\nb.env'].sort())
  })

  it('replace text in place: the file keeps owner, mode and names, and what is no text is left', async () => {
    const file = write(rig.source, 'a.env', 'db=10.0.1.5 old=10.0.1.50')
    chownSync(file, 1234, 4321)
    chmodSync(file, 0o4400)
    linkSync(file, join(rig.source, 'same.conf'))
    write(rig.source, 'b.env', Buffer.from('\0 10.0.1.5'))
    write(rig.source, 'c.env', 'nothing, and 10.0.2.5 already')
    await restored()
    const { texts } = await apply({ ...noRules, substitute: [{ files: ['*.env'], replace: '10.0.1.5', with: '10.0.2.5' }] })
    assert.deepEqual(texts, { rules: [{ named: 3, files: 1, replaced: 1, insideWords: 1, stoodThere: 1 }], passedBy: ['b.env'] })
    assert.deepEqual([at('a.env'), at('same.conf')], Array(2).fill('db=10.0.2.5 old=10.0.1.50'))
    const found = statSync(join(rig.target, 'a.env'))
    assert.deepEqual([found.uid, found.gid, found.mode & 0o7777, found.nlink], [1234, 4321, 0o4400, 2])
    assert.ok(found.mtimeMs > statSync(file).mtimeMs)
  })

  it('come to the same when they are applied again after being killed at any moment', async () => {
    const rules: TreeRules = {
      ...noRules,
      never: ['host.conf', 'mine'],
      // What is put in holds what is replaced: twice would be seen.
      substitute: [{ files: ['*.env'], replace: 'db', with: 'db-db' }],
    }
    for (const name of ['a.env', 'b.env', 'c.env', 'sub/d.env']) write(rig.source, name, `host=db # ${name}`)
    for (const name of ['host.conf', 'sub/host.conf']) write(rig.source, name, 'of the first host')
    for (const name of ['sub/host.conf', 'mine/x', 'mine/y']) write(there, name, 'of this host')
    await restored()
    let moments = 0
    for (let dies = 1; dies < 100; dies++) {
      let left = dies
      const died = await apply(rules, async () => {
        if (--left === 0) throw new Error('killed')
      }).then(
        () => false,
        (error: Error) => error.message === 'killed',
      )
      if (!died) break
      moments++
    }
    assert.ok(moments >= 6, `${moments} moments`)
    // Done, and the answer lost.
    await apply(rules)
    assert.deepEqual(
      ['a.env', 'b.env', 'c.env', 'sub/d.env'].map((name) => at(name)),
      ['a.env', 'b.env', 'c.env', 'sub/d.env'].map((name) => `host=db-db # ${name}`),
    )
    assert.deepEqual([at('sub/host.conf'), at('mine/x'), isAbsent('host.conf')], ['of this host', 'of this host', true])
  })

  it('are seen before in a difference that is what changes, name by name', async () => {
    const rules: TreeRules = { ...noRules, never: ['host.conf', 'licence'], substitute: [{ files: ['*.env'], replace: 'home', with: 'away' }] }
    for (const [path, text] of Object.entries({
      'a.env': 'at home',
      'new.env': 'at home',
      same: 'same',
      'sub/host.conf': 'h1',
      'sub/x': 'new',
      other: 'longer than before',
      equal: 'twin',
      unlike: 'abcd',
      licence: 'one',
    }))
      write(rig.source, path, text)
    symlinkSync('one', join(rig.source, 'link'))
    await restored()
    renameSync(rig.target, there)
    writeFileSync(join(there, 'a.env'), 'at away')
    rmSync(join(there, 'new.env'))
    rmSync(join(there, 'licence'))
    writeFileSync(join(there, 'sub/host.conf'), 'h2')
    rmSync(join(there, 'sub/x'))
    writeFileSync(join(there, 'other'), 'short')
    for (const [path, text] of Object.entries({ equal: 'twin', unlike: 'dcba' })) writeFileSync(join(there, path), text)
    write(there, 'leaves/x', 'goes')
    rmSync(join(there, 'link'))
    symlinkSync('two', join(there, 'link'))
    chmodSync(join(there, 'sub'), 0o700)
    await restoreTree(rig.objects, { roots: { 0: rig.target }, stagingDirectory: rig.staging })
    const { differences, same } = await compare(rules)
    assert.deepEqual(shown(differences), [
      'added sub/x',
      'attributes equal',
      'attributes sub',
      'changed link',
      'changed other',
      'changed unlike',
      'kept sub/host.conf',
      'left out licence',
      'removed leaves',
      'removed leaves/x',
      'substituted a.env',
      'substituted new.env',
    ])
    assert.equal(same, 2, 'the tree itself, and the file that is the same')
    assert.deepEqual(
      (await compare(rules, 0)).differences.flatMap(({ path, why }) => (why?.includes('not read') ? [path] : [])),
      ['equal', 'unlike'],
    )
    const contents = () => namesAndContents(there)
    const before = contents()
    await apply(rules)
    renameSync(there, join(rig.top, 'set-aside'))
    renameSync(rig.target, there)
    const after = contents()
    const really = [...new Set([...before.keys(), ...after.keys()])].flatMap((path) => {
      const kind = !before.has(path) ? 'added' : !after.has(path) ? 'removed' : before.get(path) === after.get(path) ? null : 'changed'
      return kind === null ? [] : [`${kind} ${path}`]
    })
    const told = differences.flatMap(({ kind, path, why }) => {
      if (kind === 'kept' || kind === 'left out' || path === 'equal') return []
      // What a text replaced in a file comes to is known when it is done.
      if (kind === 'substituted') return why === 'new' ? [`added ${path}`] : []
      return [`${kind === 'attributes' ? 'changed' : kind} ${path}`]
    })
    assert.deepEqual(really.sort(), told.sort())
  })
})

/** By name: what `find` and the content say of it, but for times. */
function namesAndContents(directory: string): Map<string, string> {
  const lines = describeTree(directory).split('\n').filter(Boolean)
  return new Map(
    lines.flatMap((line) => {
      const [path = '', type = '', mode, owner, , link] = line.split('\t')
      if (path === '') return []
      const content = type === 'f' ? readFileSync(join(directory, path), 'utf8') : ''
      return [[path, [type, mode, owner, link, content].join('|')] as const]
    }),
  )
}
