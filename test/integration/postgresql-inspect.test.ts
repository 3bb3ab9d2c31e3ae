import assert from 'node:assert/strict'
import { mkdir, open, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectionArguments, withConnection } from '../../adapters/component/postgresql/connection.ts'
import { inspectDataDirectory } from '../../adapters/component/postgresql/data-directory.ts'
import { inspectServer } from '../../adapters/component/postgresql/inspect.ts'
import type { PostgresqlInstance } from '../../adapters/component/postgresql/instance.ts'
import { observeServer } from '../../adapters/component/postgresql/observe.ts'
import { findClientProgram } from '../../adapters/component/postgresql/programs.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { PostgresqlComponentConfig } from '../../domain/config.ts'
import { type TestCluster, clusterUser, createCluster } from '../support/postgres-cluster.ts'

describe('what a PostgreSQL server is asked', () => {
  let cluster: TestCluster
  before(async () => {
    cluster = await createCluster({ tablespace: true })
  })
  after(() => cluster.destroy())

  function instanceWith(change: Partial<PostgresqlComponentConfig>, password: string | null = null): PostgresqlInstance {
    return { ...cluster.instance, password, config: { ...cluster.config, ...change } }
  }

  it('tells what a backup has to record', async () => {
    const facts = await inspectServer(cluster.instance)
    const control = await inspectDataDirectory(cluster.instance, cluster.directory)
    assert.equal(facts.systemIdentifier, control?.systemIdentifier)
    assert.equal(facts.timelineId, 1)
    assert.equal(facts.dataDirectory, cluster.directory)
    assert.equal(facts.pageChecksums, true)
    assert.equal(facts.segmentSizeBytes, 16 * 1024 * 1024)
    assert.equal(facts.inRecovery, false)
    assert.match(facts.currentLsn, /^[0-9A-F]+\/[0-9A-F]+$/)
    assert.ok(facts.dataSizeBytes > 1_000_000)
    assert.deepEqual(
      facts.tablespaces.map(({ path }) => path),
      [join(cluster.base, 'side')],
    )
    assert.deepEqual(facts.roleAttributes, { replication: true, superuser: false, monitor: true, switchWal: false })
    assert.equal(facts.configOutsideDataDirectory, false)
    assert.equal(facts.managedBy, null)
    assert.match(facts.glibc, /^\d+\.\d+$|^unknown$/)
  })

  it('counts subscriptions and foreign servers of every database', async () => {
    await cluster.sql('create database second')
    await cluster.sql('create foreign data wrapper nothing; create server elsewhere foreign data wrapper nothing', 'second')
    await cluster.sql("create subscription s connection 'host=/nowhere' publication p with (connect = false)", 'second')
    const facts = await inspectServer(cluster.instance)
    assert.deepEqual(facts.foreignServers, ['second.elsewhere'])
    assert.equal(facts.subscriptions, 1)
  })

  it('recognises a server that Patroni manages', async () => {
    await writeFile(join(cluster.directory, 'patroni.dynamic.json'), '{}')
    assert.equal((await inspectServer(cluster.instance)).managedBy, 'patroni')
  })

  it('refuses a role without pg_monitor and says what to grant', async () => {
    await cluster.sql('create role nosy login replication')
    const instance = instanceWith({ connection: { ...cluster.config.connection, user: 'nosy' } })
    await assert.rejects(inspectServer(instance), { type: 'PreconditionFailed', hint: /grant pg_monitor to "nosy"/ })
  })

  it('refuses a server that is not the one of the data directory', async () => {
    const other = await createCluster()
    try {
      const connection = other.config.connection
      await assert.rejects(inspectServer(instanceWith({ connection })), {
        type: 'WrongTarget',
        message: /test\/database/,
      })
    } finally {
      await other.destroy()
    }
  })

  it('refuses a clone: path and system identifier alike, but started at another time', async () => {
    const pidFile = join(cluster.directory, 'postmaster.pid')
    const { stdout } = await runTool('cat', [pidFile])
    const lines = stdout.split('\n')
    lines[2] = String(Number(lines[2]) - 5000)
    await writeFile(pidFile, lines.join('\n'))
    try {
      await assert.rejects(inspectServer(cluster.instance), { type: 'WrongTarget', message: /another time/ })
    } finally {
      await writeFile(pidFile, stdout)
    }
  })

  it('takes a server that ends while it is asked for one that is down, not for another one', async () => {
    const pidFile = join(cluster.directory, 'postmaster.pid')
    await rename(pidFile, `${pidFile}.aside`)
    await runTool('mkfifo', ['--mode=0666', pidFile])
    const asked = assert.rejects(inspectServer(cluster.instance), { type: 'DatabaseDown' })
    // Opens once the reader is there: everything else is answered by then.
    const lock = await open(pidFile, 'w')
    await cluster.kill()
    await lock.close()
    await asked
    await rename(`${pidFile}.aside`, pidFile)
    await cluster.start()
  })

  it('answers null for a directory without a database', async () => {
    assert.equal(await inspectDataDirectory(cluster.instance, join(cluster.base, 'absent')), null)
    assert.equal(await inspectDataDirectory(cluster.instance, cluster.base), null)
  })

  it('connects with a password full of odd characters that is in no argument', async () => {
    const connection = { ...cluster.config.connection, host: '127.0.0.1' }
    const instance = instanceWith({ connection }, "it's: a \\\\secret")
    await withConnection(instance, (client) => client.query('select 1'))
    const { args, env } = await connectionArguments(instance)
    assert.ok(!args.join(' ').includes('secret'))
    const psql = join(cluster.config.binDirectory as string, 'psql')
    const runAs = clusterUser === undefined ? {} : { runAs: clusterUser }
    const { stdout } = await runTool(psql, [...args, '-Atc', 'select current_user'], { env, ...runAs })
    assert.equal(stdout.trim(), 'muster')
  })

  it('tells a wrong password, a missing database and a silent port apart', async () => {
    const { connection } = cluster.config
    const tcp = { ...connection, host: '127.0.0.1' }
    const one = (change: typeof connection, password: string | null) => withConnection(instanceWith({ connection: change }, password), async () => {})
    await assert.rejects(one(tcp, 'wrong'), (error: Error & { type?: string }) => {
      assert.equal(error.type, 'CredentialsRejected')
      assert.ok(!error.message.includes('wrong'))
      return true
    })
    await assert.rejects(one(tcp, null), { type: 'CredentialsRejected' })
    await assert.rejects(one({ ...connection, database: 'nosuch' }, null), { type: 'PreconditionFailed' })
    await assert.rejects(one({ ...tcp, port: 1 }, null), { type: 'DatabaseDown' })
    await assert.rejects(one({ ...connection, host: '/nowhere' }, null), { type: 'DatabaseDown' })
  })

  it('refuses client programs older than the server and names both versions', async () => {
    await assert.rejects(findClientProgram(cluster.instance, 'pg_basebackup', 990_001), {
      type: 'ToolTooOld',
      message: /pg_basebackup is version \d+ and the server is version 99/,
    })
    await assert.rejects(findClientProgram(instanceWith({ binDirectory: '/nowhere' }), 'pg_basebackup', 150_000), {
      type: 'PreconditionFailed',
      message: /\/nowhere\/pg_basebackup/,
    })
  })

  it('proves a server running, stopped, and stopped with a stale lock file', async () => {
    assert.deepEqual(await states(), ['running', 'ours'])
    await cluster.kill()
    await mkdir(join(cluster.base, 'unrelated'))
    assert.deepEqual(await states(), ['stopped', 'none'])
    await cluster.start()
    assert.deepEqual(await states(), ['running', 'ours'])
  })

  it('sees the server still running after its data directory was removed', async () => {
    const lost = await createCluster()
    try {
      await runTool('rm', ['-rf', lost.directory])
      assert.equal((await observeServer(lost.instance)).state, 'running')
    } finally {
      await lost.destroy()
    }
  })

  async function states(): Promise<readonly string[]> {
    const { state, listener } = await observeServer(cluster.instance)
    return [state, listener]
  }
})
