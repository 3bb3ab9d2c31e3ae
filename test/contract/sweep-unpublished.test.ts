import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { PutFile } from '../../adapters/store/store.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import { backupObjectKey, manifestKey } from '../../domain/object-keys.ts'
import { sweepUnpublished } from '../../repository/sweep-unpublished.ts'
import { type Mount, mountTmpfs } from '../support/mounts.ts'
import { directoryStore, makeFolder, removeFolder } from '../support/store-labs.ts'
import { failsWith } from '../support/fails-with.ts'
import { keysOf, makeFile } from './store-suite.ts'

describe('what attempts left in a store without publishing it', () => {
  let folder = ''
  let path = ''
  let mount: Mount

  beforeEach(async () => {
    folder = await makeFolder()
    path = join(folder, 'store')
    // Another filesystem than where it is staged: there nothing is linked, so that a copy takes time.
    mount = await mountTmpfs(path, 30)
  })
  afterEach(async () => {
    await mount.unmount()
    await removeFolder(folder)
  })

  const objectOf = (component: string, backup: string, name = '0001') => backupObjectKey('shop', component, backup, name)

  /** A backup that another process was copying when it was killed. */
  async function dieCopying(key: string, file: PutFile): Promise<void> {
    const cwd = fileURLToPath(new URL('../..', import.meta.url))
    const program = join(cwd, 'test/support/put-and-die.ts')
    const args = ['--import', 'tsx', program, path, key, file.path, String(file.sizeBytes), file.sha256]
    await assert.rejects(runTool(process.execPath, args, { cwd }), failsWith('CommandFailed', /SIGKILL/))
  }

  it('is removed, also of an attempt that died before its first object was there', async () => {
    const store = directoryStore(path)
    const file = await makeFile(folder, 3_000_000)
    await store.putFile(objectOf('database', '20260101T000000Z-full-aaaaaaaa-a1'), file)
    await dieCopying(objectOf('database', '20260102T000000Z-full-bbbbbbbb-a1'), file)
    await dieCopying(objectOf('uploads', '20260102T000000Z-full-bbbbbbbb-a1'), file)
    await sleep(20)
    assert.deepEqual(await sweepUnpublished(store, 'shop', 'database', 'cccccccc', new Date()), ['20260101T000000Z-full-aaaaaaaa-a1'])
    assert.deepEqual(await keysOf(store, ''), [])
    // The other component has a lock of its own: somebody may be at it.
    assert.match((await readdir(join(path, '.muster-tmp'))).join(), /^[^,]*uploads[^,]*$/)
  })

  it('stays where it is of the own run, and where it was published', async () => {
    const store = directoryStore(path)
    const file = await makeFile(folder, 1000)
    const published = '20260101T000000Z-full-aaaaaaaa-a1'
    const own = '20260102T000000Z-full-cccccccc-a1'
    const begunAt = new Date(Date.now() - 1000)
    for (const backup of [published, own]) await store.putFile(objectOf('database', backup), file)
    await store.putBytes(manifestKey('shop', 'database', published), Buffer.from('{}'))
    await dieCopying(objectOf('database', own, '0002'), await makeFile(folder, 3_000_000))
    const before = await keysOf(store, '')
    assert.deepEqual(await sweepUnpublished(store, 'shop', 'database', 'cccccccc', begunAt), [])
    assert.deepEqual(await keysOf(store, ''), before)
    assert.equal((await readdir(join(path, '.muster-tmp'))).length, 1)
  })
})
