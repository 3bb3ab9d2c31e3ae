import assert from 'node:assert/strict'
import { chmod, chown, mkdir, readFile, readdir, rename, stat, statfs, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runTool } from '../../adapters/process/run-tool.ts'
import { createDirectoryStoreRoot } from '../../adapters/store/directory.ts'
import type { PutFile, Store } from '../../adapters/store/store.ts'
import { MusterError } from '../../domain/failures.ts'
import { failsWith } from '../support/fails-with.ts'
import { type Mount, mountTmpfs } from '../support/mounts.ts'
import { directoryConfig, directoryStore, makeFolder, removeFolder } from '../support/store-labs.ts'
import { keysOf, makeFile, putAndCancel, sha256 } from './store-suite.ts'

describe('a directory store in trouble', () => {
  let folder: string
  let path: string
  let mounts: Mount[]

  beforeEach(async () => {
    folder = await makeFolder()
    path = join(folder, 'store')
    mounts = []
  })

  afterEach(async () => {
    for (const mount of mounts) await mount.unmount().catch(() => undefined)
    await removeFolder(folder)
  })

  async function mounted(sizeMegabytes: number): Promise<Mount> {
    const mount = await mountTmpfs(path, sizeMegabytes)
    mounts.push(mount)
    return mount
  }

  it('is made for its owner only, and again without harm', async () => {
    const config = directoryConfig(join(path, 'deep'))
    await createDirectoryStoreRoot(config)
    await createDirectoryStoreRoot(config)
    assert.equal((await stat(config.path)).mode & 0o777, 0o700)
    await createDirectoryStoreRoot(directoryConfig(join(folder, 'nas'), true))
    assert.deepEqual(await readdir(folder), ['store'])
  })

  it('keeps files and folders for its owner only, linked or copied', async () => {
    await mkdir(path)
    const store = directoryStore(path)
    const linked = await makeFile(folder, 1000)
    await chmod(linked.path, 0o666)
    await utimes(linked.path, 1000, 1000)
    await store.putFile('a/linked', linked)
    await store.putBytes('a/copied', Buffer.from('x'))
    for (const name of ['linked', 'copied']) assert.equal((await stat(join(path, 'a', name))).mode & 0o777, 0o600)
    assert.equal((await stat(join(path, 'a'))).mode & 0o777, 0o700)
    assert.equal((await stat(join(path, 'a/linked'))).ino, (await stat(linked.path)).ino)
    assert.ok(Date.parse((await store.stat('a/linked'))?.modifiedAt ?? '') > 2_000_000)
  })

  it('copies a file that someone else owns, who could change it later', async () => {
    await mkdir(path)
    const file = await someoneElsesFile(folder)
    await directoryStore(path).putFile('a/file', file)
    const copy = await stat(join(path, 'a/file'))
    assert.equal(copy.uid, process.geteuid?.())
    assert.notEqual(copy.ino, (await stat(file.path)).ino)
  })

  it('copies what a symbolic link of the source points to', async () => {
    await mkdir(path)
    const file = await makeFile(folder, 1000)
    await symlink(file.path, join(folder, 'link'))
    await directoryStore(path).putFile('a/file', { ...file, path: join(folder, 'link') })
    assert.equal(sha256(await readFile(join(path, 'a/file'))), file.sha256)
    assert.ok((await stat(join(path, 'a/file'))).isFile())
  })

  it('writes nothing into a mount point where nothing is mounted', async () => {
    await mkdir(path)
    await assertOut(directoryStore(path, true), await makeFile(folder, 1000), 'StoreNotMounted')
    assert.deepEqual(await readdir(path), [])
  })

  it('says that it is not mounted when its mount point is absent', async () => {
    await assertOut(directoryStore(path, true), await makeFile(folder, 1000), 'StoreNotMounted')
    assert.deepEqual((await readdir(folder)).includes('store'), false)
  })

  it('writes nothing after it was unmounted, and goes on when it is back', async () => {
    const mount = await mounted(20)
    const store = directoryStore(path, true)
    const file = await makeFile(folder, 1000)
    await store.putFile('a/file', file)
    assert.equal((await store.probe({ write: true })).problem, null)
    await mount.unmount()
    await assertOut(store, file, 'StoreNotMounted')
    assert.deepEqual(await readdir(path), [])
    await mounted(20)
    assert.equal(await store.putFile('a/file', file), 'created')
  })

  it('is unreachable, not empty, where its folder is not there', async () => {
    await assertOut(directoryStore(path), await makeFile(folder, 1000), 'Unreachable')
    assert.equal((await readdir(folder)).includes('store'), false)
  })

  it('does not take its disappearance during a listing for the end of the list', async () => {
    await mkdir(path)
    const store = directoryStore(path)
    for (const key of ['a/1', 'b/1', 'c/1']) await store.putBytes(key, Buffer.from(key))
    const listing = store.list('')[Symbol.asyncIterator]()
    assert.equal((await listing.next()).value?.key, 'a/1')
    await rename(path, `${path}-moved`)
    await mkdir(path)
    await assert.rejects(
      async () => {
        while (!(await listing.next()).done);
      },
      failsWith('Unreachable', /mounted or unmounted/),
    )
  })

  it('says that it is read-only', async () => {
    const mount = await mounted(20)
    const store = directoryStore(path, true)
    const file = await makeFile(folder, 1000)
    await store.putFile('a/file', file)
    await mount.remount('ro')
    const readOnly = failsWith('StoreReadOnly', new RegExp(path))
    await assert.rejects(store.putFile('b/file', file), readOnly)
    await assert.rejects(store.putBytes('b/bytes', Buffer.from('x')), readOnly)
    await assert.rejects(store.remove('a/file'), readOnly)
    for (const write of [true, false]) {
      const probe = await store.probe({ write })
      assert.equal(probe.reachable, true)
      assert.equal(probe.writable, false)
      assert.match(probe.problem ?? '', /EROFS/)
    }
    assert.equal(sha256(await store.readBytes('a/file')), file.sha256)
    assert.equal(await store.putFile('a/file', file), 'exists')
    assert.deepEqual(await keysOf(store, ''), ['a/file'])
    await mount.remount('rw')
    assert.equal(await store.putFile('b/file', file), 'created')
  })

  it('says how much is free when its disk is full, and keeps nothing of the file', async () => {
    await mounted(4)
    const store = directoryStore(path, true)
    const file = await makeFile(folder, 8_000_000)
    await assert.rejects(store.putFile('a/file', file), failsWith('DiskFull', /\d+ bytes are free/))
    assert.deepEqual(await keysOf(store, ''), [])
    const { bavail, bsize } = await statfs(path)
    assert.ok(bavail * bsize > 3_500_000, 'what was copied so far is removed')
    assert.equal(await store.putFile('a/small', await makeFile(folder, 100_000)), 'created')
  })

  it('takes the place of what a killed process has left, and of nothing else', async () => {
    await mounted(20)
    const store = directoryStore(path, true)
    const file = await makeFile(folder, 8_000_000)
    await putAndDie('a/file', file)
    await putAndDie('b/file', file)
    assert.equal((await readdir(join(path, '.muster-tmp'))).length, 2)
    assert.deepEqual(await keysOf(store, ''), [])
    assert.equal(await store.putFile('a/file', file), 'created')
    assert.deepEqual(await keysOf(store, ''), ['a/file'])
    assert.equal(sha256(await readFile(join(path, 'a/file'))), file.sha256)
    const left = await readdir(join(path, '.muster-tmp'))
    assert.equal(left.length, 1)
    assert.match(left[0] ?? '', /^b=file/)
  })

  it('sweeps what was left under a prefix before a time', async () => {
    await mounted(30)
    const store = directoryStore(path, true)
    const file = await makeFile(folder, 3_000_000)
    await putAndDie('a/file', file)
    await putAndDie('b/file', file)
    assert.equal(await store.sweepUnfinished('a/', new Date(Date.now() - 60_000)), 0)
    assert.equal(await store.sweepUnfinished('c', new Date(Date.now() + 60_000)), 0)
    assert.equal(await store.sweepUnfinished('a/f', new Date(Date.now() + 60_000)), 1)
    assert.equal(await store.sweepUnfinished('', new Date(Date.now() + 60_000)), 1)
    assert.deepEqual(await readdir(join(path, '.muster-tmp')), [])
  })

  it('leaves nothing of a copy that was cancelled, and copies it when asked again', async () => {
    await mounted(60)
    const store = directoryStore(path, true)
    const file = await makeFile(folder, 40_000_000)
    await putAndCancel(store, 'a/file', file, 20_000_000)
    assert.equal(await store.stat('a/file'), null)
    assert.deepEqual(await readdir(join(path, '.muster-tmp')), [])
    assert.equal(await store.putFile('a/file', file), 'created')
  })

  it('finds an object that was changed in its place when it is put again', async () => {
    await mkdir(path)
    const store = directoryStore(path)
    const file = await makeFile(folder, 1000)
    await store.putFile('a/file', file)
    const bytes = await readFile(join(path, 'a/file'))
    bytes[500] = (bytes[500] ?? 0) ^ 1
    await writeFile(join(path, 'a/file'), bytes)
    await assert.rejects(store.putFile('a/file', file), failsWith('ChecksumMismatch', /a\/file/))
  })

  it('does not list what the filesystem keeps at its root, and stops at symbolic links', async () => {
    await mkdir(join(path, 'lost+found'), { recursive: true })
    await writeFile(join(path, 'lost+found', 'x'), '')
    const store = directoryStore(path)
    await store.putBytes('a/lost+found', Buffer.from('x'))
    assert.deepEqual(await keysOf(store, ''), ['a/lost+found'])
    await writeFile(join(folder, 'secret'), 'secret')
    await symlink(join(folder, 'secret'), join(path, 'a', 'link'))
    await assert.rejects(keysOf(store, 'a/'), failsWith('PreconditionFailed', /symbolic link/))
    await assert.rejects(store.readBytes('a/link'), failsWith('PreconditionFailed'))
    await assert.rejects(store.putFile('a/link', await makeFile(folder, 6)), failsWith('ChecksumMismatch'))
  })

  it('does not hang at a pipe in the place of an object', async () => {
    await mkdir(path)
    await runTool('mkfifo', [join(path, 'pipe')])
    const store = directoryStore(path)
    assert.equal(await store.stat('pipe'), null)
    await assert.rejects(store.readBytes('pipe'), failsWith('ObjectMissing'))
    assert.deepEqual(await keysOf(store, ''), [])
  })

  it('is the same place as another store on the same filesystem', async () => {
    await mkdir(path)
    const other = join(folder, 'other')
    const probe = await directoryStore(path).probe({ write: false })
    await mkdir(other)
    assert.equal(probe.place, (await directoryStore(other).probe({ write: false })).place)
    mounts.push(await mountTmpfs(other, 4))
    const elsewhere = await directoryStore(other).probe({ write: false })
    assert.notEqual(probe.place, elsewhere.place)
    assert.equal(await directoryStore(other).place(), elsewhere.place)
    await assert.rejects(directoryStore(join(folder, 'gone')).place(), failsWith('Unreachable'))
    assert.ok((elsewhere.freeBytes ?? 0) > 3_000_000 && (elsewhere.freeBytes ?? 0) <= 4_200_000)
  })

  async function putAndDie(key: string, file: PutFile): Promise<void> {
    const cwd = fileURLToPath(new URL('../..', import.meta.url))
    const program = join(cwd, 'test/support/put-and-die.ts')
    const args = ['--import', 'tsx', program, path, key, file.path, String(file.sizeBytes), file.sha256]
    await assert.rejects(runTool(process.execPath, args, { cwd }), failsWith('CommandFailed', /SIGKILL/))
  }
})

async function assertOut(store: Store, file: PutFile, type: 'StoreNotMounted' | 'Unreachable'): Promise<void> {
  const out = failsWith(type)
  await assert.rejects(store.putFile('b/file', file), out)
  await assert.rejects(store.putBytes('b/bytes', Buffer.from('x')), out)
  await assert.rejects(store.stat('a/file'), out)
  await assert.rejects(store.read('a/file'), out)
  await assert.rejects(store.readBytes('a/file'), out)
  await assert.rejects(keysOf(store, ''), out)
  await assert.rejects(keysOf(store, 'wal/nothing'), out)
  await assert.rejects(store.remove('a/file'), out)
  await assert.rejects(store.sweepUnfinished('', new Date()), out)
  const error = await store.stat('a/file').catch((found: unknown) => found)
  assert.ok(error instanceof MusterError && error.hint.includes('mount'))
  const probe = await store.probe({ write: true })
  assert.equal(probe.reachable, false)
  assert.equal(probe.writable, false)
  assert.ok(probe.problem)
}

/** Root gives one away; everybody else takes one that every system has. */
async function someoneElsesFile(folder: string): Promise<PutFile> {
  if (process.geteuid?.() === 0) {
    const file = await makeFile(folder, 1000)
    await chown(file.path, 65534, 65534)
    return file
  }
  const bytes = await readFile('/etc/passwd')
  return { path: '/etc/passwd', sizeBytes: bytes.length, sha256: sha256(bytes) }
}
