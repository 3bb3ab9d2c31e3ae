import assert from 'node:assert/strict'
import { parseStore } from '../../config/load-store.ts'
import { compareChains } from '../../domain/chains-compared.ts'
import { failsWith } from '../support/fails-with.ts'

describe('opening a store', () => {
  it('reads a bucket as muster.yaml would, without saying who reaches it', () => {
    const store = parseStore('type: s3\nbucket: shop-dr\nregion: eu-west-1\nprefix: /prod/\ncredentials: { write: "env:KEY" }\n', 'store.yaml')
    assert.deepEqual(store, {
      type: 's3',
      bucket: 'shop-dr',
      region: 'eu-west-1',
      prefix: 'prod',
      forcePathStyle: false,
      hosts: ['here'],
      site: 'here',
      credentials: { write: 'env:KEY', read: 'env:KEY' },
    })
  })

  it('takes a declaration as it was copied from muster.yaml, hosts and site with it', () => {
    const store = parseStore('{ type: directory, path: /mnt/nas, hosts: [db1, app1], site: primary, mountRequired: true }', 'store.yaml')
    assert.deepEqual(store, { type: 'directory', path: '/mnt/nas', mountRequired: true, hosts: ['here'], site: 'here' })
  })

  it('refuses what is no declaration, with line and column and without a secret', () => {
    assert.throws(
      () => parseStore('type: s3\nbucket: shop-dr\nregion: eu-west-1\ncredentials: { write: hunter2 }\n', 'store.yaml'),
      (error: Error) => {
        assert.match(error.message, /^store\.yaml:4:\d+ /)
        assert.doesNotMatch(error.message, /hunter2/)
        return true
      },
    )
    assert.throws(() => parseStore('', 'store.yaml'), failsWith('ConfigInvalid'))
    assert.throws(() => parseStore('- one', 'store.yaml'), failsWith('ConfigInvalid'))
  })

  it('tells who is behind, and what has grown apart', () => {
    assert.equal(compareChains(['a', 'b'], ['a', 'b']), 'same')
    assert.equal(compareChains(['a'], ['a', 'b']), 'behind')
    assert.equal(compareChains([], ['a']), 'behind')
    assert.equal(compareChains(['a', 'b'], ['a']), 'ahead')
    assert.equal(compareChains(['a', 'b'], ['a', 'c', 'd']), 'apart')
  })
})
