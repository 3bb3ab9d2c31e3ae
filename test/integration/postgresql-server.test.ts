import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { closedQuarantine, proveOpen, startClosed } from '../../adapters/component/postgresql/closed.ts'
import type { PostgresqlInstance } from '../../adapters/component/postgresql/instance.ts'
import { observeServer } from '../../adapters/component/postgresql/observe.ts'
import { findPostmaster, stopFast } from '../../adapters/component/postgresql/postmaster.ts'
import { withQuarantined } from '../../adapters/component/postgresql/quarantined-connection.ts'
import { stopQuarantined } from '../../adapters/component/postgresql/quarantined-server.ts'
import { startServer, stopServer } from '../../adapters/component/postgresql/server.ts'
import { findLabelled } from '../../adapters/process/find-processes.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import { MusterError } from '../../domain/failures.ts'
import type { PostgresqlServerControl } from '../../domain/config.ts'
import { type TestCluster, clusterUser, createCluster } from '../support/postgres-cluster.ts'

describe('the server of a component is started, closed, opened and stopped', function () {
  this.timeout(60_000)
  let cluster: TestCluster
  let place: { readonly socketDirectory: string; readonly port: number; readonly logFile: string }

  before(async () => {
    cluster = await createCluster()
    place = { socketDirectory: join(cluster.base, 'closed'), port: 5432, logFile: join(cluster.base, 'closed.log') }
  })
  after(() => cluster.destroy())
  afterEach(async () => {
    await stopServer(cluster.instance).catch(() => stopQuarantined(closedQuarantine(cluster.instance, place)))
  })

  const controlledBy = (server: PostgresqlServerControl): PostgresqlInstance => ({
    ...cluster.instance,
    config: { ...cluster.config, server },
  })

  it('starts and stops it, and each is idempotent', async () => {
    assert.equal((await stopServer(cluster.instance)).state, 'stopped')
    assert.equal((await stopServer(cluster.instance)).state, 'stopped')
    const first = await startServer(cluster.instance)
    assert.deepEqual([first.state, first.listener], ['running', 'ours'])
    const again = await startServer(cluster.instance)
    assert.ok(again.processes.some(({ pid }) => pid === first.processes[0]?.pid))
    assert.equal((await proveOpen(cluster.instance)).inRecovery, false)
  })

  it('starts it again after it was killed and left its lock file', async () => {
    await startServer(cluster.instance)
    await cluster.kill()
    assert.match(await readFile(join(cluster.directory, 'postmaster.pid'), 'utf8'), /^\d+\n/)
    assert.equal((await startServer(cluster.instance)).state, 'running')
  })

  it('says why it does not start', async () => {
    const server = {
      control: 'pg_ctl',
      options: ['-c', 'max_connections=nonsense'],
      logFile: join(cluster.base, 'bad.log'),
    } as const
    await assert.rejects(startServer(controlledBy(server)), { type: 'CommandFailed', message: /max_connections/ })
    assert.equal((await observeServer(cluster.instance)).state, 'stopped')
  })

  it('does not stop a server that somebody else started after it was looked for', async () => {
    await startServer(cluster.instance)
    const seen = await findPostmaster(cluster.directory, (await observeServer(cluster.instance)).processes)
    assert.ok(seen)
    await cluster.stop()
    await cluster.start()
    stopFast(seen)
    await sleep(500)
    await cluster.sql('select 1')
  })

  it('tells a server nothing once somebody else has taken over', async () => {
    const mayAct = () => {
      throw new MusterError('EpochSuperseded', 'a newer attempt has taken over')
    }
    await startServer(cluster.instance)
    await assert.rejects(stopServer(cluster.instance, { mode: 'fast' }, { mayAct }), { type: 'EpochSuperseded' })
    await cluster.sql('select 1')
    await cluster.stop()
    await assert.rejects(startServer(cluster.instance, { mayAct }), { type: 'EpochSuperseded' })
    await assert.rejects(startClosed(cluster.instance, place, {}, { mayAct }), { type: 'EpochSuperseded' })
    assert.equal((await observeServer(cluster.instance)).state, 'stopped')
  })

  it('serves it closed: writable over the private socket and reachable by nothing else', async () => {
    const facts = await startClosed(cluster.instance, place, { label: 'closed-test' })
    assert.equal(facts.inRecovery, false)
    const quarantine = closedQuarantine(cluster.instance, place)
    await withQuarantined(cluster.instance, quarantine, (client) => client.query('create table if not exists public.written (n int)'))
    const { state, listener } = await observeServer(cluster.instance)
    assert.deepEqual([state, listener], ['running', 'none'])
    const { stdout } = await runTool('ss', ['-Hltn', `sport = :${cluster.port}`])
    assert.equal(stdout.trim(), '')
    await assert.rejects(startServer(cluster.instance), { type: 'TargetRunning', message: /closed/ })
    assert.ok((await findLabelled('closed-test')).length > 0)
    await startClosed(cluster.instance, place)
    await stopQuarantined(quarantine)
    await startServer(cluster.instance)
    await proveOpen(cluster.instance)
    assert.deepEqual(await findLabelled('closed-test'), [])
  })

  it('does not call a server open that still has overrides or recovery settings on it', async () => {
    const left = controlledBy({ control: 'pg_ctl', options: [], logFile: join(cluster.base, 'left.log') })
    await startServer(
      controlledBy({
        control: 'pg_ctl',
        options: ['-c', 'archive_mode=off', '-c', 'cluster_name=muster quarantine'],
        logFile: join(cluster.base, 'left.log'),
      }),
    )
    await assert.rejects(proveOpen(left), { type: 'PreconditionFailed', message: /cluster_name/ })
    await cluster.stop()
    const settings = join(cluster.directory, 'postgresql.auto.conf')
    await writeFile(settings, "restore_command = 'test -e /x/.muster-wal'\n")
    await startServer(left)
    await assert.rejects(proveOpen(left), { type: 'PreconditionFailed', message: /restore_command/ })
    await writeFile(settings, '')
  })

  it('refuses to serve a directory closed that would start a recovery', async () => {
    await stopServer(cluster.instance)
    const signal = join(cluster.directory, 'standby.signal')
    await writeFile(signal, '')
    await assert.rejects(startClosed(cluster.instance, place), {
      type: 'PreconditionFailed',
      message: /standby\.signal/,
    })
    await rm(signal)
  })

  it('does not run a second server beside one that was started otherwise', async () => {
    await startServer(cluster.instance)
    await assert.rejects(startClosed(cluster.instance, place), { type: 'TargetRunning' })
    await assert.rejects(stopQuarantined(closedQuarantine(cluster.instance, place)), {
      type: 'TargetRunning',
    })
    await cluster.sql('select 1')
  })

  it('starts and stops by a command, as the configured user', async () => {
    const pgCtl = join(cluster.config.binDirectory as string, 'pg_ctl')
    const options = ['-D', cluster.directory, '-w', '-l', join(cluster.base, 'command.log')]
    const instance = controlledBy({
      control: 'command',
      start: [pgCtl, 'start', ...options],
      stop: [pgCtl, 'stop', '-m', 'fast', ...options.slice(0, 3)],
    })
    assert.equal((await startServer(instance)).state, 'running')
    assert.equal((await stopServer(instance)).state, 'stopped')
    const idle = controlledBy({ control: 'command', start: ['true'], stop: ['true'] })
    await assert.rejects(startServer(idle), { type: 'CommandFailed', message: /did not start/ })
    await startServer(instance)
    await assert.rejects(stopServer(idle, { mode: 'fast' }, { timeoutSeconds: 1 }), {
      type: 'TargetRunning',
      message: /told to stop/,
    })
  })

  it('starts and stops a unit of systemd', async () => {
    const bin = await mkdir(join(cluster.base, 'bin'), { recursive: true }).then(() => join(cluster.base, 'bin'))
    const calls = join(cluster.base, 'systemctl.log')
    // Stands in for systemctl: records its arguments and does to the cluster what the unit would do.
    const runuser = clusterUser === undefined ? '' : `runuser -u ${clusterUser} -- `
    const pgCtl = `${runuser}${cluster.config.binDirectory}/pg_ctl -D ${cluster.directory} -w -m fast -l ${cluster.base}/unit.log`
    await writeFile(
      join(bin, 'systemctl'),
      ['#!/bin/sh', `echo "$*" >> ${calls}`, `case "$2" in start) exec ${pgCtl.replace(' -m fast', '')} start;; stop) exec ${pgCtl} stop;; esac`, ''].join(
        '\n',
      ),
    )
    await chmod(join(bin, 'systemctl'), 0o755)
    const path = process.env['PATH']
    process.env['PATH'] = `${bin}:${path}`
    try {
      const instance = controlledBy({ control: 'systemd', unit: 'postgresql@15-main' })
      assert.equal((await startServer(instance)).state, 'running')
      assert.equal((await stopServer(instance)).state, 'stopped')
      const recorded = (await readFile(calls, 'utf8')).trim().split('\n')
      assert.deepEqual(
        recorded.map((line) => line.split(' ').slice(1).join(' ')),
        ['reset-failed -- postgresql@15-main', 'start -- postgresql@15-main', 'stop -- postgresql@15-main'],
      )
    } finally {
      process.env['PATH'] = path
    }
  })

  it('refuses to start where another server answers at the address', async () => {
    await stopServer(cluster.instance)
    const other = await createCluster()
    try {
      const instance = { ...cluster.instance, config: { ...cluster.config, connection: other.config.connection } }
      await assert.rejects(startServer(instance), { type: 'PreconditionFailed', message: /another server/ })
    } finally {
      await other.destroy()
    }
  })

  it('ends a server whose data directory was removed under it', async () => {
    const lost = await createCluster()
    try {
      await runTool('rm', ['-rf', lost.directory])
      assert.equal((await stopServer(lost.instance)).state, 'stopped')
    } finally {
      await lost.destroy()
    }
  })
})
