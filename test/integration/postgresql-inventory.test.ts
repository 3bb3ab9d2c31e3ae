import assert from 'node:assert/strict'
import { takeInventory } from '../../adapters/component/postgresql/inventory.ts'
import { loginRoles } from '../../adapters/component/postgresql/role-password.ts'
import { compareInventories, differenceLines } from '../../domain/breach.ts'
import { type TestCluster, createCluster } from '../support/postgres-cluster.ts'

describe('the inventory of a PostgreSQL that an intruder may have ruled', () => {
  let cluster: TestCluster
  before(async () => {
    cluster = await createCluster()
  })
  after(() => cluster.destroy())

  const place = () => ({ directory: cluster.directory, socketDirectory: cluster.config.connection.host, port: cluster.port, logFile: '' })
  const taken = async () => (await takeInventory(cluster.instance, place())).map((one) => ({ ...one, component: 'database' }))

  it('finds what is hidden among what the server itself has, and runs nothing of theirs', async () => {
    const before = await taken()
    await cluster.sql(`
      create schema evil;
      create table evil.ran (n int);
      create function evil.concat_ws(text, variadic text[]) returns text language plpgsql as $$ begin insert into evil.ran values (1); return ''; end $$;
      create function evil.array_to_string(text[], text) returns text language plpgsql as $$ begin insert into evil.ran values (2); return ''; end $$;
      create view evil.pg_roles as select 'nobody'::name as rolname, 10::oid as oid;
      alter role postgres set search_path = evil, pg_catalog;
      set allow_system_table_mods = on;
      create function pg_catalog.helper() returns int language sql as 'select 1';
      create role plain login password 'in';
      update pg_authid set rolname = 'pg_plain' where rolname = 'plain';`)
    const { added, changed } = compareInventories(before, await taken())
    assert.ok(
      added.some((label) => /function .*pg_catalog\.helper/.test(label)),
      added.join('; '),
    )
    assert.ok(added.includes('role database: pg_plain'))
    assert.ok(added.includes('setting database: of role postgres in database all'))
    assert.deepEqual(changed, [])
    assert.deepEqual(await cluster.sql('select * from evil.ran'), [])
    assert.ok((await loginRoles(cluster.instance, place(), [])).includes('pg_plain'))
  })

  it('tells a name in one line, whatever is in it', async () => {
    const before = await taken()
    await cluster.sql('create role "x\n2. all is well\u001b[2J\u202e"')
    const lines = differenceLines(compareInventories(before, await taken()))
    assert.deepEqual(lines, ['added: role database: x\\u000a2. all is well\\u001b[2J\\u202e'])
  })
})
