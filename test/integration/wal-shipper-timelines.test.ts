import assert from 'node:assert/strict'
import { cp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatLsn, parseLsn, parseTimelineHistory, segmentStart } from '../../domain/wal.ts'
import { replayableUntil } from '../../domain/wal-shipments.ts'
import { listShipments, readWalIndex } from '../../repository/wal-fetch.ts'
import type { Store } from '../../adapters/store/store.ts'
import { openWalSource } from '../../adapters/component/postgresql/live-wal-source.ts'
import { compareWithServer, createShipperLab, eventually, segmentSizeBytes } from '../support/wal-shipper-lab.ts'
import { giveToCluster } from '../support/postgres-cluster.ts'
import type { ShipperLab } from '../support/wal-shipper-lab.ts'

describe('WAL shipper across timelines', function () {
  this.timeout(120_000)
  let lab: ShipperLab

  beforeEach(async () => {
    lab = await createShipperLab({ settings: { restore_command: 'false' } })
    await lab.start()
    await eventually('streaming', async () => (await lab.status()).state === 'streaming')
  })
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') console.error(await lab.log())
    await lab.destroy()
  })

  /** The server recovers to the end of its WAL and is promoted. */
  const newTimeline = async () => {
    await lab.cluster.stop()
    await writeFile(join(lab.cluster.directory, 'recovery.signal'), '')
    await giveToCluster(join(lab.cluster.directory, 'recovery.signal'))
    await lab.cluster.start()
    await eventually('promoted', async () => (await lab.cluster.sql<{ r: boolean }>('select pg_is_in_recovery() r'))[0]?.r === false)
  }

  it('begins a new incarnation at its fork, ships what is left of the old one, and its history file last', async () => {
    await lab.cluster.sql('insert into marks(id) values (1)')
    // A receiver that was started is not connected yet, and a server that stops waits only for one that is.
    const received = 'select exists (select from pg_stat_replication where flush_lsn >= pg_current_wal_lsn()) as is'
    await eventually('the spool has it', async () => (await lab.cluster.sql<{ is: boolean }>(received))[0]?.is === true)
    await newTimeline()
    await eventually('the new incarnation', async () => (await lab.status()).incarnation === 'life2' && (await lab.status()).state === 'streaming')
    await lab.cluster.sql('insert into marks(id) values (2)')
    await lab.flush({ stores: ['one', 'two'] })
    const facts = await (await openWalSource(lab.cluster.instance, null)).identify()
    assert.equal(facts.timelineId, 2)
    const fork = parseTimelineHistory(facts.history as string)[0]?.forkLsn as bigint
    await eventually('the old spool is drained', async () => (await lab.status()).spoolsAside === 0)
    // A flush waits for bytes; the history follows them.
    for (const store of lab.stores) {
      await eventually('its history file', async () => (await listShipments(store, 'test', 'database', 'life2')).some(({ kind }) => kind === 'history'))
    }
    for (const store of lab.stores) {
      const old = await listShipments(store, 'test', 'database', 'life1')
      assert.ok(replayableUntil(old, parseLsn('0/1000000')) >= fork, 'the old incarnation is not whole up to the fork')
      await historyIsLast(store)
    }
    const { files, endLsn } = await lab.fetch(0, join(lab.cluster.base, 'fetched'), segmentStart(fork, segmentSizeBytes), 'life2', 2)
    assert.ok(files.includes('00000002.history'))
    await compareWithServer(
      lab,
      join(lab.cluster.base, 'fetched'),
      files.filter((name) => !name.includes('.')),
      endLsn,
    )
  })

  const historyIsLast = async (store: Store) => {
    const { verifier } = await lab.parts(0)
    const names = await listShipments(store, 'test', 'database', 'life2')
    const times = new Map<string, string[]>()
    for (const name of names) {
      const { shippedAt } = await readWalIndex({ store, verifier }, { system: 'test', component: 'database', incarnation: 'life2' }, name)
      times.set(name.kind === 'history' ? 'history' : 'bytes', [...(times.get(name.kind === 'history' ? 'history' : 'bytes') ?? []), shippedAt].sort())
    }
    assert.equal(times.get('history')?.length, 1)
    assert.ok((times.get('bytes')?.[0] as string) <= (times.get('history')?.[0] as string), 'the history file came before the first bytes')
  }

  it('stops when it is paused, stays paused when it is killed, and goes on at another socket with another incarnation', async () => {
    await lab.cluster.sql('insert into marks(id) values (1)')
    await lab.flush({ stores: ['one', 'two'] })
    assert.equal((await lab.pause()).state, 'paused')
    await lab.kill()
    await lab.start()
    await eventually('paused', async () => (await lab.status()).state === 'paused')
    assert.equal((await lab.status()).receiverPid, null)
    await newTimeline()
    const facts = await (await openWalSource(lab.cluster.instance, null)).identify()
    const fork = parseTimelineHistory(facts.history as string)[0]?.forkLsn as bigint
    const newIncarnation = {
      component: 'database',
      incarnation: 'restored',
      systemIdentifier: facts.systemIdentifier,
      timelineId: 2,
      parent: 'life1',
      forkLsn: `0/${fork.toString(16).toUpperCase()}`,
      forkAt: null,
      host: 'localhost',
      registeredAt: new Date().toISOString(),
    }
    const { host, port } = lab.cluster.config.connection
    await lab.resume({ newIncarnation, connection: { socketDirectory: host, port } })
    await eventually('streaming', async () => (await lab.status()).state === 'streaming')
    await lab.flush({ stores: ['one', 'two'] })
    const status = await lab.status()
    assert.equal(status.incarnation, 'restored')
    assert.deepEqual(await lab.gaps(), [])
    assert.ok(replayableUntil(await listShipments(lab.stores[0] as Store, 'test', 'database', 'restored'), fork) > fork)
  })

  it('lets an old life go on under another name, whose file of the segment they share is not undone by the older one', async () => {
    await lab.cluster.sql('insert into marks(id) values (1)')
    await lab.flush({ stores: ['one', 'two'] })
    await lab.pause()
    const facts = await (await openWalSource(lab.cluster.instance, null)).identify()
    const from = segmentStart(facts.currentLsn, segmentSizeBytes)
    const newIncarnation = {
      component: 'database',
      incarnation: 'goes-on',
      systemIdentifier: facts.systemIdentifier,
      timelineId: 1,
      parent: 'life1',
      forkLsn: formatLsn(facts.currentLsn),
      forkAt: null,
      host: 'localhost',
      registeredAt: new Date().toISOString(),
    }
    await lab.resume({ newIncarnation })
    await eventually('streaming', async () => (await lab.status()).incarnation === 'goes-on' && (await lab.status()).state === 'streaming')
    await lab.cluster.sql('insert into marks(id) values (2)')
    await lab.flush({ stores: ['one', 'two'] })
    const directory = join(lab.cluster.base, 'fetched')
    const { files, endLsn } = await lab.fetch(0, directory, from, 'goes-on')
    await lab.fetch(0, directory, from, 'life1')
    await compareWithServer(lab, directory, files, endLsn)
  })

  it('does not ship a server that was set back without a new timeline', async () => {
    await lab.cluster.stop()
    await cp(lab.cluster.directory, join(lab.cluster.base, 'copy'), { recursive: true, preserveTimestamps: true })
    await lab.cluster.start()
    await eventually('streaming', async () => (await lab.status()).state === 'streaming')
    await lab.cluster.sql('insert into marks(id) select generate_series(1, 5000)')
    const until = parseLsn(await lab.flush({ stores: ['one', 'two'] }))
    await lab.cluster.stop()
    await rm(lab.cluster.directory, { recursive: true })
    await rename(join(lab.cluster.base, 'copy'), lab.cluster.directory)
    for (const name of ['', ...(await readdir(lab.cluster.directory, { recursive: true }))]) await giveToCluster(join(lab.cluster.directory, name))
    await lab.cluster.start()
    await eventually('refused', async () => /without a new timeline/.test((await lab.status()).problem ?? ''))
    assert.equal((await lab.status()).state, 'down')
    const names = await listShipments(lab.stores[0] as Store, 'test', 'database', 'life1')
    assert.ok(replayableUntil(names, parseLsn('0/1000000')) >= until)
    await assert.rejects(lab.flush({ timeoutSeconds: 1, tick: false, untilLsn: 'F/0' }), /without a new timeline/)
  })
})
