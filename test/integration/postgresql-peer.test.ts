import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { withConnection } from '../../adapters/component/postgresql/connection.ts'
import { inspectServer } from '../../adapters/component/postgresql/inspect.ts'
import { osUserOf, type PostgresqlInstance } from '../../adapters/component/postgresql/instance.ts'
import { openWalSource } from '../../adapters/component/postgresql/live-wal-source.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import { clusterUser, createCluster, type TestCluster } from '../support/postgres-cluster.ts'

const fails = (type: string, pattern: RegExp) => (error: Error & { type?: string }) => {
  assert.equal(error.type, type, error.message)
  assert.match(error.message, pattern)
  return true
}

/** As distributions install it: the socket asks the kernel who calls, and knows no password. */
describe('a server with peer authentication on its socket', function () {
  this.timeout(60_000)
  let cluster: TestCluster
  /** Role of the same name as the operating-system user that the server runs as. */
  const name = clusterUser ?? userInfo().username

  before(async () => {
    cluster = await createCluster()
    if (name !== 'postgres') await cluster.sql(`create role "${name}" login replication; grant pg_monitor to "${name}"`)
    await writeFile(join(cluster.directory, 'pg_hba.conf'), 'local all all peer\nlocal replication all peer\n')
    await cluster.run('pg_ctl', ['reload', '-D', cluster.directory])
  })
  after(async () => {
    await cluster.destroy()
  })

  function instanceAs(user: string): PostgresqlInstance {
    const { config, ...rest } = cluster.instance
    const { runAs: _, ...silent } = config
    return { ...rest, config: { ...silent, connection: { ...silent.connection, user } } }
  }

  it('is reached as the user that owns its data, by root too, and without any setting', async () => {
    const facts = await inspectServer(instanceAs(name))
    assert.equal(facts.dataDirectory, cluster.directory)
    const source = await openWalSource(instanceAs(name), null)
    assert.equal((await source.identify()).systemIdentifier, facts.systemIdentifier)
  })

  it('carries much in both directions, and leaves no process behind', async () => {
    const sent = 'x'.repeat(3_000_000)
    const rows = await withConnection(instanceAs(name), async (client) => {
      const length = (await client.query('select length($1) as n', [sent])).rows[0].n as number
      const { rows: many } = await client.query("select repeat('y', 1000) as text from generate_series(1, 5000)")
      return { length, many: many.length, text: many[4999].text as string }
    })
    assert.deepEqual(rows, { length: sent.length, many: 5000, text: 'y'.repeat(1000) })
    const { exitCode } = await runTool('pgrep', ['--full', `${cluster.config.connection.host}/[.]s.PGSQL`], { okExitCodes: [0, 1] })
    assert.equal(exitCode, 1)
  })

  it('an error of the server arrives as it is, and a connection that ends is told', async () => {
    const wrong = withConnection(instanceAs(name), (client) => client.query('select nonsense'))
    await assert.rejects(wrong, fails('CommandFailed', /nonsense/))
    const ended = withConnection(instanceAs(name), async (client) => {
      const { rows } = await client.query('select pg_backend_pid() as pid')
      await runTool('kill', ['-TERM', String(rows[0].pid)])
      return client.query('select pg_sleep(10)')
    })
    await assert.rejects(ended, fails('DatabaseDown', /was lost/))
  })

  it('refuses a role that is not that user, and says what to do', async () => {
    await assert.rejects(
      inspectServer(instanceAs('muster')),
      (error: Error & { hint?: string }) => fails('CredentialsRejected', /rejects the role muster/)(error) && /give the role a password/.test(error.hint ?? ''),
    )
  })

  it('that is down is told as down', async () => {
    await cluster.stop()
    await assert.rejects(inspectServer(instanceAs(name)), fails('DatabaseDown', /no PostgreSQL answers/))
    await cluster.start()
  })

  it('the user that owned a data directory is known after the directory is gone', async () => {
    await cluster.stop()
    const instance = instanceAs(name)
    const before = await osUserOf(instance)
    await rm(cluster.directory, { recursive: true })
    assert.equal(await osUserOf(instance), before)
    assert.equal(before, clusterUser)
    await assert.rejects(inspectServer(instance), fails('DatabaseDown', /no PostgreSQL answers/))
    if (clusterUser === undefined) return
    // Nobody remembers on a host that never saw it: the error names what to write.
    const unseen = { ...instance, runDirectory: join(cluster.base, 'never') }
    await assert.rejects(osUserOf(unseen), fails('PreconditionFailed', /does not exist/))
  })
})
