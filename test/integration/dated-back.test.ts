import assert from 'node:assert/strict'
import { mkdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { createSigningKey, createVerifier, loadSigner } from '../../adapters/crypto/signature.ts'
import { createDirectoryStore } from '../../adapters/store/directory.ts'
import { manifestKey } from '../../domain/object-keys.ts'
import type { Suspicion } from '../../domain/repository-format.ts'
import { readCatalog } from '../../repository/catalog.ts'
import { createDocumentCache } from '../../repository/document-cache.ts'
import { signDocument } from '../../repository/signed-document.ts'
import { directoryConfig, makeFolder, removeFolder } from '../support/store-labs.ts'

describe('a manifest that is dated back by who rules its host', () => {
  let folder: string
  before(async () => {
    folder = await makeFolder()
  })
  after(() => removeFolder(folder))

  it('does not count, though the file in the store is dated back too', async () => {
    const place = join(folder, 'store')
    await mkdir(place)
    await createSigningKey(join(folder, 'key'), 'alpha')
    const signer = await loadSigner(join(folder, 'key'))
    const store = createDirectoryStore('nas', directoryConfig(place))
    const backup = '20261101T020000Z-full-1a2b3c4d-a1'
    const endedAt = '2026-11-01T02:00:09.000Z'
    const key = manifestKey('shop', 'uploads', backup)
    const manifest = { format: 'muster-manifest-1', backup, system: 'shop', component: 'uploads', type: 'files', endedAt, objects: [] }
    await store.putBytes(key, signDocument(signer, 'manifest', manifest))
    await utimes(join(place, key), new Date(endedAt), new Date(endedAt))
    const verifier = createVerifier([{ publicKey: signer.publicKey, name: 'alpha', kinds: ['manifest'] }])
    const since = new Date(Date.now() - 3600_000).toISOString()
    const read = (suspicions: readonly Suspicion[]) => readCatalog({ verifier, cache: createDocumentCache(join(folder, 'cache')), suspicions }, store, 'shop')
    assert.equal((await read([])).manifests.length, 1)
    const { manifests, invalid } = await read([{ run: 'target/shop:1', since, hosts: ['alpha'], notedAt: new Date().toISOString() }])
    assert.deepEqual(manifests, [])
    assert.match(invalid[0]?.problem ?? '', /does not count: .*key of alpha/)
  })
})
