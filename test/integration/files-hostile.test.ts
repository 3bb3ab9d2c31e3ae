import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readIndex } from '../../adapters/component/files/list.ts'
import { produceTree } from '../../adapters/component/files/produce.ts'
import { restoreTree } from '../../adapters/component/files/restore.ts'
import { serialiseEntry, serialiseHeader, type TreeEntry, treeIndexFormat } from '../../domain/tree-index.ts'
import { collect, labelled, type MadeMember, makeTar, newRig, rejectsWith, type Rig, write } from './files-rig.ts'
import { mountTmpfs } from '../support/mounts.ts'

describe('restoring an archive that was made to harm', function () {
  this.timeout(60_000)
  let rig: Rig
  let victim: string
  beforeEach(() => {
    rig = newRig()
    victim = join(rig.top, 'victim')
    write(victim, 'precious', 'untouched')
  })
  afterEach(() => {
    assert.deepEqual(readdirSync(victim), ['precious'])
    assert.equal(readFileSync(join(victim, 'precious'), 'utf8'), 'untouched')
    assert.deepEqual(readdirSync(rig.staging), [])
    rig.remove()
  })

  const restore = (extra = {}, options = {}) => restoreTree(rig.objects, { roots: { 0: rig.target }, stagingDirectory: rig.staging, ...extra }, options)

  /** Publishes archives and an index that says anything the test wants. */
  const publish = (archives: readonly (readonly MadeMember[])[], entries: readonly Partial<TreeEntry>[]): void => {
    archives.forEach((members, at) => publishFile(rig, `tree:${at + 1}`, makeTar(members)))
    const header = serialiseHeader({
      format: treeIndexFormat,
      roots: [{ root: 0, path: '/srv', realpath: '/srv', type: 'directory' }],
    })
    const lines = [header, ...entries.map((entry) => serialiseEntry({ ...plainEntry, ...entry }))]
    publishFile(rig, 'index', Buffer.from(lines.map((line) => `${line}\n`).join('')))
  }

  const root: MadeMember = { name: './', type: '5', mode: 0o755 }
  const rootEntry: Partial<TreeEntry> = { path: '.', type: 'directory', mode: 0o755, sha256: null }
  const good = [{ path: 'good', sizeBytes: 1 }, rootEntry]

  const cases: readonly (readonly [string, readonly MadeMember[], RegExp])[] = [
    ['a path that leads out by ".."', [{ name: '../victim/precious', content: 'x' }], /"\.\.\/victim\/precious" leads out of the tree/],
    ['".." in the middle', [{ name: 'good/../../victim/x', content: 'x' }], /leads out of the tree/],
    ['an absolute path', [{ name: '/tmp/muster-hostile-absolute', content: 'x' }], /"\/tmp\/muster-hostile-absolute" is absolute/],
    ['a path hidden in an extended header', [{ name: 'good', content: 'x', pax: { path: '../victim/precious' } }], /leads out of the tree/],
    ['a name that the index does not have', [{ name: 'bad', content: 'x' }], /"bad" is not in the index/],
    [
      'a name twice',
      [
        { name: 'good', content: 'x' },
        { name: 'good', content: 'y' },
      ],
      /"good" is there twice/,
    ],
    [
      'a name in two forms',
      [
        { name: 'good', content: 'x' },
        { name: './good', content: 'y' },
      ],
      /is not in its plain form/,
    ],
    ['a device', [{ name: 'good', type: '3' }], /"good" is a device/],
    ['a fifo', [{ name: 'good', type: '6' }], /"good" is a fifo/],
    ['a kind that trees do not have', [{ name: 'good', type: '7' }], /"good" is a kind of member/],
    ['set-user-id that the index does not list', [{ name: 'good', content: 'x', mode: 0o4755 }], /"good" has mode 4755; the index says 0644/],
    ['a link in place of a file', [{ name: 'good', type: '2', link: '/etc/passwd' }], /"good" is a symlink; the index says file/],
    ['a hard link in place of a file', [{ name: 'good', type: '1', link: '/etc/passwd' }], /"good" is a hardlink/],
    ['a larger file than the index says', [{ name: 'good', content: 'xx' }], /"good" has 2 bytes; the index says 1/],
    ['a directory in place of a file', [{ name: 'good/', type: '5' }], /"good" is a directory/],
    ['a member less than the index says', [], /"good" is listed in the index and not in the archive/],
  ]
  for (const [what, members, message] of cases) {
    it(`refuses ${what}`, async () => {
      publish([[...members, root]], good)
      await assert.rejects(restore(), rejectsWith('HostileArchive', message))
      assert.deepEqual(readdirSync(rig.target), [])
      assert.equal(existsSync('/tmp/muster-hostile-absolute'), false)
    })
  }

  it('refuses a path through a link, in one archive or in two', async () => {
    const link = { name: 'a', type: '2', link: victim }
    const linkEntry: Partial<TreeEntry> = { path: 'a', type: 'symlink', mode: 0o644, linkTarget: victim, sha256: null }
    const through = { path: 'a/x', sizeBytes: 1 }
    publish([[link, { name: 'a/x', content: 'x' }, root]], [linkEntry, through, rootEntry])
    await assert.rejects(restore(), rejectsWith('HostileArchive', /"a\/x" lies below "a", which is not a directory/))

    rmSync(rig.target, { recursive: true })
    publish([[link], [{ name: 'a/x', content: 'x' }, root]], [linkEntry, { ...through, object: 'tree:2' }, { ...rootEntry, object: 'tree:2' }])
    await assert.rejects(restore(), rejectsWith('HostileArchive', /"a\/x" lies below "a"/))
  })

  it('refuses a link that another object calls a directory', async () => {
    const linkEntry: Partial<TreeEntry> = { path: 'a', type: 'symlink', mode: 0o644, linkTarget: victim, sha256: null }
    const directory: Partial<TreeEntry> = { path: 'a', type: 'directory', mode: 0o755, sha256: null, object: 'tree:3' }
    publish(
      [[{ name: 'a', type: '2', link: victim }], [{ name: 'a/x', content: 'x' }], [{ name: 'a/', type: '5', mode: 0o755 }, root]],
      [linkEntry, { path: 'a/x', sizeBytes: 1, object: 'tree:2' }, directory, { ...rootEntry, object: 'tree:3' }],
    )
    await assert.rejects(restore(), rejectsWith('HostileArchive', /"a" is a symlink and a directory in the index/))
  })

  it('refuses a hard link to what is not a file of the same archive, even when the index agrees', async () => {
    const hardlink = (linkTarget: string): Partial<TreeEntry> => ({
      path: 'h',
      type: 'hardlink',
      linkTarget,
      sha256: null,
    })
    publish([[{ name: 'h', type: '1', link: '/etc/passwd' }, root]], [hardlink('etc/passwd'), rootEntry])
    await assert.rejects(restore(), rejectsWith('HostileArchive', /"h" links to another place than the index says/))

    rmSync(rig.target, { recursive: true })
    publish([[{ name: 'h', type: '1', link: 'etc/passwd' }, root]], [hardlink('etc/passwd'), rootEntry])
    await assert.rejects(restore(), rejectsWith('HostileArchive', /"h" is a hard link to something that is not a file/))

    rmSync(rig.target, { recursive: true })
    publish([[{ name: 'h', type: '1', link: '/etc/passwd' }, root]], [hardlink('/etc/passwd'), rootEntry])
    await assert.rejects(restore(), rejectsWith('HostileArchive', /"h".*is absolute/))
  })

  it('refuses an index that leads out of the tree, repeats a name or is none', async () => {
    publish([[root]], [{ path: '../victim/precious' }, rootEntry])
    await assert.rejects(restore(), rejectsWith('HostileArchive', /leads out of the tree/))
    publish([[{ name: 'good', content: 'x' }, root]], [...good, good[0] as Partial<TreeEntry>])
    await assert.rejects(restore(), rejectsWith('HostileArchive', /out of order or twice/))
    rmSync(rig.target, { recursive: true })
    publishFile(rig, 'index', Buffer.from('{"format":"something else"}\n'))
    await assert.rejects(restore(), rejectsWith('ManifestInvalid', /does not begin with a header/))
    publish([[root]], [{ path: 'good', mode: -1 }])
    await assert.rejects(restore(), rejectsWith('ManifestInvalid', /line 2 of the tree index is not an entry/))
  })

  it('refuses bytes that are no archive', async () => {
    publish([], good)
    writeFileSync(join(rig.objects.directory, 'noise'), 'not an archive')
    rig.objects.put('tree:1', join(rig.objects.directory, 'noise'))
    await assert.rejects(restore(), rejectsWith('HostileArchive', /tree:1 is not an archive that tar can read/))
  })

  it('restores the same archive when nothing in it is hostile', async () => {
    publish([[{ name: 'good', content: 'x' }, root]], good)
    await restore({ verifyContent: false })
    assert.equal(readFileSync(join(rig.target, 'good'), 'utf8'), 'x')
    assert.equal(statSync(rig.target).mode & 0o777, 0o755)
  })
})

describe('restoring a tree', function () {
  this.timeout(60_000)
  let rig: Rig
  beforeEach(() => (rig = newRig()))
  afterEach(() => rig.remove())

  const produce = () => produceTree(rig.config(), { stagingDirectory: rig.staging, objectSizeBytes: 100_000 }, rig.objects)
  const restore = (extra = {}, options = {}) => restoreTree(rig.objects, { roots: { 0: rig.target }, stagingDirectory: rig.staging, ...extra }, options)

  it('stops at a flipped byte before anything of that object is extracted', async () => {
    write(rig.source, 'a')
    await produce()
    const path = join(rig.objects.directory, 'tree-1.tar.zst')
    const bytes = readFileSync(path)
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] as number) ^ 1
    writeFileSync(path, bytes)

    await assert.rejects(restore(), rejectsWith('ChecksumMismatch', /tree:1/))

    assert.deepEqual(readdirSync(rig.target), [])
    assert.deepEqual(readdirSync(rig.staging), [])
  })

  it('finds content that is not what was hashed', async () => {
    write(rig.source, 'a', 'original')
    await produce()
    const entries = await collect(readIndex(rig.objects, rig.staging))
    const lines = entries.map((entry) => serialiseEntry(entry.path === 'a' ? { ...entry, sha256: '0'.repeat(64) } : entry))
    const header = serialiseHeader({
      format: treeIndexFormat,
      roots: [{ root: 0, path: rig.source, realpath: rig.source, type: 'directory' }],
    })
    publishFile(rig, 'index', Buffer.from(`${[header, ...lines].join('\n')}\n`))

    await assert.rejects(restore(), rejectsWith('ChecksumMismatch', /the restored "a" is not what was backed up/))
  })

  it('refuses a directory that is not empty, a root that the backup does not have, and a missing object', async () => {
    write(rig.source, 'a')
    await produce()
    write(rig.target, 'mine')
    await assert.rejects(restore(), rejectsWith('TargetNotEmpty', /target is not empty/))
    assert.deepEqual(readdirSync(rig.target), ['mine'])
    await assert.rejects(restore({ roots: { 7: join(rig.top, 'other') } }), rejectsWith('UnknownName', /no root 7/))
    rig.objects.files.delete('tree:1')
    await assert.rejects(restore({ roots: { 0: join(rig.top, 'other') } }), rejectsWith('ObjectMissing', /tree:1/))
  })

  it('does not follow a link that stands where the target should be', async () => {
    write(rig.source, 'a')
    await produce()
    mkdirSync(join(rig.top, 'victim'))
    symlinkSync(join(rig.top, 'victim'), rig.target)
    await assert.rejects(restore(), rejectsWith('TargetNotEmpty', /is a link/))
    assert.deepEqual(readdirSync(join(rig.top, 'victim')), [])
    assert.ok(lstatSync(rig.target).isSymbolicLink())
  })

  it('reports a full disk as such and leaves staging empty', async () => {
    for (const name of ['a', 'b', 'c']) write(rig.source, name, execFileSync('head', ['-c', '900000', '/dev/urandom']))
    await produce()
    mkdirSync(rig.target)
    const mount = await mountTmpfs(rig.target, 2)
    try {
      await assert.rejects(restore(), rejectsWith('DiskFull', /no space left on the disk of .*target/))
      assert.deepEqual(readdirSync(rig.staging), [])
    } finally {
      await mount.unmount()
    }
  })

  it('leaves no process and an empty staging when it is cancelled', async () => {
    for (let at = 0; at < 20; at++) write(rig.source, `f${at}`, execFileSync('head', ['-c', '300000', '/dev/urandom']))
    await produce()
    const controller = new AbortController()
    const label = `files-restore-${process.pid}`
    const onProgress = (): void => controller.abort(new Error('stop'))

    await assert.rejects(restore({}, { signal: controller.signal, label, onProgress }), rejectsWith('Cancelled', /cancelled/))

    assert.deepEqual(labelled(label), [])
    assert.deepEqual(readdirSync(rig.staging), [])
  })

  it('restores many objects side by side into one tree', async () => {
    for (let at = 0; at < 30; at++) write(rig.source, `deep/${at % 5}/${at % 3}/f${at}`, Buffer.alloc(60_000, `${at}`))
    await produce()
    assert.ok(rig.objects.roles.length > 10)
    const restored = await restore()
    assert.equal(restored.objects, rig.objects.roles.length - 1)
  })
})

const plainEntry: TreeEntry = {
  root: 0,
  path: '',
  type: 'file',
  sizeBytes: 0,
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: '1700000000000000000',
  ctime: '1700000000000000000',
  inode: '1:1',
  sha256: null,
  object: 'tree:1',
}

function publishFile(rig: Rig, role: string, content: Buffer): void {
  const path = join(rig.objects.directory, `${role.replace(':', '-')}.zst`)
  writeFileSync(path, execFileSync('zstd', ['-q', '--stdout'], { input: content }))
  rig.objects.put(role, path)
}
