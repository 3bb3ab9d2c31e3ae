import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseLsn } from '../../domain/wal.ts'
import { compareWithServer, createShipperLab, eventually } from '../support/wal-shipper-lab.ts'
import type { ShipperLab } from '../support/wal-shipper-lab.ts'

describe('WAL shipper killed with SIGKILL', function () {
  this.timeout(240_000)
  let lab: ShipperLab

  afterEach(async function () {
    if (this.currentTest?.state === 'failed') console.error(await lab.log())
    await lab.destroy()
  })

  it('loses nothing when it is killed again and again under writes: the stores hold every byte of pg_wal', async () => {
    // It is compared with all of it: half a gigabyte here, more where a shipper takes long to start.
    lab = await createShipperLab({ settings: { wal_keep_size: '4GB', max_wal_size: '8GB' } })
    await lab.start()
    await eventually('streaming', async () => (await lab.status()).state === 'streaming')
    const from = parseLsn((await lab.status()).stores[0]?.shippedLsn ?? '0/1000000')
    let writing = true
    const writer = (async () => {
      for (let id = 1; writing; id += 1)
        await lab.cluster.sql(`insert into marks(id, text) select ${id} * 10000 + i, repeat(md5(i::text), 30) from generate_series(1, 800) i`)
    })()
    for (let round = 0; round < 6; round += 1) {
      if (round % 2 === 0) await eventually('streaming', async () => (await lab.status()).state === 'streaming')
      await sleep(Math.random() * 1500)
      await lab.kill()
      await lab.start()
    }
    writing = false
    await writer
    await eventually('streaming again', async () => (await lab.status()).state === 'streaming')
    const until = parseLsn(await lab.flush({ stores: ['one', 'two'], timeoutSeconds: 120 }))
    assert.deepEqual(await lab.gaps(), [])
    const begun = from - (from % 16777216n)
    for (const store of [0, 1]) {
      const directory = join(lab.cluster.base, `fetched${store}`)
      const { files, endLsn } = await lab.fetch(store, directory, begun)
      assert.ok(files.length > 2, `only ${files.length} segments were written`)
      assert.ok(endLsn >= until)
      await compareWithServer(lab, directory, files, endLsn)
    }
  })
})
