/** What is known of runs, from stores that list and do not give, and from documents that should not decide. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { createSigningKey, createVerifier, loadSigner } from '../../adapters/crypto/signature.ts'
import type { Signer, Verifier } from '../../adapters/crypto/crypto.ts'
import type { Store } from '../../adapters/store/store.ts'
import { mergeRuns } from '../../domain/adoption.ts'
import { evidenceKey } from '../../domain/object-keys.ts'
import type { Suspicion } from '../../domain/repository-format.ts'
import { readAdoptions, recordAdoption } from '../../repository/adoptions.ts'
import { storeBegunMark } from '../../repository/begun-marks.ts'
import { createDocumentCache, noCache } from '../../repository/document-cache.ts'
import { knownRuns } from '../../repository/known-runs.ts'
import { signDocument } from '../../repository/signed-document.ts'
import { type S3Proxy, startS3Proxy } from '../support/s3-proxy.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'
import { makeFolder, removeFolder, s3Store } from '../support/store-labs.ts'

const runId = '0f0e0d0c-0000-4000-8000-0000000000aa'
const run = { workflowId: 'target/shop', runId }
const startedAt = new Date(Date.now() - 60_000).toISOString()

describe('what the stores know of runs', () => {
  let folder: string
  let server: S3Server
  let proxy: S3Proxy
  let store: Store
  let signer: Signer
  let verifier: Verifier

  before(async () => {
    folder = await makeFolder()
    await createSigningKey(join(folder, 'key'), 'alpha')
    signer = await loadSigner(join(folder, 'key'))
    verifier = createVerifier([{ publicKey: signer.publicKey, name: 'alpha', kinds: ['evidence', 'begun', 'record'] }])
    server = await startS3Server()
    await server.createBucket('muster')
    proxy = await startS3Proxy(server.endpoint)
    store = s3Store(server, proxy.endpoint)
    const about = { organisation: 'Test', system: 'shop', procedure: 'restoreSystem', run, startedAt }
    const mark = { format: 'muster-begun-1', ...about, host: 'alpha', step: 'swapIn', at: startedAt } as const
    assert.deepEqual((await storeBegunMark([place()], signer, mark, 10)).failed, [])
  })
  after(async () => {
    await proxy?.stop()
    await server?.stop()
    await removeFolder(folder)
  })

  const place = () => ({ name: 'offsite', open: async () => store })
  const evidence = (endedAt: string) =>
    signDocument(signer, 'evidence', { system: 'shop', procedure: 'restoreSystem', run, outcome: 'succeeded', times: { declaredAt: startedAt, endedAt } })
  const known = (cache = noCache) => {
    const now = new Date()
    const since = new Date(now.getTime() - 86_400_000)
    return knownRuns({ places: [place()], verifier, cache, now, secondsEach: 30, since, most: 3, alsoRuns: new Set() }, ['shop'])
  }

  it('is not that a run has ended where its evidence is only a name in the listing', async () => {
    await store.putBytes(evidenceKey('shop', startedAt, 'restoreSystem', runId), Buffer.from('nothing\n'))
    const { runs, unread } = await known()
    assert.deepEqual(unread, [], 'what cannot be believed was read')
    assert.deepEqual(
      mergeRuns(runs.map((one) => one.run)).map(({ begunAt, endedAt }) => [begunAt, endedAt]),
      [[startedAt, null]],
    )
    await store.remove(evidenceKey('shop', startedAt, 'restoreSystem', runId))
  })

  it('has a store that lists and does not give among those that were not read', async () => {
    const endedAt = new Date().toISOString()
    await store.putBytes(evidenceKey('shop', startedAt, 'restoreSystem', runId), evidence(endedAt))
    const cache = createDocumentCache(join(folder, 'cache'))
    proxy.decide = ({ method, url }) => (method === 'GET' && /\.json/.test(url) ? { kind: 'answer', status: 403, code: 'AccessDenied' } : { kind: 'pass' })
    assert.deepEqual(await known(cache), { runs: [], unread: ['offsite'] })
    proxy.decide = () => ({ kind: 'pass' })
    const { runs, unread } = await known(cache)
    assert.deepEqual(unread, [])
    assert.deepEqual(
      mergeRuns(runs.map((one) => one.run)).map(({ begunAt, endedAt: at }) => [begunAt, at]),
      [[startedAt, endedAt]],
    )
  })

  it('says of each document who signed it, and the later of what it states and when the store took it', async () => {
    const { runs } = await known()
    for (const { signed, what } of runs) {
      assert.equal(signed.host, 'alpha')
      assert.ok(signed.at > startedAt, `${what} at ${signed.at}`)
    }
    assert.deepEqual(runs.map(({ what }) => what).sort(), ['evidence of restoreSystem of shop', 'mark of restoreSystem of shop'])
  })

  it('lets an adoption by a host under suspicion decide nothing', async () => {
    const temporal = '11111111-2222-4333-8444-555555555555'
    const writer = { stores: [store], verifier, signer, organisation: 'Test', by: 'alpha', now: () => new Date(Date.parse(startedAt) - 86_400_000) }
    const decided = [{ workflowId: 'target/shop', runId, decided: 'accepted' as const }]
    await recordAdoption(writer, { temporal, until: '2099-01-01T00:00:00.000Z', by: 'host alpha', reason: 'a test', runs: decided, more: 0 })
    const deps = { places: [place()], verifier, secondsEach: 30 }
    const believed = await readAdoptions(deps, temporal, [])
    assert.deepEqual([believed.until, [...believed.decided], believed.count, believed.doubts], ['2099-01-01T00:00:00.000Z', [runId], 1, []])
    const suspicion: Suspicion = { run: 'target/shop:1', since: startedAt, hosts: ['alpha'], notedAt: startedAt }
    const doubted = await readAdoptions(deps, temporal, [suspicion])
    assert.deepEqual([doubted.until, [...doubted.decided], doubted.count], [null, [], 1])
    assert.match(
      doubted.doubts[0] ?? '',
      /^the adoption of .* by host alpha does not count: it was signed at .* by the key of alpha, which is under suspicion since/,
    )
  })
})
