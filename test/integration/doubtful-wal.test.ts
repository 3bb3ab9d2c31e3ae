import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Signer } from '../../adapters/crypto/crypto.ts'
import { createSigningKey, createVerifier, loadSigner } from '../../adapters/crypto/signature.ts'
import { createDirectoryStore } from '../../adapters/store/directory.ts'
import type { Store } from '../../adapters/store/store.ts'
import { foldRecords } from '../../domain/control-state.ts'
import { type WalShipmentName, walIndexKey } from '../../domain/object-keys.ts'
import type { ControlRecord, PostgresqlManifest, Suspicion, WalIndex } from '../../domain/repository-format.ts'
import { formatLsn } from '../../domain/wal.ts'
import { createDocumentCache } from '../../repository/document-cache.ts'
import { believedShipments } from '../../repository/doubtful-wal.ts'
import { chooseRecovery, type Repository } from '../../repository/recovery-choice.ts'
import { openDocument, signDocument } from '../../repository/signed-document.ts'
import { listShipments } from '../../repository/wal-publish.ts'
import { directoryConfig, makeFolder, removeFolder } from '../support/store-labs.ts'

const place = { system: 'shop', component: 'database', incarnation: 'a1b2c3d4e5f6' }
const segment = '000000010000000000000003'

describe('WAL that a host under suspicion shipped after the moment', () => {
  let folder: string
  let store: Store
  let keys: { readonly alpha: Signer; readonly beta: Signer }
  let suspicion: Suspicion
  const verifier = () => createVerifier(Object.entries(keys).map(([name, { publicKey }]) => ({ publicKey, name, kinds: ['wal'] as const })))
  const deps = () => ({ verifier: verifier(), cache: createDocumentCache(join(folder, 'cache')), suspicions: [suspicion] })

  const ship = async (by: Signer, startLsn: bigint, endLsn: bigint, lastCommitAt: string) => {
    const name: WalShipmentName = { segment, kind: 'partial', startLsn, endLsn, nonce: '0a0b0c0d' }
    const index = { format: 'muster-wal-1', ...place, lastCommitAt, lastCommitLsn: formatLsn(endLsn - 0x10n) }
    await store.putBytes(walIndexKey(place.system, place.component, place.incarnation, name), signDocument(by, 'wal', index))
  }

  before(async () => {
    folder = await makeFolder()
    await mkdir(join(folder, 'store'))
    store = createDirectoryStore('nas', directoryConfig(join(folder, 'store')))
    for (const name of ['alpha', 'beta']) await createSigningKey(join(folder, name), name)
    keys = { alpha: await loadSigner(join(folder, 'alpha')), beta: await loadSigner(join(folder, 'beta')) }
    await ship(keys.alpha, 0x3000000n, 0x3000100n, '2026-11-21T02:10:00.000Z')
    await sleep(20)
    const since = new Date().toISOString()
    await sleep(20)
    // Theirs begins where the honest one begins, says more, and says that it was before.
    await ship(keys.alpha, 0x3000000n, 0x3000900n, '2026-11-21T02:13:00.000Z')
    suspicion = { run: 'target/shop:1', since, hosts: ['alpha'], notedAt: new Date().toISOString() }
  })
  after(() => removeFolder(folder))

  const shipped = () => listShipments(store, place.system, place.component, place.incarnation)
  const ends = (names: readonly WalShipmentName[]) => names.map(({ endLsn }) => formatLsn(endLsn)).sort()

  it('counts for no moment before it; what the store had by then does, and what another host signed', async () => {
    assert.deepEqual(ends(await believedShipments(deps(), store, place, await shipped())), ['0/3000100'])
    await ship(keys.beta, 0x3000100n, 0x3000200n, '2026-11-21T02:12:00.000Z')
    assert.deepEqual(ends(await believedShipments(deps(), store, place, await shipped())), ['0/3000100', '0/3000200'])
  })

  it('is not replayed towards such a moment: what is believed ends before it', async () => {
    const all = await shipped()
    const facts = { incarnation: place.incarnation, startLsn: '0/2000000', endLsn: '0/3000000' }
    const base = { backup: 'b1', component: 'database', type: 'postgresql', endedAt: '2026-11-21T02:00:09.000Z', postgresql: facts }
    const repository: Repository = {
      store,
      manifests: [base as unknown as PostgresqlManifest],
      shipments: new Map([[place.incarnation, all]]),
      read: async (incarnation, name) => {
        const key = walIndexKey(place.system, place.component, incarnation, name)
        return openDocument<WalIndex>(verifier(), 'wal', await store.readBytes(key, 100_000), key).value
      },
      believed: { before: suspicion.since, shipments: new Map([[place.incarnation, await believedShipments(deps(), store, place, all)]]) },
    }
    const life = { kind: 'incarnation', component: 'database', incarnation: place.incarnation, timelineId: 1, parent: null, forkLsn: null }
    const state = foldRecords([{ by: 'alpha', at: '2026-11-01T00:00:00.000Z', body: life } as unknown as ControlRecord])
    const asked = { incarnation: null, pinnedBackup: null }
    const choice = await chooseRecovery(repository, state, 'database', { kind: 'time', time: '2026-11-21T02:13:59.999000Z' }, asked)
    assert.deepEqual(choice.target, { kind: 'lsn', lsn: '0/30001F0', inclusive: true }, 'the last commit that counts comes back too')
    assert.equal(choice.newestLsn, '0/30001F0')
    assert.equal(choice.newestAt, '2026-11-21T02:12:00.000Z')
    const newest = await chooseRecovery(repository, state, 'database', { kind: 'latest' }, asked)
    assert.equal(newest.newestAt, '2026-11-21T02:13:00.000Z', 'to compare with, theirs is looked at')
  })
})
