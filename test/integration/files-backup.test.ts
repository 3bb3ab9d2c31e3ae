import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { inspectTree } from '../../adapters/component/files/inspect.ts'
import { readIndex } from '../../adapters/component/files/list.ts'
import { produceTree } from '../../adapters/component/files/produce.ts'
import { restoreTree } from '../../adapters/component/files/restore.ts'
import { encodePath } from '../../domain/tree-path.ts'
import type { TreeEntry } from '../../domain/tree-index.ts'
import { collect, describeTree, labelled, makeTar, newRig, PlainObjects, rejectsWith, type Rig, sha256, write } from './files-rig.ts'
import { mountTmpfs } from '../support/mounts.ts'

describe('a tree backup', function () {
  this.timeout(60_000)
  let rig: Rig
  beforeEach(() => (rig = newRig()))
  afterEach(() => rig.remove())

  const produce = (changes = {}, place = {}, options = {}) =>
    produceTree(rig.config(changes), { stagingDirectory: rig.staging, ...place }, rig.objects, options)
  const restore = (extra = {}) => restoreTree(rig.objects, { roots: { 0: rig.target }, stagingDirectory: rig.staging, ...extra })
  const entries = async (): Promise<Map<string, TreeEntry>> => new Map((await collect(readIndex(rig.objects, rig.staging))).map((entry) => [entry.path, entry]))

  it('comes back with links, owners, modes, times, attributes and odd names', async () => {
    fillWithEverything(rig.source)
    const before = describeTree(rig.source)

    const produced = await produce()
    const restored = await restore()

    assert.equal(describeTree(rig.target), before)
    assert.equal(restored.entries, produced.entries)
    assert.equal(produced.changedWhileRead, 0)
    assert.match(archivedAttributes(rig.target, 'attributes'), /SCHILY\.xattr\.user\.note=kept/)
    assert.match(archivedAttributes(rig.target, 'attributes'), /SCHILY\.acl\.access=.*user:(33|www-data):r--/s)
    assert.equal(statSync(join(rig.target, 'linked-a')).ino, statSync(join(rig.target, 'deep/linked-b')).ino)
    assert.deepEqual(readdirSync(rig.staging), [])
  })

  it('lists every name with the hash of its content', async () => {
    fillWithEverything(rig.source)
    await produce()

    const found = await entries()

    assert.equal(found.get('plain')?.sha256, sha256(join(rig.source, 'plain')))
    assert.equal(found.get('new\nline')?.sha256, sha256(join(rig.source, 'new\nline')))
    assert.equal(found.get('empty')?.sha256, sha256(join(rig.source, 'empty')))
    const odd = [...found.keys()].find((path) => Buffer.from(encodePath(path)).equals(Buffer.from([0xff, 0xfe, 0x41])))
    assert.match(found.get(odd as string)?.sha256 ?? '', /^[0-9a-f]{64}$/)
    const [first, second] = [found.get('deep/linked-b'), found.get('linked-a')]
    assert.deepEqual([first?.type, second?.type, second?.linkTarget], ['file', 'hardlink', 'deep/linked-b'])
    assert.equal(found.get('setuid')?.mode, 0o4755)
    assert.equal(found.get('plain')?.mtime, String(statSync(join(rig.source, 'plain'), { bigint: true }).mtimeNs))
  })

  it('keeps a sparse file of 1 GiB small in the store and on the disk', async () => {
    const path = write(rig.source, 'sparse', '')
    truncateSync(path, 1024 ** 3)
    appendFileSync(path, 'the end')

    const produced = await produce()
    // Hashing a gigabyte of holes a second time would show nothing about them.
    await restore({ verifyContent: false })

    assert.ok(produced.dataSizeBytes < 1024 ** 2, `${produced.dataSizeBytes} bytes counted`)
    assert.ok(statSync(join(rig.objects.directory, 'tree-1.tar.zst')).size < 65_536)
    const restored = statSync(join(rig.target, 'sparse'))
    assert.equal(restored.size, 1024 ** 3 + 7)
    assert.ok(restored.blocks * 512 < 1024 ** 2, `${restored.blocks} blocks allocated`)
  })

  it('closes an object at the first member after its size and gives a larger file one of its own', async () => {
    for (const name of ['a', 'b', 'c', 'd']) write(rig.source, name, Buffer.alloc(60_000, name))
    write(rig.source, 'huge', Buffer.alloc(300_000, 'h'))
    linkSync(write(rig.source, 'deep/one', Buffer.alloc(60_000, 'l')), join(rig.source, 'two'))

    await produce({}, { objectSizeBytes: 100_000 })

    const found = await entries()
    const by = (object: string | undefined): string[] => [...found.values()].filter((entry) => entry.object === object).map((entry) => entry.path)
    assert.deepEqual(by(found.get('a')?.object as string), ['a', 'b'])
    assert.deepEqual(by(found.get('c')?.object as string), ['c', 'd'])
    assert.deepEqual(by(found.get('huge')?.object as string), ['huge'])
    assert.deepEqual(by(found.get('two')?.object as string), ['deep/one', 'two'])
    assert.deepEqual(by('tree:5'), ['.', 'deep'])
    assert.deepEqual(rig.objects.roles, ['tree:1', 'tree:2', 'tree:3', 'tree:4', 'tree:5', 'index'])
    await restore()
    assert.equal(describeTree(rig.target), describeTree(rig.source))
  })

  it('is restored by hand with zstd and tar, object by object', async () => {
    fillWithEverything(rig.source)
    await produce({}, { objectSizeBytes: 1000 })
    mkdirSync(rig.target)
    const names = readdirSync(rig.objects.directory).filter((name) => name.startsWith('tree-'))
    names.sort((a, b) => Number(a.split(/[-.]/)[1]) - Number(b.split(/[-.]/)[1]))

    for (const name of names) {
      execFileSync('tar', ['-xp', '--numeric-owner', '--acls', '--xattrs', '-I', 'zstd', '-f', join(rig.objects.directory, name)], { cwd: rig.target })
    }

    assert.equal(describeTree(rig.target), describeTree(rig.source))
  })

  it('reads several roots into objects of their own, a single file among them', async () => {
    const other = join(rig.top, 'other')
    write(other, 'x')
    const single = write(rig.top, 'single.conf', 'a=b')
    write(rig.source, 'y')

    const produced = await produce({ paths: [rig.source, other, single] })
    const targets = { 0: rig.target, 1: join(rig.top, 'target-1'), 2: join(rig.top, 'target-2') }
    const restored = await restore({ roots: targets })

    assert.equal(produced.entries, 5)
    assert.deepEqual(
      restored.roots.map((root) => root.type),
      ['directory', 'directory', 'file'],
    )
    assert.equal(readFileSync(join(targets[1], 'x'), 'utf8'), 'x')
    assert.equal(readFileSync(join(targets[2], 'single.conf'), 'utf8'), 'a=b')
  })

  it('restores one path alone and fetches only the objects that hold it', async () => {
    for (const name of ['a', 'b', 'c', 'd']) write(rig.source, name, Buffer.alloc(60_000, name))
    linkSync(write(rig.source, 'deep/one', 'linked'), join(rig.source, 'two'))
    write(rig.source, 'deep/er/three', 'x')
    await produce({}, { objectSizeBytes: 50_000 })

    const one = await restore({ only: { root: 0, path: 'c' } })
    const alone = await restore({ only: { root: 0, path: 'two' }, roots: { 0: join(rig.top, 'link') } })
    const below = await restore({ only: { root: 0, path: 'deep' }, roots: { 0: join(rig.top, 'below') } })

    assert.deepEqual(readdirSync(rig.target), ['c'])
    assert.deepEqual(readdirSync(join(rig.top, 'link')), ['two'])
    assert.equal(readFileSync(join(rig.top, 'link/two'), 'utf8'), 'linked')
    assert.equal(
      describeTree(join(rig.top, 'below/deep')).replaceAll('\t2\t6', '\t1\t6'),
      describeTree(join(rig.source, 'deep')).replaceAll('\t2\t6', '\t1\t6'),
    )
    assert.deepEqual([one.entries, alone.entries, below.entries], [1, 1, 4])
    const firstFetches = rig.objects.fetched.slice(0, 2)
    assert.deepEqual(firstFetches, ['index', 'tree:3'])
    await assert.rejects(restore({ only: { root: 0, path: 'nope' }, roots: { 0: join(rig.top, 'no') } }), rejectsWith('UnknownName', /nope/))
  })

  it('leaves out what is excluded, folders of set-aside data, sockets and fifos, and counts them', async () => {
    write(rig.source, 'keep/file')
    for (const name of ['keep/x.tmp', 'cache/deep/y', 'thumbs/1/z', '.muster-app-files/old/w']) write(rig.source, name)
    execFileSync('mkfifo', [join(rig.source, 'pipe')])

    const produced = await produce({ exclude: ['*.tmp', 'cache/', 'thumbs/**', `${rig.source}/nothing`] })

    assert.deepEqual([...(await entries()).keys()].sort(), ['.', 'keep', 'keep/file', 'thumbs'])
    assert.deepEqual([produced.special, produced.excluded], [1, 4])
  })

  it('reads a file again that changed while it was read, and flags it when it goes on changing', async () => {
    for (let at = 0; at < 20; at++) write(rig.source, `file-${at}`)
    const busy = write(rig.source, 'busy.log', Buffer.alloc(100_000))
    const once = write(rig.source, 'once', 'first')
    const writer = setInterval(() => appendFileSync(busy, 'x'), 1)
    const sink = new (class extends PlainObjects {
      override async add(object: { readonly role: string; readonly name: string }, plain: NodeJS.ReadableStream): Promise<void> {
        await super.add(object, plain)
        if (object.role === 'tree:1') writeFileSync(once, 'second')
      }
    })(rig.objects.directory)
    let produced
    try {
      produced = await produceTree(rig.config(), { stagingDirectory: rig.staging }, sink)
    } finally {
      clearInterval(writer)
    }

    const found = new Map((await collect(readIndex(sink, rig.staging))).map((entry) => [entry.path, entry]))
    assert.equal(produced.changedWhileRead, 1)
    assert.deepEqual([found.get('busy.log')?.changedWhileRead, found.get('busy.log')?.sha256], [true, null])
    assert.deepEqual([found.get('once')?.object, found.get('once')?.sha256], ['tree:2', sha256(once)])
    assert.equal(found.get('busy.log')?.object, 'tree:3')
    assert.equal(produced.entries, found.size)

    const restored = await restoreTree(sink, { roots: { 0: rig.target }, stagingDirectory: rig.staging })
    assert.equal(restored.entries, 23)
    assert.equal(readFileSync(join(rig.target, 'once'), 'utf8'), 'second')
  })

  it('goes on when files and directories vanish under it', async () => {
    for (const name of ['a', 'gone/deep/b', 'z']) write(rig.source, name)
    const sink = new (class extends PlainObjects {
      override async add(object: { readonly role: string; readonly name: string }, plain: NodeJS.ReadableStream): Promise<void> {
        await super.add(object, plain)
        if (object.role === 'tree:1') rmSync(join(rig.source, 'gone'), { recursive: true })
        if (object.role === 'tree:1') rmSync(join(rig.source, 'z'))
      }
    })(rig.objects.directory)

    const produced = await produceTree(rig.config(), { stagingDirectory: rig.staging, entriesPerObject: 2 }, sink)
    await restoreTree(sink, { roots: { 0: rig.target }, stagingDirectory: rig.staging })

    assert.equal(produced.vanished, 1)
    assert.equal(readFileSync(join(rig.target, 'gone/deep/b'), 'utf8'), 'gone/deep/b')
    assert.deepEqual(readdirSync(rig.target).sort(), ['a', 'gone'])
  })

  it('fails when the root is replaced while it is read', async () => {
    write(rig.source, 'a')
    const sink = new (class extends PlainObjects {
      override async add(object: { readonly role: string; readonly name: string }, plain: NodeJS.ReadableStream): Promise<void> {
        await super.add(object, plain)
        execFileSync('mv', [rig.source, `${rig.source}-old`])
        mkdirSync(rig.source)
      }
    })(rig.objects.directory)

    await assert.rejects(produceTree(rig.config(), { stagingDirectory: rig.staging }, sink), rejectsWith('SourceChanged', /was replaced, moved or unmounted/))
  })

  it('refuses a missing root, an empty tree, and names what the user cannot read', async () => {
    await assert.rejects(produce({ paths: [join(rig.top, 'absent')] }), rejectsWith('SourceUnreadable', /absent does not exist/))
    await assert.rejects(produce(), rejectsWith('NothingToDo', /there is nothing in/))
    assert.equal((await produce({ allowEmpty: true })).entries, 1)
    assert.deepEqual(readdirSync(rig.staging), [])
  })

  it('fails on the first file that its user cannot read, unless that is allowed', async () => {
    // Root reads everything itself; another user is kept out by its own mode.
    const asRoot = process.getuid?.() === 0
    const who = asRoot ? { runAs: 'postgres' } : {}
    chmodSync(rig.top, 0o755)
    chmodSync(rig.source, 0o755)
    write(rig.source, 'open')
    write(rig.source, 'locked/inside')
    chmodSync(asRoot ? join(rig.source, 'locked') : join(rig.source, 'locked', 'inside'), asRoot ? 0o700 : 0)

    const name = asRoot ? 'postgres' : userInfo().username
    await assert.rejects(produce(who), rejectsWith('SourceUnreadable', new RegExp(`locked/inside" cannot be read by ${name}: Permission denied`)))
    const produced = await produce({ ...who, allowUnreadable: ['locked'] })

    assert.equal(produced.unreadable, asRoot ? 2 : 1)
    assert.deepEqual([...(await entries()).keys()].filter((path) => !path.startsWith('locked')).sort(), ['.', 'open'])
  })

  it('stays on the filesystem of the root and says what it left out', async () => {
    write(rig.source, 'a')
    const mounted = join(rig.source, 'mounted')
    const mount = await mountTmpfs(mounted, 1)
    try {
      write(mounted, 'inside')
      const produced = await produce()
      const inspected = await inspectTree(rig.config())
      assert.deepEqual(produced.otherFilesystems, ['mounted'])
      assert.deepEqual([...(await entries()).keys()].sort(), ['.', 'a', 'mounted'])
      assert.match(inspected.problems.join(), /mounted" is the mount point of another filesystem/)
      assert.equal((await inspectTree(rig.config({ paths: [mounted] }))).roots[0]?.isMountPoint, true)
    } finally {
      await mount.unmount()
    }
  })

  it('is inspected without reading: entries, size on disk, roots', async () => {
    fillWithEverything(rig.source)

    const inspected = await inspectTree(rig.config())
    const produced = await produce()

    assert.equal(inspected.entries, produced.entries)
    assert.equal(inspected.dataSizeBytes, produced.dataSizeBytes)
    assert.deepEqual(inspected.problems, [])
    assert.equal(inspected.roots[0]?.isMountPoint, false)
    await assert.rejects(inspectTree(rig.config({ paths: ['/nowhere'] })), rejectsWith('SourceUnreadable', /nowhere/))
  })

  it('reports a full staging disk as such', async () => {
    write(rig.source, 'big', randomBytes(3 * 1024 ** 2))
    for (let at = 0; at < 3000; at++) write(rig.source, `many/${at}`, `${at}`)
    const mount = await mountTmpfs(rig.staging, 1)
    try {
      await assert.rejects(
        produceTree(rig.config(), { stagingDirectory: rig.staging }, new PlainObjects(join(rig.staging, 'objects'))),
        rejectsWith('DiskFull', /staging is full/),
      )
      rmSync(join(rig.staging, 'objects'), { recursive: true })
      writeFileSync(join(rig.staging, 'filler'), Buffer.alloc(1024 ** 2 - 8192))
      await assert.rejects(produce(), rejectsWith('DiskFull', /staging/))
    } finally {
      await mount.unmount()
    }
  })

  it('fails when the compressor fails, although tar goes on', async () => {
    write(rig.source, 'big', Buffer.alloc(5_000_000, 'x'))
    write(rig.top, 'bin/zstd', '#!/bin/sh\nhead -c 100000 > /dev/null\nexit 1\n')
    chmodSync(join(rig.top, 'bin/zstd'), 0o755)
    const path = process.env['PATH']
    process.env['PATH'] = `${join(rig.top, 'bin')}:${path}`
    try {
      await assert.rejects(produce(), rejectsWith('CommandFailed', /tar failed|zstd failed/))
    } finally {
      process.env['PATH'] = path
    }
    assert.deepEqual(readdirSync(rig.staging), [])
  })

  it('leaves no process and no file when it is cancelled in the middle', async () => {
    write(rig.source, 'big', randomBytes(8 * 1024 ** 2))
    const controller = new AbortController()
    const label = `files-test-${process.pid}`
    const slow = {
      add: async (_object: unknown, plain: AsyncIterable<Buffer>): Promise<void> => {
        for await (const _chunk of plain) {
          if (!controller.signal.aborted) setTimeout(() => controller.abort(new Error('stop')), 50)
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
      },
    }

    await assert.rejects(
      produceTree(rig.config(), { stagingDirectory: rig.staging }, slow, { signal: controller.signal, label }),
      rejectsWith('Cancelled', /cancelled/),
    )

    assert.deepEqual(labelled(label), [])
    assert.deepEqual(readdirSync(rig.staging), [])
  })
})

function randomBytes(size: number): Buffer {
  return execFileSync('head', ['-c', String(size), '/dev/urandom'], { maxBuffer: size + 1 })
}

function fillWithEverything(directory: string): void {
  write(directory, 'plain', 'plain text')
  write(directory, 'empty', '')
  write(directory, 'secret', 'for one')
  for (const name of ['new\nline', 'carriage\rreturn', ' spaces ', 'quo"te\'s', 'back\\slash\\n', '--leading', '-x', '*', 'ümläut→', 'x'.repeat(255)])
    write(directory, name)
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0xfe, 0x41])]), 'not UTF-8')
  symlinkSync(Buffer.from([0xfd, 0x0a]), Buffer.concat([Buffer.from(`${directory}/odd-link-`), Buffer.from([0xff])]))
  linkSync(write(directory, 'deep/linked-b', 'one file'), join(directory, 'linked-a'))
  symlinkSync('plain', join(directory, 'link'))
  symlinkSync('/etc/passwd', join(directory, 'absolute-link'))
  symlinkSync('../../nowhere -> "x"', join(directory, 'deep/dangling'))
  mkdirSync(join(directory, 'empty-directory'))
  write(directory, 'setuid', 'bits')
  write(directory, 'shared/sticky', '')
  const acl = 'user::rw-,user:33:r--,group::r--,mask::r--,other::---'
  const attributes = { 'SCHILY.xattr.user.note': 'kept', 'SCHILY.acl.access': acl }
  const input = makeTar([{ name: 'attributes', content: 'text', mode: 0o640, pax: attributes }])
  execFileSync('tar', ['-xp', '--xattrs', '--acls', '-f', '-'], { cwd: directory, input })
  chownSync(join(directory, 'secret'), 1234, 4321)
  chmodSync(join(directory, 'secret'), 0o400)
  chownSync(join(directory, 'deep'), 33, 33)
  chmodSync(join(directory, 'deep'), 0o2750)
  chmodSync(join(directory, 'setuid'), 0o4755)
  chmodSync(join(directory, 'shared'), 0o1777)
  lutimesSync(join(directory, 'link'), 1_500_000_000.25, 1_500_000_000.25)
  utimesSync(join(directory, 'empty'), -86_400, -86_400)
  utimesSync(join(directory, 'deep'), 1_234_567_890.123, 1_234_567_890.123)
}

function archivedAttributes(directory: string, name: string): string {
  return execFileSync('tar', ['-c', '--format=posix', '--xattrs', '--acls', '-f', '-', name], {
    cwd: directory,
    encoding: 'latin1',
  })
}
