import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { shipperRequest } from '../../adapters/component/postgresql/shipper-client.ts'
import { parseLsn, segmentStart } from '../../domain/wal.ts'
import { compareWithServer, createShipperLab, eventually, segmentSizeBytes } from '../support/wal-shipper-lab.ts'
import type { ShipperLab } from '../support/wal-shipper-lab.ts'

describe('WAL shipper', function () {
  this.timeout(120_000)
  let lab: ShipperLab

  beforeEach(async () => {
    lab = await createShipperLab()
  })
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') console.error(await lab.log())
    await lab.destroy()
  })

  it('ships the partial segment every second, and what is fetched is identical with pg_wal', async () => {
    await lab.start()
    await eventually('streaming', async () => (await lab.status()).state === 'streaming')
    for (let id = 1; id <= 3; id += 1) {
      await lab.cluster.sql(`insert into marks(id, text) values (${id}, repeat('x', 1000))`)
      await lab.flush({ stores: ['one', 'two'] })
    }
    await lab.cluster.sql('select pg_switch_wal()')
    await lab.cluster.sql('insert into marks(id, text) select i, repeat(md5(i::text), 20) from generate_series(10, 3000) i')
    const until = parseLsn(await lab.flush({ stores: ['one', 'two'] }))
    const status = await lab.status()
    assert.equal(
      status.stores.every((store) => store.problem === null),
      true,
    )
    assert.ok(status.stores.every((store) => store.lastCommitAt !== null))
    const start = parseLsn(status.stores[0]?.shippedLsn as string)
    assert.ok(start >= until)
    for (const store of [0, 1]) {
      const directory = join(lab.cluster.base, `fetched${store}`)
      const { files, endLsn } = await lab.fetch(store, directory, segmentStart(until, segmentSizeBytes) - BigInt(segmentSizeBytes))
      assert.ok(endLsn >= until)
      assert.equal(files.length, 2)
      await compareWithServer(lab, directory, files, endLsn)
    }
  })

  it('goes on into one store while the other is out, and brings that one up to date when it is back', async () => {
    await lab.setOut(1, true)
    await lab.start()
    await eventually('streaming', async () => (await lab.status()).state === 'streaming')
    for (let id = 1; id <= 4; id += 1) {
      await lab.cluster.sql(`insert into marks(id) values (${id}); select pg_switch_wal()`)
      await lab.flush()
    }
    const out = (await lab.status()).stores[1]
    assert.match(out?.problem ?? '', /the store two is out/)
    assert.equal(out?.shippedLsn, null)
    await lab.setOut(1, false)
    await eventually('store two has everything', async () => {
      const until = await lab.flush({ stores: ['one', 'two'] })
      return parseLsn((await lab.status()).stores[1]?.shippedLsn ?? '0/0') >= parseLsn(until)
    })
    const { files, endLsn } = await lab.fetch(1, join(lab.cluster.base, 'fetched'), parseLsn('0/1000000'))
    await compareWithServer(lab, join(lab.cluster.base, 'fetched'), files, endLsn)
  })

  it('keeps an idle database recoverable to now by a tick, and a busy one gets none', async () => {
    await lab.start()
    await eventually('streaming', async () => (await lab.status()).state === 'streaming')
    await lab.flush({ stores: ['one', 'two'] })
    const before = (await lab.status()).stores[0]?.lastCommitAt as string
    await eventually('a newer commit is shipped', async () => ((await lab.status()).stores[0]?.lastCommitAt ?? '') > before)
    await eventually('it lags by less than four seconds', async () => ((await lab.status()).stores[0]?.lagSeconds ?? Number.POSITIVE_INFINITY) < 4)
  })

  it('answers foolish questions with what is wrong, and goes on', async () => {
    await lab.start()
    await eventually('streaming', async () => (await lab.status()).state === 'streaming')
    const garbage = connect(lab.setup.socketPath)
    garbage.end('NOT HTTP AT ALL\r\n\r\n\0\0')
    await once(garbage, 'close')
    await assert.rejects(lab.flush({ untilLsn: 'yesterday' }), { type: 'InvalidInput' })
    await assert.rejects(lab.flush({ stores: ['three'] }), { type: 'InvalidInput' })
    await assert.rejects(lab.flush({ untilLsn: 'F/0', timeoutSeconds: 1 }), { type: 'Timeout' })
    await assert.rejects(shipperRequest(lab.setup.socketPath, 'pause', { system: 'no', component: 'such', reason: 'x' }), { type: 'UnknownName' })
    await assert.rejects(shipperRequest(`${lab.setup.socketPath}.none`, 'status', undefined), { type: 'Unreachable' })
    // A receiver that stood still on a busy machine is started again.
    await eventually('streaming', async () => (await lab.status()).state === 'streaming')
  })
})
