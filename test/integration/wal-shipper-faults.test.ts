import assert from 'node:assert/strict'
import { readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseLsn } from '../../domain/wal.ts'
import { compareWithServer, createShipperLab, eventually } from '../support/wal-shipper-lab.ts'
import type { ShipperLab } from '../support/wal-shipper-lab.ts'

describe('WAL shipper under faults', function () {
  this.timeout(180_000)
  let lab: ShipperLab

  const begin = async (options: Parameters<typeof createShipperLab>[0] = {}) => {
    lab = await createShipperLab(options)
    await lab.start()
    await eventually('streaming', async () => (await lab.status()).state === 'streaming')
    return lab
  }
  const mark = (id: number, times = 1) =>
    lab.cluster.sql(`insert into marks(id, text) select ${id} * 10000 + i, repeat(md5(i::text), 30) from generate_series(1, ${times}) i`)
  const spool = () => join(lab.setup.stateDirectory, 'test.database', 'life1.tl1')

  afterEach(async function () {
    if (this.currentTest?.state === 'failed') console.error(await lab.log())
    await lab.destroy()
  })

  it('has no gap when the spool is lost: the anchor slot still holds what the stores do not', async () => {
    await begin()
    await mark(1)
    await lab.flush({ stores: ['one', 'two'] })
    await lab.setOut(0, true)
    await lab.setOut(1, true)
    for (let id = 2; id < 5; id += 1) {
      await mark(id)
      await lab.cluster.sql('select pg_switch_wal()')
    }
    await eventually('received', async () => (await readdir(spool())).filter((name) => !name.includes('.')).length >= 3)
    await lab.kill()
    await rm(join(lab.setup.stateDirectory, 'test.database'), { recursive: true })
    await lab.cluster.sql('checkpoint; select pg_switch_wal(); checkpoint')
    await lab.setOut(0, false)
    await lab.setOut(1, false)
    await lab.start()
    await eventually('streaming', async () => (await lab.status()).state === 'streaming')
    const until = parseLsn(await lab.flush({ stores: ['one', 'two'] }))
    assert.deepEqual(await lab.gaps(), [])
    const { files, endLsn } = await lab.fetch(0, join(lab.cluster.base, 'fetched'), parseLsn('0/1000000'))
    assert.ok(files.length >= 4)
    assert.ok(endLsn >= until)
  })

  it('reports the gap when a slot was lost, and never streams on silently', async () => {
    await begin({ settings: { max_slot_wal_keep_size: '32MB', max_wal_size: '64MB', min_wal_size: '32MB' } })
    await mark(1)
    const before = parseLsn(await lab.flush({ stores: ['one', 'two'] }))
    await lab.stop()
    await rm(spool(), { recursive: true })
    for (let id = 2; id < 9; id += 1) {
      await mark(id)
      await lab.cluster.sql('select pg_switch_wal()')
    }
    await lab.cluster.sql('checkpoint')
    assert.ok((await lab.cluster.sql<{ wal_status: string }>('select wal_status from pg_replication_slots')).every((slot) => slot.wal_status === 'lost'))
    await lab.start()
    await eventually('the gap is recorded', async () => (await lab.gaps()).length > 0)
    await eventually('streaming', async () => (await lab.status()).state === 'streaming')
    const [gap, ...more] = await lab.gaps()
    assert.deepEqual(more, [])
    assert.ok(parseLsn(gap?.afterLsn as string) >= before)
    assert.ok(parseLsn(gap?.beforeLsn as string) > parseLsn(gap?.afterLsn as string))
    await lab.flush({ stores: ['one', 'two'] })
    assert.ok(parseLsn((await lab.status()).stores[0]?.shippedLsn as string) > parseLsn(gap?.beforeLsn as string))
    assert.equal((await lab.status()).lastGap?.afterLsn, gap?.afterLsn)
    const { endLsn } = await lab.fetch(0, join(lab.cluster.base, 'fetched'), before)
    assert.ok(endLsn <= parseLsn(gap?.beforeLsn as string), 'the gap is bridged by nothing')
  })

  it('kills a receiver that is stopped and goes on without a gap', async () => {
    await begin()
    await mark(1)
    await lab.flush()
    let stopped = 0
    await eventually('a receiver', async () => (stopped = (await lab.status()).receiverPid ?? 0) > 0)
    process.kill(stopped, 'SIGSTOP')
    await eventually('another receiver', async () => {
      const { receiverPid } = await lab.status()
      return receiverPid !== null && receiverPid !== stopped
    })
    await mark(2)
    await lab.flush({ stores: ['one', 'two'] })
    assert.deepEqual(await lab.gaps(), [])
  })

  it('mends a partial that a crash left too short, and survives restarts of the server', async () => {
    await begin()
    await mark(1)
    await lab.flush()
    await lab.kill()
    await lab.cluster.kill()
    const partial = (await readdir(spool())).find((name) => name.endsWith('.partial')) as string
    await truncate(join(spool(), partial), 5_000_000)
    await lab.start()
    await eventually('down', async () => (await lab.status()).state === 'down')
    await lab.cluster.start()
    await eventually('streaming', async () => (await lab.status()).state === 'streaming')
    await mark(2)
    const until = parseLsn(await lab.flush({ stores: ['one', 'two'] }))
    const { files, endLsn } = await lab.fetch(0, join(lab.cluster.base, 'fetched'), parseLsn('0/1000000'))
    assert.ok(endLsn >= until)
    await compareWithServer(lab, join(lab.cluster.base, 'fetched'), files, endLsn)
  })

  it('stops receiving to protect the database when disk and stores are out, and reports the gap', async () => {
    await begin({ reserveBytes: Number.MAX_SAFE_INTEGER })
    await mark(1)
    await lab.flush({ stores: ['one', 'two'] })
    await lab.setOut(0, true)
    await lab.setOut(1, true)
    await mark(2)
    await eventually('protecting', async () => (await lab.status()).state === 'protecting-database')
    await eventually('no slot holds WAL', async () => (await lab.cluster.sql('select 1 from pg_replication_slots')).length === 0)
    await lab.cluster.sql('select pg_switch_wal()')
    await mark(3)
    await lab.cluster.sql('checkpoint; select pg_switch_wal(); checkpoint')
    await lab.setOut(0, false)
    await lab.setOut(1, false)
    await eventually('streaming', async () => (await lab.status()).state === 'streaming', 90)
    await lab.flush({ stores: ['one', 'two'] })
    const gaps = await lab.gaps()
    assert.equal(gaps[0]?.beforeLsn, null)
    assert.notEqual(gaps.at(-1)?.beforeLsn, null)
    assert.equal(gaps.at(-1)?.afterLsn, gaps[0]?.afterLsn)
  })

  it('names key and store of an object that was changed or is missing', async () => {
    await begin()
    await mark(1)
    await lab.flush({ stores: ['one', 'two'] })
    await lab.stop()
    const root = lab.setup.stores[0]?.directory as string
    const objects = (await readdir(root, { recursive: true })).filter((name) => name.endsWith('.zst.age'))
    for (const object of objects) await writeFile(join(root, object), 'x', { flag: 'a' })
    await assert.rejects(lab.fetch(0, join(lab.cluster.base, 'fetched'), parseLsn('0/1000000')), {
      type: 'ChecksumMismatch',
      message: /wal\/test\/database\/life1\/objects\/.* in one/,
    })
    for (const object of objects) await rm(join(root, object))
    await assert.rejects(lab.fetch(0, join(lab.cluster.base, 'fetched'), parseLsn('0/1000000')), {
      type: 'ObjectMissing',
    })
    assert.deepEqual(
      (await readdir(join(lab.cluster.base, 'fetched'))).filter((name) => !name.startsWith('.')),
      [],
    )
  })
})
