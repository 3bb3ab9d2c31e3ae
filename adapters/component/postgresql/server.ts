import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PostgresqlServerControl } from '../../../domain/config.ts'
import { MusterError } from '../../../domain/failures.ts'
import { endProcess } from '../../process/find-processes.ts'
import { runTool } from '../../process/run-tool.ts'
import { startService } from '../../process/start-service.ts'
import { awaitAnswering } from './await-answering.ts'
import { inspectDataDirectory } from './data-directory.ts'
import { type PostgresqlInstance, nameOf, osUserOf } from './instance.ts'
import { type ServerObservation, observeServer } from './observe.ts'
import { chownTo } from './owned-files.ts'
import { findServerProgram } from './programs.ts'
import { findPostmaster, stopFast } from './postmaster.ts'
import type { Quarantine } from './quarantine.ts'
import { quarantinedProcesses } from './quarantined-server.ts'
import { startUnit, stopUnit } from './server-systemd.ts'
import { dropStaleLock } from './stale-lock.ts'

export interface ServerOptions {
  readonly signal?: AbortSignal
  /** Default 300. */
  readonly timeoutSeconds?: number
  /** Asked in the moment in which the server is told anything: throws when somebody else has taken over meanwhile. */
  readonly mayAct?: () => void
}

const defaultTimeoutSeconds = 300

/**
 * Starts the component's server as its own manager does, with nothing of ours left on it, and waits until it
 * answers queries. Idempotent. It carries no label: nothing that ends leftovers of a run may ever find it.
 * @throws MusterError TargetRunning (a closed server still runs), CommandFailed with the end of its log,
 * PreconditionFailed, ToolTooOld, CredentialsRejected, Timeout, Cancelled
 */
export async function startServer(instance: PostgresqlInstance, options: ServerOptions = {}): Promise<ServerObservation> {
  const { server } = instance.config
  await assertNotClosed(instance)
  const before = await observeServer(instance)
  if (before.listener === 'other') throw addressTaken(instance)
  if (before.state === 'stopped') await start(instance, server, options)
  const logFile = server.control === 'pg_ctl' ? logFileOf(instance, server) : undefined
  await awaitAnswering(instance, instance.config.dataDirectory, {
    ...options,
    timeoutSeconds: options.timeoutSeconds ?? defaultTimeoutSeconds,
    ...(logFile === undefined ? {} : { logFile }),
  })
  return observeServer(instance)
}

/**
 * Stops the component's server and proves it stopped; sessions are ended, transactions rolled back. Idempotent.
 * Where the data directory has vanished under a running server, the server's processes are ended.
 * A server that was started after it was looked for is not the one that is stopped.
 * @throws MusterError TargetRunning when anything still uses the data directory; CommandFailed, Cancelled, what `mayAct` throws
 */
export async function stopServer(
  instance: PostgresqlInstance,
  _how: { readonly mode: 'fast' } = { mode: 'fast' },
  options: ServerOptions = {},
): Promise<ServerObservation> {
  const before = await observeServer(instance)
  if (before.state === 'running') await stop(instance, before, options)
  const deadline = Date.now() + (options.timeoutSeconds ?? defaultTimeoutSeconds) * 1000
  for (;;) {
    const now = await observeServer(instance)
    if (now.state === 'stopped') return now
    if (options.signal?.aborted) throw new MusterError('Cancelled', `stopping ${nameOf(instance)} was cancelled`)
    if (Date.now() >= deadline) throw stillRunning(instance, now)
    await sleep(200)
  }
}

async function start(instance: PostgresqlInstance, server: PostgresqlServerControl, options: ServerOptions): Promise<void> {
  if (server.control === 'systemd') return startUnit(server.unit, options)
  if (server.control === 'command') return runCommand(instance, server.start, options)
  const { dataDirectory } = instance.config
  const facts = await inspectDataDirectory(instance, dataDirectory)
  if (facts === null) throw new MusterError('WrongTarget', `${dataDirectory} is not a data directory of PostgreSQL`)
  // Started directly: pg_ctl would put path and options through a shell.
  const program = await findServerProgram(instance, 'postgres', facts.serverMajor)
  const user = await osUserOf(instance)
  const logFile = logFileOf(instance, server)
  options.mayAct?.()
  await dropStaleLock(dataDirectory)
  await startService(program.path, ['-D', dataDirectory, ...server.options], {
    cwd: dataDirectory,
    logFile,
    ...(user === undefined ? {} : { runAs: user }),
    ...(options.mayAct === undefined ? {} : { mayStart: options.mayAct }),
  })
  await chownTo(logFile, user)
}

async function stop(instance: PostgresqlInstance, { processes }: ServerObservation, options: ServerOptions): Promise<void> {
  const { server, dataDirectory } = instance.config
  const facts = await inspectDataDirectory(instance, dataDirectory)
  const postmaster = await findPostmaster(dataDirectory, processes)
  if (facts === null) {
    options.mayAct?.()
    return endOrphans(instance)
  }
  if (server.control === 'systemd') return stopUnit(server.unit, options)
  if (server.control === 'command') return runCommand(instance, server.stop, options)
  options.mayAct?.()
  // What counts is what is observed afterwards.
  if (postmaster) stopFast(postmaster)
}

/** Nothing is left to save: the files are gone, and no orderly stop can write its checkpoint. */
async function endOrphans(instance: PostgresqlInstance): Promise<void> {
  const { processes } = await observeServer(instance)
  const other = processes.find(({ command }) => command !== 'postgres')
  if (other) {
    throw new MusterError('TargetRunning', `process ${other.pid} (${other.command}) uses ${instance.config.dataDirectory}`)
  }
  await Promise.all(processes.map((identity) => endProcess(identity, { graceSeconds: 1 })))
}

async function runCommand(instance: PostgresqlInstance, line: readonly string[], options: ServerOptions): Promise<void> {
  const [program, ...args] = line
  if (program === undefined) throw new MusterError('ConfigInvalid', `the server command of ${nameOf(instance)} is empty`)
  const runAs = await osUserOf(instance)
  await runTool(program, args, {
    leavesServices: true,
    timeoutSeconds: options.timeoutSeconds ?? defaultTimeoutSeconds,
    ...(runAs === undefined ? {} : { runAs }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.mayAct === undefined ? {} : { mayStart: options.mayAct }),
  })
}

function logFileOf(instance: PostgresqlInstance, server: PostgresqlServerControl & { control: 'pg_ctl' }): string {
  return server.logFile ?? join(instance.config.dataDirectory, 'server.log')
}

async function assertNotClosed(instance: PostgresqlInstance): Promise<void> {
  const { dataDirectory } = instance.config
  const [closed] = await quarantinedProcesses({ directory: dataDirectory } as Quarantine)
  if (!closed) return
  throw new MusterError('TargetRunning', `${dataDirectory} is served closed by process ${closed.pid}: stop that first`)
}

function addressTaken(instance: PostgresqlInstance): MusterError {
  const { host, port } = instance.config.connection
  return new MusterError('PreconditionFailed', `another server answers at ${host} port ${port}, the address of ${nameOf(instance)}`, {
    hint: 'stop the other server, or correct the connection',
  })
}

function stillRunning(instance: PostgresqlInstance, now: ServerObservation): MusterError {
  const who = now.processes.map(({ pid, command }) => `${pid} (${command})`).join(', ') || 'a listener at its address'
  return new MusterError('TargetRunning', `${nameOf(instance)} was told to stop and still runs: ${who}`, {
    hint: 'look at what starts it again, or at what holds its files',
  })
}
