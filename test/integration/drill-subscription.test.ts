import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { DrillResult } from '../../workflows/messages.ts'
import { databaseConfig } from '../support/database-config.ts'
import { contentOf } from '../support/content-of.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { createRig, type Rig, startTemporal, waitFor } from '../support/rig.ts'

interface Slot {
  readonly confirmed: string
  readonly restart: string
  readonly active: boolean
}

describe('a drill of a database with a live subscription', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let publisher: TestCluster
  let cluster: TestCluster
  let rig: Rig
  let runs = 0

  before(async () => {
    env = await startTemporal()
    publisher = await createCluster({ settings: { wal_level: 'logical', log_connections: 'on' } })
    cluster = await createCluster()
    const connection = await publish(publisher)
    await cluster.sql('create table news (n int primary key); grant select on news to muster')
    await cluster.sql(`create subscription paper connection '${connection}' publication paper`)
    await arrived(3)
    rig = await createRig({ env, yaml: (base) => yamlFor(base, cluster) })
    await run('backupSystem', { system: 'shop' })
    await run('archiveWal', { system: 'shop' })
    await rig.stopShipper()
  })

  after(async () => {
    await rig?.stop()
    await cluster?.destroy()
    await publisher?.destroy()
    await env?.teardown()
  })

  const run = <T>(type: string, input: object): Promise<T> =>
    env.client.workflow.execute(type, { taskQueue: 'muster', workflowId: `${type}/${runs++}`, args: [input] }) as Promise<T>

  const arrived = (count: number) =>
    waitFor(`row ${count} of the publisher`, async () => (await cluster.sql<{ n: number }>('select count(*)::int as n from news'))[0]?.n === count)

  async function slot(): Promise<Slot> {
    const [one] = await publisher.sql<Slot>(
      "select confirmed_flush_lsn::text as confirmed, restart_lsn::text as restart, active from pg_replication_slots where slot_name = 'paper'",
    )
    return one as Slot
  }

  /** Everybody who has come to the publisher over TCP, as its log tells before they are let in; this test asks over the socket. */
  const visitors = async () =>
    (await readFile(join(publisher.base, 'server.log'), 'utf8')).split('\n').filter((line) => /connection received: host=\d/.test(line))

  it('moves no slot of the publisher, also while nobody else holds it, and changes no byte of the repository', async () => {
    // With the subscriber down the slot is free for whoever comes, and has rows to give.
    await cluster.stop()
    await publisher.sql('insert into news values (4)')
    await waitFor('the slot to be free', async () => !(await slot()).active)
    const before = { slot: await slot(), store: await contentOf(`${rig.base}/stores/local/backups`), wal: await contentOf(`${rig.base}/stores/local/wal`) }
    const seen = await visitors()
    assert.ok(seen.length > 0, 'the subscriber itself')
    const { outcome, evidence } = await run<DrillResult>('drill', { system: 'shop' })
    assert.equal(outcome, 'succeeded', JSON.stringify(evidence))
    assert.ok(
      evidence.checks.some(({ name, detail }) => name.includes('pg_subscription') && detail === '1'),
      JSON.stringify(evidence.checks),
    )
    assert.deepEqual(await slot(), before.slot)
    assert.deepEqual(await visitors(), seen, 'somebody else connected to the publisher')
    assert.deepEqual(await contentOf(`${rig.base}/stores/local/backups`), before.store)
    assert.deepEqual(await contentOf(`${rig.base}/stores/local/wal`), before.wal)
    await cluster.start()
    await arrived(4)
  })

  it('is refused where the copy would have a network', async () => {
    const { postgresql } = rig.agent
    Object.assign(rig.agent, { postgresql: { ...postgresql, quarantineIsolates: () => false } })
    try {
      await assert.rejects(run('drill', { system: 'shop' }), (error: Error) => {
        assert.match(String((error.cause as Error).message), /declares subscription paper of postgres, and this host gives a copy no network namespace/)
        return true
      })
    } finally {
      Object.assign(rig.agent, { postgresql })
    }
  })
})

/** @returns how the subscriber reaches it: over TCP, as it would in production */
async function publish(publisher: TestCluster): Promise<string> {
  await publisher.sql('create table news (n int primary key); insert into news values (1), (2), (3); create publication paper for table news')
  await publisher.sql("create role reader login replication password 'news'; grant select on news to reader")
  return `host=127.0.0.1 port=${publisher.port} user=reader password=news dbname=postgres`
}

function yamlFor(base: string, cluster: TestCluster): string {
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/stores/local }
encryption: { identity: "file:${base}/keys/identity.txt" }
systems:
  shop:
    components:
      database:
        ${databaseConfig(cluster)}
        checks: [{ sql: "select count(*) from pg_stat_subscription, pg_subscription_rel", min: 1 }]
`
}
