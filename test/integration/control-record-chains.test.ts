import assert from 'node:assert/strict'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { createSigningKey, createVerifier, loadSigner } from '../../adapters/crypto/signature.ts'
import { createDirectoryStore } from '../../adapters/store/directory.ts'
import type { Store } from '../../adapters/store/store.ts'
import { appendRecord, readChain, readRecords } from '../../repository/control-records.ts'
import type { RecordWriter } from '../../repository/incarnations.ts'
import { directoryConfig, makeFolder, removeFolder } from '../support/store-labs.ts'

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

  it('is brought up to date in a store that was out', async () => {
    await append(1)
    await without('two', () => append(2))
    assert.deepEqual(await numbersIn(two), [1])
    await append(3)
    assert.deepEqual(await numbersIn(one), [1, 2, 3])
    assert.deepEqual(await numbersIn(two), [1, 2, 3])
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
