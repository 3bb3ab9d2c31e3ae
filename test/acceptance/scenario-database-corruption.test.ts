import assert from 'node:assert/strict'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { failures } from '../../domain/failures.ts'
import { createScenarioRig, type ScenarioRig } from '../support/scenario-rig.ts'

/** The one check is what tells good from bad. */
const checks = '[{ sql: "select count(*) from orders", min: 1 }, { sql: "select count(*) from orders where amount < 0", max: 0 }]'

describe('scenario database-corruption: the last good point is found by the checks', function () {
  this.timeout(240_000)
  let shop: ScenarioRig
  let bad: string

  before(async () => {
    shop = await createScenarioRig(checks)
    await shop.cluster.sql('insert into orders select generate_series(1, 5)')
    await shop.muster.good('backup', 'shop')
  })
  after(async () => {
    await shop?.stop()
  })

  interface Tried {
    readonly at: string
    readonly holds: boolean
    readonly detail: string
  }

  it('goes back behind wrong rows: drills newest first, then in place to the last moment at which the checks hold', async () => {
    await shop.cluster.sql('insert into orders values (6)')
    const good = await shop.moment()
    await new Promise((resolve) => setTimeout(resolve, 1000))
    await shop.cluster.sql('update orders set amount = -1 where n < 4')
    bad = await shop.moment()
    await shop.cluster.sql('insert into orders values (7)')
    await shop.muster.good('archive-wal', 'shop')
    const { stdout } = await shop.muster.approved('bob', 0, 'scenario', 'database-corruption', 'shop', '--within', '1s', '--yes', '--json')
    const [found, restored] = JSON.parse(stdout).steps as [{ moment: { time: string }; tried: Tried[] }, { outcome: string }]
    assert.deepEqual([found.tried[0]?.holds, /3 is more than 0/.test(found.tried[0]?.detail ?? '')], [false, true], 'the newest is tried first')
    assert.ok(found.moment.time >= good && found.moment.time < bad, JSON.stringify({ good, bad, found }))
    assert.equal(restored.outcome, 'succeeded')
    assert.deepEqual(await shop.orders(), [1, 2, 3, 4, 5, 6])
    assert.deepEqual(await shop.cluster.sql('select count(*)::int as n from orders where amount < 0'), [{ n: 0 }])
  })

  it('passes over moments on the branch that this left, and goes back to none of them when told no', async () => {
    const { shown, exitCode } = await shop.muster.atTerminal(
      ['scenario', 'database-corruption', 'shop', '--at', bad],
      [
        [/start the search\? \[yes\/no\]/, 'yes'],
        [/✗ does not hold: .*lies on the branch that was left[\s\S]*✓ holds[\s\S]*go back to .*another moment to try\]/, 'no'],
      ],
    )
    assert.equal(exitCode, failures.Cancelled.exitCode, shown)
    assert.deepEqual(await shop.orders(), [1, 2, 3, 4, 5, 6])
  })

  it('keeps every commit where the disk is damaged: the newest moment holds, from the backup and the WAL', async () => {
    await shop.cluster.sql('insert into orders values (8)')
    await shop.muster.good('archive-wal', 'shop')
    await damage()
    await assert.rejects(shop.cluster.sql('select sum(amount) from orders'), /invalid page|checksum/)
    const { stdout } = await shop.muster.approved('bob', 0, 'scenario', 'database-corruption', 'shop', '--yes', '--json')
    const [found] = JSON.parse(stdout).steps as [{ moment: { kind: string } }]
    assert.deepEqual(found.moment, { kind: 'newest' })
    assert.deepEqual(await shop.orders(), [1, 2, 3, 4, 5, 6, 8])
  })

  it('changes nothing where no moment holds, and says how to look further', async () => {
    await shop.cluster.sql('insert into orders values (9)')
    await shop.muster.good('archive-wal', 'shop')
    const [text, mixed] = await Promise.all([
      shop.muster.run('scenario', 'database-corruption', 'shop', '--at', '2020-01-01 00:00', '--yes'),
      shop.muster.run('drill', 'shop', '--to', bad),
    ])
    assert.equal(mixed.exitCode, failures.InvalidInput.exitCode, mixed.stderr)
    assert.match(mixed.stderr, /a moment goes with a drill of kind pitr/)
    assert.equal(text.exitCode, failures.CheckFailed.exitCode, text.stderr)
    assert.match(
      text.stderr,
      /stopped at "find": no moment before it can be reached[\s\S]*then go on: muster scenario database-corruption shop .*--from find --yes/,
    )
    assert.deepEqual(await shop.orders(), [1, 2, 3, 4, 5, 6, 8, 9])
  })

  /** Overwrites the middle of the table's first page on disk, under the running server, and makes it read it again. */
  async function damage(): Promise<void> {
    await shop.cluster.sql('checkpoint')
    const [row] = await shop.cluster.sql<{ path: string }>("select pg_relation_filepath('orders') as path")
    await shop.cluster.stop()
    const file = await open(join(shop.cluster.directory, (row as { path: string }).path), 'r+')
    await file.write(Buffer.alloc(4000, 0x5a), 0, 4000, 4000)
    await file.close()
    await shop.cluster.start()
  }
})
