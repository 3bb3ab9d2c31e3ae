import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Signer } from '../../adapters/crypto/crypto.ts'
import { createSigningKey, createVerifier, loadSigner } from '../../adapters/crypto/signature.ts'
import type { Store } from '../../adapters/store/store.ts'
import { type Evidence, type EvidencedProcedure, evidenceWith } from '../../domain/evidence.ts'
import { evidenceKey } from '../../domain/object-keys.ts'
import { noCache } from '../../repository/document-cache.ts'
import { newestEvidence } from '../../repository/newest-evidence.ts'
import { signDocument } from '../../repository/signed-document.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'
import { directoryStore, makeFolder, removeFolder, s3Store } from '../support/store-labs.ts'

const now = new Date('2026-11-28T12:00:00Z')
const recoveries = [
  { procedures: ['restoreSystem', 'recoverToPointInTime'], most: 2 },
  { procedures: ['drill'], most: 3 },
] as const

describe('the newest evidence', function () {
  this.timeout(60_000)
  let folder: string
  let local: Store
  let offsite: Store
  let s3: S3Server
  let silent: Server
  let signer: Signer
  const callers = new Set<Socket>()

  before(async () => {
    s3 = await startS3Server()
    await s3.createBucket('muster')
    silent = createServer((socket) => void callers.add(socket))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  })
  after(async () => {
    for (const socket of callers) socket.destroy()
    silent.close()
    await s3.stop()
  })
  beforeEach(async () => {
    folder = await makeFolder()
    local = directoryStore(folder)
    offsite = s3Store(s3, s3.endpoint, { prefix: `prod-${Math.random()}` })
    await createSigningKey(join(folder, 'key'), 'test')
    signer = await loadSigner(join(folder, 'key'))
  })
  afterEach(() => removeFolder(folder))

  let runs = 0
  async function keep(procedure: EvidencedProcedure, declaredAt: string, ...stores: readonly Store[]): Promise<string> {
    const runId = `run-${String(runs++).padStart(8, '0')}`
    const times = { declaredAt, approvedAt: null, dataReadyAt: null, serviceVerifiedAt: null, dnsObservedAt: null, endedAt: declaredAt }
    const known = { system: 'shop', procedure, run: { workflowId: 'w', runId }, requestedBy: 'alice', outcome: 'succeeded', times } as const
    const key = evidenceKey('shop', declaredAt, procedure, runId)
    for (const store of stores) {
      await store.putBytes(key, signDocument(signer, 'evidence', evidenceWith(known)))
      await store.putBytes(key.replace(/json$/, 'html'), Buffer.from('sheet'))
    }
    return runId
  }

  const look = async (stores: readonly Store[], secondsEach = 20) => {
    const verifier = createVerifier([{ publicKey: signer.publicKey, kinds: ['evidence'] }])
    const places = stores.map((store) => ({ name: store.name, open: () => Promise.resolve(store) }))
    const { evidence, unread } = await newestEvidence({ places, verifier, cache: noCache, now, secondsEach }, 'shop', recoveries)
    return { found: evidence.map(({ run }: Evidence) => run.runId), unread }
  }

  it('of each kind that is asked for is found however many others came later, in whichever store it is', async () => {
    const old = await keep('restoreSystem', '2025-12-24T02:00:00.000Z', offsite)
    await keep('drill', '2026-09-01T04:00:00.000Z', local, offsite)
    const drills = [
      await keep('drill', '2026-10-01T04:00:00.000Z', local),
      await keep('drill', '2026-11-08T04:00:00.000Z', offsite),
      await keep('drill', '2026-11-22T04:00:00.000Z', local, offsite),
    ]
    for (const day of ['20', '21', '22']) await keep('backupSystem', `2026-11-${day}T02:00:00.000Z`, local, offsite)
    await keep('restoreSystem', '2024-01-01T02:00:00.000Z', local)
    assert.deepEqual(await look([local, offsite]), { found: [...drills.reverse(), old], unread: [] })
  })

  it('is read from the other store where one has a copy that cannot be believed, and left out where none can', async () => {
    const run = await keep('drill', '2026-11-22T04:00:00.000Z', local, offsite)
    const key = evidenceKey('shop', '2026-11-22T04:00:00.000Z', 'drill', run)
    const text = await readFile(join(folder, key), 'utf8')
    await rm(join(folder, key))
    await writeFile(join(folder, key), text.replace('alice', 'mallo'))
    assert.deepEqual(await look([local, offsite]), { found: [run], unread: [] })
    assert.deepEqual(await look([local]), { found: [], unread: [] })
  })

  it('is found without a store that takes the call and says nothing, which is named', async () => {
    const run = await keep('drill', '2026-11-22T04:00:00.000Z', local)
    const { port } = silent.address() as AddressInfo
    const hanging = s3Store(s3, `http://127.0.0.1:${port}`)
    assert.deepEqual(await look([hanging, local], 5), { found: [run], unread: [hanging.name] })
    assert.deepEqual(await look([hanging], 1), { found: [], unread: [hanging.name] })
  })
})
