import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createSigningKey, createVerifier, loadSigner } from '../../adapters/crypto/signature.ts'
import type { Signer, Verifier } from '../../adapters/crypto/crypto.ts'
import type { Store } from '../../adapters/store/store.ts'
import type { AuditedRun } from '../../domain/audit.ts'
import { historyKey } from '../../domain/object-keys.ts'
import { auditNumbers, readAudit } from '../../repository/audit-chain.ts'
import { readPin } from '../../repository/audit-pin.ts'
import { type AuditWriter, openAuditWriter } from '../../repository/audit-writer.ts'
import { gzipObject, readGzipObject } from '../../repository/gzip-object.ts'
import { publishKit, readKit, readKitFiles } from '../../repository/replay-kits.ts'
import { sha256Hex } from '../../repository/signed-document.ts'
import { startS3Server } from '../support/s3-server.ts'
import { directoryStore, makeFolder, removeFolder, s3Store } from '../support/store-labs.ts'

interface Lab {
  readonly store: Store
  readonly stop: () => Promise<void>
}

/** The writer of a chain on stores of each kind; the bucket lists three keys a page, so that chains span several. */
function auditSuite(kind: string, openLab: () => Promise<Lab>): void {
  describe(`an audit chain in ${kind}`, function () {
    this.timeout(60_000)
    let lab: Lab
    let folder: string
    let other: Store
    let signer: Signer
    let verifier: Verifier

    before(async () => {
      lab = await openLab()
    })
    after(() => lab?.stop())

    beforeEach(async () => {
      folder = await makeFolder()
      await mkdir(join(folder, 'other'))
      other = directoryStore(join(folder, 'other'))
      await createSigningKey(join(folder, 'key'), 'test')
      signer = await loadSigner(join(folder, 'key'))
      verifier = createVerifier([{ publicKey: signer.publicKey, kinds: ['audit', 'kit', 'evidence'] }])
    })
    afterEach(() => removeFolder(folder))

    const open = (site: string, stores: readonly Store[], pin = 'pin'): Promise<AuditWriter> =>
      openAuditWriter(
        {
          places: stores.map((store) => ({ name: store.name, open: () => Promise.resolve(store) })),
          signer,
          verifier,
          organisation: 'Test',
          site,
          by: 'localhost',
          pinFile: join(folder, pin),
          now: () => new Date(),
          secondsEach: 20,
        },
        { stagingDirectory: join(folder, 'staging') },
      )
    const append = (writer: AuditWriter, runs: readonly AuditedRun[] = []) =>
      writer.append({ closedUntil: new Date().toISOString(), runs, routine: [], remarks: runs.length > 0 ? [] : ['nothing ran'] })
    const archived = async (writer: AuditWriter, runId: string): Promise<AuditedRun> => {
      const object = await gzipObject(join(folder, 'staging'), `{"events":[]}\n${runId}`, (sha256) =>
        historyKey('shop', '2026-11-21T02:00:00Z', 'drill', runId, sha256),
      )
      const { key, sizeBytes, sha256 } = object.reference
      await writer.each(async (store) => {
        await store.putFile(key, { path: object.path, sizeBytes, sha256 })
      })
      const times = { startedAt: '2026-11-21T01:00:00Z', closedAt: '2026-11-21T02:00:00Z' }
      const plain = { workflowId: 'drill/1', runId, procedure: 'drill', system: 'shop', ...times, status: 'completed', outcome: 'succeeded' }
      return { ...plain, evidence: null, history: { ...object.reference, events: 0 }, kit: null, sdk: null }
    }

    it('grows record by record, each naming the one before, over more records than a page of a listing has', async () => {
      const writer = await open('long', [lab.store])
      for (let n = 1; n <= 8; n++) assert.equal((await append(writer)).sequence, n)
      assert.deepEqual((await auditNumbers(lab.store)).get('long'), [1, 2, 3, 4, 5, 6, 7, 8])
      let previous = '0'.repeat(64)
      for (let n = 1; n <= 8; n++) {
        const { record, sha256, problem } = await readAudit(lab.store, verifier, 'long', n)
        assert.deepEqual([record?.previous, problem], [previous, null])
        previous = sha256
      }
      assert.equal((await readPin(join(folder, 'pin')))?.sha256, previous)
      assert.equal((await open('long', [lab.store])).head?.sequence, 8)
    })

    it('has one next record: of two writers one is told that it was not the first', async () => {
      const one = await open('race', [lab.store])
      const two = await open('race', [lab.store], 'pin-2')
      await append(one)
      await assert.rejects(append(two), { name: 'MusterError', type: 'RecordConflict' })
      assert.equal((await open('race', [lab.store], 'pin-2')).head?.sequence, 1)
    })

    it('is caught up in another store with everything that its records name', async () => {
      const writer = await open('debt', [lab.store])
      const first = await archived(writer, '11111111-aaaa')
      await append(writer, [first])
      await append(writer, [await archived(writer, '22222222-bbbb')])
      const both = await open('debt', [lab.store, other])
      assert.deepEqual(both.behind(), [])
      assert.deepEqual((await auditNumbers(other)).get('debt'), [1, 2])
      assert.ok(first.history)
      assert.match((await readGzipObject(other, first.history)).toString('utf8'), /11111111-aaaa$/)
    })

    it('leaves a store behind that has another chain, and says which record to remove', async () => {
      await append(await open('apart', [other], 'pin-2'))
      const writer = await open('apart', [lab.store])
      await append(writer)
      await append(writer)
      const both = await open('apart', [lab.store, other])
      assert.deepEqual(
        both.behind().map(({ store }) => store),
        ['local'],
      )
      assert.match(both.behind()[0]?.problem ?? '', /remove audit\/apart\/00000001\.json there/)
      assert.deepEqual(
        both.stores().map(({ name }) => name),
        [lab.store.name],
      )
      assert.equal((await append(both)).sequence, 3)
    })

    it('finds a history that was changed, and a kit of another code', async () => {
      const writer = await open('kits', [lab.store])
      const { history } = await archived(writer, '33333333-cccc')
      assert.ok(history)
      await lab.store.remove(history.key)
      await lab.store.putBytes(history.key, Buffer.from('something else'))
      await assert.rejects(readGzipObject(lab.store, history), { name: 'MusterError', type: 'ChecksumMismatch' })
      const content = Buffer.from(`code ${kind}`)
      const code = sha256Hex(content)
      const local = { code, muster: '0.1.0', node: '20.19.0', sdk: '1.24.0', files: [{ name: 'workflow-bundle.js' as const, content }] }
      const about = { host: 'localhost', machineId: '', muster: '0.1.0', tools: {} }
      for (let times = 0; times < 2; times++) await publishKit(lab.store, signer, local, about, join(folder, 'staging'))
      const kit = await readKit(lab.store, verifier, code)
      assert.deepEqual((await readKitFiles(lab.store, kit)).get('workflow-bundle.js'), content)
      const stolen = sha256Hex('another code')
      await lab.store.putBytes(`kits/${stolen}/kit.json`, await lab.store.readBytes(`kits/${code}/kit.json`))
      await assert.rejects(readKit(lab.store, verifier, stolen), { name: 'MusterError', type: 'ManifestInvalid' })
    })
  })
}

auditSuite('a folder', async () => {
  const folder = await makeFolder()
  await mkdir(join(folder, 'store'))
  const store = directoryStore(join(folder, 'store'))
  return { store: Object.assign(Object.create(store) as Store, { name: 'first' }), stop: () => removeFolder(folder) }
})

auditSuite('a bucket', async () => {
  const server = await startS3Server()
  await server.createBucket('muster')
  return { store: s3Store(server), stop: () => server.stop() }
})
