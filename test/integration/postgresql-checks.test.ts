import assert from 'node:assert/strict'
import { runChecks } from '../../adapters/component/postgresql/checks.ts'
import type { SqlCheck } from '../../domain/config.ts'
import type { CheckResult } from '../../domain/repository-format.ts'
import { type TestCluster, createCluster } from '../support/postgres-cluster.ts'

describe('the checks of a PostgreSQL component', () => {
  const now = new Date('2026-11-21T12:00:00Z')
  let cluster: TestCluster
  before(async () => {
    cluster = await createCluster()
    await cluster.sql("create table orders (n int, name text); insert into orders values (1, 'Rex'), (2, 'Fido'); grant all on orders to muster")
  })
  after(() => cluster.destroy())

  async function result(check: SqlCheck): Promise<CheckResult> {
    const [only] = await runChecks(cluster.instance, null, [check], { now })
    return only as CheckResult
  }

  it('compare a number with its bounds', async () => {
    assert.deepEqual(await result({ sql: 'select count(*)\n from orders', min: 2, max: 2 }), {
      name: 'select count(*) from orders',
      value: 2,
      ok: true,
      detail: '2',
    })
    assert.equal((await result({ sql: 'select 1.5::numeric', min: 2 })).ok, false)
    assert.equal((await result({ sql: 'select 3::bigint;', max: 2 })).detail, '3 is more than 2')
    assert.equal((await result({ sql: 'select true', min: 1 })).ok, true)
  })

  it('compare a time with the moment of the recovery, whatever its zone', async () => {
    const age = (sql: string) => result({ sql, maxAgeSeconds: 3600 })
    assert.deepEqual([(await age("select timestamptz '2026-11-21 13:30+02'")).ok, (await age("select timestamptz '2026-11-21 10:59Z'")).ok], [true, false])
    assert.equal((await age("select timestamp '2026-11-21 11:30'")).value, '2026-11-21T11:30:00.000Z')
    assert.equal((await age("select 'infinity'::timestamptz")).ok, false)
    assert.equal((await age('select 5')).ok, false)
  })

  it('fail where there is no row, no value, or text, and show none of the text', async () => {
    assert.equal((await result({ sql: 'select n from orders where n > 9' })).detail, 'no row')
    assert.equal((await result({ sql: 'select null::int' })).ok, false)
    const text = await result({ sql: 'select name from orders order by n' })
    assert.deepEqual([text.ok, text.value], [false, null])
    const quoting = await result({ sql: 'select max(name)::int from orders' })
    assert.equal(quoting.ok, false)
    assert.doesNotMatch(JSON.stringify([text, quoting]).replaceAll('max(name)', ''), /Rex|Fido/)
  })

  it('cannot change anything, nor be more than one statement', async () => {
    for (const sql of [
      'delete from orders',
      'select 1; delete from orders',
      'commit; delete from orders',
      'with d as (delete from orders returning n) select n from d',
      "select 1 from pg_create_physical_replication_slot('stolen', true) where false; commit",
      'drop table orders',
    ]) {
      assert.equal((await result({ sql })).ok, false, sql)
    }
    const [row] = await cluster.sql<{ count: string }>('select count(*) from orders')
    assert.equal(row?.count, '2')
  })

  it('name what is wrong with the query', async () => {
    assert.match((await result({ sql: 'select n from ordrs' })).detail, /"ordrs" does not exist/)
  })

  it('are no result when the server cannot be reached', async () => {
    await cluster.stop()
    await assert.rejects(result({ sql: 'select 1' }), { type: 'DatabaseDown' })
  })
})
