/** What every store must do, whatever it is made of; store.test.ts runs it on each kind. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { PutFile, Store } from '../../adapters/store/store.ts'
import { failsWith } from '../support/fails-with.ts'

export interface StoreLab {
  readonly store: Store
  /** A folder for the files that are put. */
  readonly sources: string
  stop(): Promise<void>
}

const megabyte = 1_000_000

export async function makeFile(folder: string, sizeBytes: number, content = randomBytes(sizeBytes)): Promise<PutFile> {
  const path = join(folder, `source-${randomBytes(6).toString('hex')}`)
  await writeFile(path, content)
  return { path, sizeBytes: content.length, sha256: sha256(content) }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export async function keysOf(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key)
  return keys
}

/** Cancels a put of several parts once some of them are in the store. */
export async function putAndCancel(store: Store, key: string, file: PutFile, afterBytes: number): Promise<void> {
  const stop = new AbortController()
  const cancel = (bytes: number) => {
    if (bytes >= afterBytes) stop.abort(new Error('enough'))
  }
  await assert.rejects(store.putFile(key, file, { signal: stop.signal, onProgress: cancel }), failsWith('Cancelled'))
}

/** @param open a new, empty store, whose listing asks for at most three objects at a time where it has pages */
export function storeSuite(kind: string, open: () => Promise<StoreLab>): void {
  describe(`a store that is ${kind}`, () => {
    let lab: StoreLab
    let store: Store
    before(async () => {
      lab = await open()
      store = lab.store
    })
    after(() => lab?.stop())

    it('keeps a file with its bytes', async () => {
      const file = await makeFile(lab.sources, 100_000)
      const before = Date.now()
      assert.equal(await store.putFile('backups/one/file.age', file), 'created')
      const found = await store.stat('backups/one/file.age')
      assert.equal(found?.sizeBytes, 100_000)
      assert.equal(found.key, 'backups/one/file.age')
      assert.ok(Math.abs(Date.parse(found.modifiedAt) - before) < 60_000, found.modifiedAt)
      assert.equal(sha256(await buffer(await store.read('backups/one/file.age'))), file.sha256)
    })

    it('keeps an empty file', async () => {
      assert.equal(await store.putFile('empty/file', await makeFile(lab.sources, 0)), 'created')
      assert.equal((await store.stat('empty/file'))?.sizeBytes, 0)
      assert.equal((await store.readBytes('empty/file')).length, 0)
    })

    it('says that a file exists when it is put again', async () => {
      const file = await makeFile(lab.sources, 5_000)
      assert.equal(await store.putFile('again/file', file), 'created')
      assert.equal(await store.putFile('again/file', file), 'exists')
      assert.equal(sha256(await store.readBytes('again/file')), file.sha256)
    })

    it('never replaces a file by another one', async () => {
      const first = await makeFile(lab.sources, 5_000)
      const sameSize = await makeFile(lab.sources, 5_000)
      const longer = await makeFile(lab.sources, 6_000)
      await store.putFile('once/file', first)
      await assert.rejects(store.putFile('once/file', sameSize), failsWith('ChecksumMismatch', /once\/file/))
      await assert.rejects(store.putFile('once/file', longer), failsWith('ChecksumMismatch', /once\/file/))
      assert.equal(sha256(await store.readBytes('once/file')), first.sha256)
    })

    it('keeps a file of 40 MB and tells how far it is', async () => {
      const file = await makeFile(lab.sources, 40 * megabyte)
      const progress: number[] = []
      assert.equal(await store.putFile('large/file', file, { onProgress: (bytes) => progress.push(bytes) }), 'created')
      assert.deepEqual(
        progress,
        [...progress].sort((left, right) => left - right),
      )
      assert.equal(progress.at(-1), 40 * megabyte)
      assert.equal(sha256(await buffer(await store.read('large/file'))), file.sha256)
      assert.equal(await store.putFile('large/file', file), 'exists')
      const other = await makeFile(lab.sources, 40 * megabyte)
      await assert.rejects(store.putFile('large/file', other), failsWith('ChecksumMismatch'))
      await rm(other.path)
      await rm(file.path)
    })

    it('refuses a file that is not what was promised, and keeps nothing of it', async () => {
      for (const sizeBytes of [5_000, 20 * megabyte]) {
        const file = await makeFile(lab.sources, sizeBytes)
        const promised = { ...file, sha256: sha256(Buffer.from('something else')) }
        await assert.rejects(store.putFile('changed/file', promised), failsWith('ChecksumMismatch', /source-/))
        const longer = { ...file, sizeBytes: sizeBytes + 1 }
        await assert.rejects(store.putFile('changed/file', longer), failsWith('ChecksumMismatch', /source-/))
        await rm(file.path)
        await assert.rejects(store.putFile('changed/file', file), failsWith('SourceUnreadable', /source-/))
      }
      assert.equal(await store.stat('changed/file'), null)
      assert.deepEqual(await keysOf(store, 'changed/'), [])
      assert.equal(await store.sweepUnfinished('changed/', new Date(Date.now() + 60_000)), 0)
    })

    it('puts nothing when it was cancelled before', async () => {
      const file = await makeFile(lab.sources, 5_000)
      const signal = AbortSignal.abort(new Error('too late'))
      await assert.rejects(store.putFile('cancelled/file', file, { signal }), failsWith('Cancelled'))
      assert.equal(await store.stat('cancelled/file'), null)
    })

    it('makes a small object once, whoever comes at the same time', async () => {
      for (let round = 0; round < 5; round += 1) {
        const key = `records/${round}.json`
        const writers = Array.from({ length: 8 }, (_, writer) => Buffer.from(`writer ${writer}`))
        const outcomes = await Promise.all(writers.map((bytes) => store.putBytes(key, bytes)))
        assert.equal(outcomes.filter((outcome) => outcome === 'created').length, 1, outcomes.join())
        const winner = writers[outcomes.indexOf('created')]
        assert.equal((await store.readBytes(key)).toString(), winner?.toString())
        assert.equal(await store.putBytes(key, Buffer.from('late')), 'exists')
      }
    })

    it('makes one object of two puts of the same file at the same time', async () => {
      const file = await makeFile(lab.sources, 20 * megabyte)
      const outcomes = await Promise.all([store.putFile('twice/file', file), store.putFile('twice/file', file)])
      assert.ok(outcomes.includes('created'), outcomes.join())
      assert.equal(sha256(await buffer(await store.read('twice/file'))), file.sha256)
      await rm(file.path)
    })

    it('refuses to write more than 1 MiB at once, and to read more than was asked for', async () => {
      await assert.rejects(store.putBytes('too/large', Buffer.alloc(1024 * 1024 + 1)), failsWith('InvalidInput'))
      await store.putBytes('small/object', Buffer.alloc(2000))
      await assert.rejects(store.readBytes('small/object', 1999), failsWith('ManifestInvalid', /small\/object/))
      assert.equal((await store.readBytes('small/object', 2000)).length, 2000)
    })

    it('lists by the bytes of whole keys, whatever their number', async () => {
      const names = ['b', 'a/2', 'a-1', 'a.1', 'a/10', 'a0', 'A', 'ab/c', 'é', 'z/y/x/w', 'ｚ', '😀']
      for (const name of names) await store.putBytes(`sorted/${name}`, Buffer.from(name))
      const sorted = names.map((name) => `sorted/${name}`).sort((left, right) => Buffer.from(left).compare(Buffer.from(right)))
      assert.deepEqual(await keysOf(store, 'sorted/'), sorted)
      const all = await keysOf(store, '')
      assert.deepEqual(
        all,
        [...all].sort((left, right) => Buffer.from(left).compare(Buffer.from(right))),
      )
    })

    it('lists by any beginning of a key, not only by folders', async () => {
      for (const key of ['pre/fix-1', 'pre/fix-2/x', 'pre/fiy', 'prefix']) await store.putBytes(key, Buffer.from(key))
      assert.deepEqual(await keysOf(store, 'pre/fix'), ['pre/fix-1', 'pre/fix-2/x'])
      assert.deepEqual(await keysOf(store, 'pre/fix-2'), ['pre/fix-2/x'])
      assert.deepEqual(await keysOf(store, 'pre'), ['pre/fix-1', 'pre/fix-2/x', 'pre/fiy', 'prefix'])
      assert.deepEqual(await keysOf(store, 'pre/fix-2/x'), ['pre/fix-2/x'])
      assert.deepEqual(await keysOf(store, 'pre/nothing/here'), [])
    })

    it('keeps objects under odd keys', async () => {
      const keys = [
        'odd/a b',
        'odd/+plus',
        'odd/%41%2F',
        'odd/q?x=1&y#z',
        'odd/ü/ß',
        'odd/..a',
        'odd/-rf',
        `odd/'"<&>`,
        'odd/*[x]',
        'odd/$(id)',
        `odd/${'n'.repeat(200)}`,
      ]
      for (const key of keys) assert.equal(await store.putBytes(key, Buffer.from(key)), 'created', key)
      for (const key of keys) assert.equal((await store.readBytes(key)).toString(), key)
      assert.deepEqual((await keysOf(store, 'odd/')).sort(), [...keys].sort())
      for (const key of keys) await store.remove(key)
      assert.deepEqual(await keysOf(store, 'odd/'), [])
    })

    it('refuses keys that lead out of the store or that not every store can keep', async () => {
      const keys = [
        '',
        '/etc/passwd',
        '../out',
        'a/../../out',
        'a//b',
        'a/',
        './a',
        'a/.',
        'a\0b',
        'a\nb',
        '\ud800',
        '.muster-tmp/x',
        'lost+found',
        'n'.repeat(256),
        'nn/'.repeat(400) + 'n',
      ]
      const file = await makeFile(lab.sources, 10)
      for (const key of keys) {
        await assert.rejects(store.putBytes(key, Buffer.from('x')), failsWith('InvalidInput'), JSON.stringify(key))
        await assert.rejects(store.putFile(key, file), failsWith('InvalidInput'))
        await assert.rejects(store.stat(key), failsWith('InvalidInput'))
        await assert.rejects(store.readBytes(key), failsWith('InvalidInput'))
        await assert.rejects(store.remove(key), failsWith('InvalidInput'))
      }
      await assert.rejects(keysOf(store, '../'), failsWith('InvalidInput'))
    })

    it('tells what is absent from what is broken', async () => {
      await store.putBytes('there/object', Buffer.from('x'))
      for (const key of ['absent', 'absent/deep/down', 'there', 'there/object/below']) {
        assert.equal(await store.stat(key), null, key)
        await assert.rejects(store.read(key), failsWith('ObjectMissing', /is not in the store/))
        await assert.rejects(store.readBytes(key), failsWith('ObjectMissing', /is not in the store/))
      }
      await store.remove('absent/deep/down')
    })

    it('removes one object and leaves the others', async () => {
      await store.putBytes('removed/one', Buffer.from('1'))
      await store.putBytes('removed/two', Buffer.from('2'))
      await store.remove('removed/one')
      await store.remove('removed/one')
      assert.deepEqual(await keysOf(store, 'removed/'), ['removed/two'])
    })

    it('ends a read that is cancelled', async () => {
      const file = await makeFile(lab.sources, 20 * megabyte)
      await store.putFile('read/file', file)
      const stop = new AbortController()
      const stream = await store.read('read/file', { signal: stop.signal })
      const reading = (async () => {
        for await (const _ of stream) stop.abort(new Error('enough'))
      })()
      await assert.rejects(reading, failsWith('Cancelled', /read\/file/))
      const unread = await store.read('read/file')
      unread.destroy()
      await rm(file.path)
    })

    it('can be probed, and keeps nothing of it', async () => {
      const before = await keysOf(store, '')
      for (const write of [false, true]) {
        const probe = await store.probe({ write })
        assert.deepEqual({ ...probe, freeBytes: 0, place: '' }, { reachable: true, writable: true, freeBytes: 0, place: '', problem: null })
        assert.match(probe.place, /^(device|s3):/)
        assert.equal(await store.place(), probe.place)
      }
      assert.deepEqual(await keysOf(store, ''), before)
    })
  })
}
