import assert from 'node:assert/strict'
import { mkdir, rename } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { isStepDone } from '../../activities/site/breach/run-breach-command.ts'
import { createSigningKey, createVerifier, loadSigner } from '../../adapters/crypto/signature.ts'
import { createDirectoryStore } from '../../adapters/store/directory.ts'
import { createS3Store } from '../../adapters/store/s3.ts'
import type { Store } from '../../adapters/store/store.ts'
import { appendRecord, readChain, readRecords } from '../../repository/control-records.ts'
import type { RecordWriter } from '../../repository/incarnations.ts'
import { directoryConfig, makeFolder, removeFolder, s3Config } from '../support/store-labs.ts'

describe('one chain of control records over two stores', () => {
  let folder: string
  let writer: RecordWriter
  let one: Store
  let two: Store

  beforeEach(async () => {
    folder = await makeFolder()
    for (const name of ['one', 'two']) await mkdir(join(folder, name))
    await createSigningKey(join(folder, 'key'), 'test')
    const signer = await loadSigner(join(folder, 'key'))
    one = createDirectoryStore('one', directoryConfig(join(folder, 'one')))
    two = createDirectoryStore('two', directoryConfig(join(folder, 'two')))
    const verifier = createVerifier([{ publicKey: signer.publicKey, kinds: ['record'] }])
    writer = { stores: [one, two], verifier, signer, organisation: 'Test', by: 'control', now: () => new Date() }
  })
  afterEach(() => removeFolder(folder))

  const append = (number: number) => appendRecord(writer, '_installation', () => ({ kind: 'config', configHash: 'ab'.repeat(32), number }))
  const numbersIn = async (store: Store) =>
    (await readChain(store, '_installation', writer.verifier)).records.map(({ body }) => (body.kind === 'config' ? body.number : null))

  async function without<T>(name: string, act: () => Promise<T>): Promise<T> {
    await rename(join(folder, name), join(folder, `${name}.away`))
    try {
      return await act()
    } finally {
      await rename(join(folder, `${name}.away`), join(folder, name))
    }
  }

  it('is read and goes on beside a store that takes what is asked and never answers', async () => {
    const sockets = new Set<Socket>()
    const silent = createServer((socket) => void sockets.add(socket.on('error', () => undefined)))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    try {
      const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
      const secret = async () => ({ accessKeyId: 'test', secretAccessKey: 'test' })
      const hangs = createS3Store('hangs', s3Config({ region: 'us-east-1' }, endpoint), { read: secret, write: secret })
      const stores = [hangs, one, two]
      await append(1)
      const besides = { ...writer, stores, secondsEach: 3 }
      assert.equal((await readRecords(besides, '_installation')).records.length, 1)
      await appendRecord(besides, '_installation', () => ({ kind: 'config', configHash: 'ab'.repeat(32), number: 2 }))
      assert.deepEqual(await numbersIn(one), [1, 2])
      assert.deepEqual(await numbersIn(two), [1, 2])
      assert.ok(sockets.size > 0, 'it was asked')
    } finally {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => silent.close(resolve))
    }
  })

  it('is brought up to date in a store that was out', async () => {
    await append(1)
    await without('two', () => append(2))
    assert.deepEqual(await numbersIn(two), [1])
    await append(3)
    assert.deepEqual(await numbersIn(one), [1, 2, 3])
    assert.deepEqual(await numbersIn(two), [1, 2, 3])
  })

  it('names who signed a record, whatever that one says: a host under suspicion does no step of the answer', async () => {
    const run = 'target/shop:1'
    const step = 'rotate session-key'
    await createSigningKey(join(folder, 'alpha'), 'alpha')
    const alpha = await loadSigner(join(folder, 'alpha'))
    const known = [
      { publicKey: writer.signer.publicKey, name: 'beta', kinds: ['record'] as const },
      { publicKey: alpha.publicKey, name: 'alpha', kinds: ['record'] as const },
    ]
    const shop = { ...writer, by: 'beta', verifier: createVerifier(known) }
    await appendRecord(shop, 'shop', () => ({ kind: 'suspicion', run, since: '2026-11-21T02:14:00Z', hosts: ['alpha'], notedAt: '2026-11-21T03:00:00Z' }))
    const forged = await appendRecord({ ...shop, signer: alpha }, 'shop', () => ({ kind: 'step-done', run, step }))
    assert.equal(forged.length, 2)
    const seen = (await readRecords(shop, 'shop')).records
    assert.equal(seen.at(-1)?.by, 'alpha')
    assert.equal(isStepDone(seen, run, step), false)
    await appendRecord(shop, 'shop', () => ({ kind: 'step-done', run, step }))
    assert.equal(isStepDone((await readRecords(shop, 'shop')).records, run, step), true)
  })

  it('is not broken where stores that were out in turn have grown apart: the longer goes on, the other stays readable', async () => {
    await append(1)
    await without('one', () => append(2))
    await without('two', () => append(3))
    await append(4)
    await append(5)
    assert.deepEqual(await numbersIn(one), [1, 3, 4, 5])
    assert.deepEqual(await numbersIn(two), [1, 2])
    assert.equal((await readRecords(writer, '_installation')).records.length, 4)
  })

  it('goes on in the second store where that one is longer, and the first that lies apart is passed by', async () => {
    await append(1)
    await without('two', () => append(2))
    await without('one', async () => {
      await append(3)
      await append(4)
    })
    await append(5)
    assert.deepEqual(await numbersIn(one), [1, 2])
    assert.deepEqual(await numbersIn(two), [1, 3, 4, 5])
  })
})
