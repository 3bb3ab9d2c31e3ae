import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { decompressToFile } from '../../adapters/component/postgresql/wal-compression.ts'
import { createAgeDecryption, createAgeEncryption } from '../../adapters/crypto/age.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import { guardStream } from '../../adapters/store/guarded-stream.ts'
import type { Store } from '../../adapters/store/store.ts'
import { MusterError } from '../../domain/failures.ts'
import { planFetch } from '../../domain/wal-shipments.ts'
import { openObject } from '../../repository/read-backup.ts'
import { fetchWal, listShipments } from '../../repository/wal-fetch.ts'
import { createFolderStore } from '../support/folder-store.ts'
import { createShipperLab, eventually, segmentSizeBytes, type ShipperLab } from '../support/wal-shipper-lab.ts'

/** What nobody waits for any more ends the process of a worker, and with it every other step there. */
describe('fetching that is cancelled while the store opens an object', function () {
  this.timeout(90_000)
  let folder: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-fetch-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  /** Cancels at that moment, before anything reads from the object. */
  function cancelling(store: Store, stop: AbortController): Store {
    return {
      ...store,
      async read(key, options) {
        const stream = await store.read(key)
        stop.abort()
        return guardStream(stream, (error) => new MusterError('MusterBug', String(error)), `reading ${key}`, options?.signal)
      },
    }
  }

  async function leavingNothing(work: () => Promise<unknown>): Promise<void> {
    const unheard: unknown[] = []
    const hear = (error: unknown) => unheard.push(error)
    const others = new Map(
      (['unhandledRejection', 'uncaughtException'] as const).map((event) => [event, process.listeners(event as 'uncaughtException')] as const),
    )
    for (const event of others.keys()) process.removeAllListeners(event).on(event, hear)
    try {
      await assert.rejects(work(), { type: 'Cancelled' })
      for (let turns = 0; turns < 20; turns++) await turn()
    } finally {
      for (const [event, listeners] of others) {
        process.removeAllListeners(event)
        for (const listener of listeners) process.on(event, listener as () => void)
      }
    }
    assert.deepEqual(unheard, [])
  }

  it('ends as cancelled and leaves nothing behind: of WAL', async () => {
    let lab: ShipperLab | null = null
    try {
      lab = await createShipperLab()
      const { status } = lab
      await lab.start()
      await eventually('streaming', async () => (await status()).state === 'streaming', 60)
      await lab.cluster.sql('create table one as select generate_series(1, 1000)')
      await lab.flush()
      const parts = await lab.parts(0)
      const place = { system: 'test', component: 'database', incarnation: 'life1' }
      const names = await listShipments(parts.store, place.system, place.component, place.incarnation)
      const fromLsn = names.map(({ startLsn }) => startLsn).sort((a, b) => (a < b ? -1 : 1))[0] ?? assert.fail('nothing was shipped')
      const plan = planFetch(names, { timelineId: 1, fromLsn, segmentSizeBytes })
      const stop = new AbortController()
      const to = join(folder, 'wal')
      await leavingNothing(() => fetchWal({ ...parts, store: cancelling(parts.store, stop) }, place, plan, to, { signal: stop.signal }))
      assert.deepEqual(await readdir(to), [])
    } finally {
      await lab?.destroy()
    }
  })

  it('ends as cancelled and leaves nothing behind: of a backup', async () => {
    const identity = join(folder, 'identity.txt')
    await runTool('age-keygen', ['-o', identity])
    const recipient = (await runTool('age-keygen', ['-y', identity])).stdout.trim()
    await mkdir(join(folder, 'store'))
    const path = join(folder, 'object.age')
    const source = new PassThrough().end('all of it')
    const { sizeBytes, sha256, plainSizeBytes, plainSha256 } = await createAgeEncryption([recipient]).encryptToFile(source, path)
    const store = createFolderStore('local', join(folder, 'store'))
    await store.putFile('backups/object.age', { path, sizeBytes, sha256 })
    const stop = new AbortController()
    const object = { key: 'backups/object.age', sizeBytes, sha256, plainSizeBytes, plainSha256 }
    await leavingNothing(async () => {
      const { plain, done } = openObject(cancelling(store, stop), createAgeDecryption(identity), object, { signal: stop.signal })
      plain.on('error', () => {})
      await done
    })
  })

  it('closes what feeds a decompression that cannot begin', async () => {
    const source = new PassThrough()
    await assert.rejects(decompressToFile(source, join(folder, 'absent', 'file')), { type: 'PreconditionFailed' })
    assert.ok(source.destroyed)
  })
})
