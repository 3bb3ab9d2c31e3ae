import { chmod, mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MusterError } from '../../../domain/failures.ts'
import { endProcess, isRunning } from '../../process/find-processes.ts'
import type { PrivateMount } from '../../process/private-mounts.ts'
import type { ProcessIdentity } from '../../process/process.ts'
import { runTool } from '../../process/run-tool.ts'
import { startService } from '../../process/start-service.ts'
import { inspectDataDirectory } from './data-directory.ts'
import { type PostgresqlInstance, assertReachable, osUserOf } from './instance.ts'
import { chownTo, replaceFile } from './owned-files.ts'
import { findPostmaster, stopFast } from './postmaster.ts'
import { type Program, findServerProgram } from './programs.ts'
import { type Quarantine, type QuarantineMode, checkQuarantine, hbaFileName, hbaText, quarantineArguments, quarantineClusterName } from './quarantine.ts'
import { readLog } from './recovery-log.ts'
import { dropStaleLock } from './stale-lock.ts'
import { lastingUserOf, usersOfDataDirectory } from './directory-users.ts'

export interface QuarantineStart {
  readonly mode: QuarantineMode
  readonly preload: readonly string[]
  readonly label?: string
  /** Paths at which the server finds other directories than everybody else. */
  readonly mounts?: readonly PrivateMount[]
  /** As of `ToolOptions.mayStart`. */
  readonly mayStart?: () => void
}

interface StartNote extends Omit<QuarantineStart, 'mayStart'> {
  /** Where this start's part of the log begins. */
  readonly logFromByte: number
}

const stopTimeoutSeconds = 120
/** Of a process that shows no arguments, 10 ms apart. */
const mostLooks = 100

/**
 * Starts a server in quarantine as a service; it is not yet asked whether it answers.
 * @throws MusterError TargetRunning, WrongTarget (no data directory), InvalidInput, PreconditionFailed, ToolTooOld
 */
export async function launchQuarantined(instance: PostgresqlInstance, quarantine: Quarantine, start: QuarantineStart): Promise<ProcessIdentity> {
  checkQuarantine(quarantine, start.preload)
  const facts = await inspectDataDirectory(instance, quarantine.directory)
  if (facts === null) throw new MusterError('WrongTarget', `${quarantine.directory} is not a data directory of PostgreSQL`)
  const other = await lastingUserOf(quarantine.directory)
  if (other) throw new MusterError('TargetRunning', `process ${other.pid} (${other.command}) uses ${quarantine.directory}`)
  const program = await findServerProgram(instance, 'postgres', facts.serverMajor)
  const user = await osUserOf(instance)
  start.mayStart?.()
  await dropStaleLock(quarantine.directory)
  const hbaFile = await prepareSocketDirectory(instance, quarantine)
  const configFile = await chooseConfigFile(quarantine, program, user)
  const settings = { hbaFile, configFile, leastSettings: facts.leastSettings }
  const logFromByte = await stat(quarantine.logFile).then(
    ({ size }) => size,
    () => 0,
  )
  await replaceFile(noteOf(quarantine), JSON.stringify({ ...start, logFromByte } satisfies StartNote), user)
  return startService(program.path, quarantineArguments(quarantine, { ...start, ...settings }), {
    cwd: quarantine.directory,
    logFile: quarantine.logFile,
    noNetwork: true,
    mounts: start.mounts ?? [],
    ...(user === undefined ? {} : { runAs: user }),
    ...(start.label === undefined ? {} : { label: start.label }),
    ...(start.mayStart === undefined ? {} : { mayStart: start.mayStart }),
  })
}

async function prepareSocketDirectory(instance: PostgresqlInstance, quarantine: Quarantine): Promise<string> {
  const user = await osUserOf(instance)
  const { socketDirectory } = quarantine
  await mkdir(socketDirectory, { recursive: true, mode: 0o700 })
  await chmod(socketDirectory, 0o700)
  await chownTo(socketDirectory, user)
  await assertReachable(instance, socketDirectory)
  const hbaFile = join(socketDirectory, hbaFileName)
  await replaceFile(hbaFile, hbaText, user)
  return hbaFile
}

/**
 * The copy's own configuration, where the server can read it. Some lies outside the data directory and is not in the
 * backup, some includes files that this host does not have: an empty one will do, since pg_control has all that a
 * recovery needs.
 */
async function chooseConfigFile(quarantine: Quarantine, program: Program, user: string | undefined): Promise<string> {
  const own = join(quarantine.directory, 'postgresql.conf')
  const settings = ['-c', `data_directory=${quarantine.directory}`, '-c', `config_file=${own}`]
  const { exitCode } = await runTool(program.path, ['-D', quarantine.directory, ...settings, '-C', 'port'], {
    ...(user === undefined ? {} : { runAs: user }),
    okExitCodes: [0, 1, 2],
    timeoutSeconds: 30,
  })
  if (exitCode === 0) return own
  const empty = join(quarantine.socketDirectory, 'postgresql.conf')
  await replaceFile(empty, '', user)
  return empty
}

/** Starts a quarantined server again as it was started last, with what its pg_control now says it needs at least. */
export async function relaunchQuarantined(instance: PostgresqlInstance, quarantine: Quarantine): Promise<void> {
  const note = await readNote(quarantine)
  if (note === null) throw new MusterError('NotReadyYet', `no server was started in quarantine on ${quarantine.directory}`)
  await stopQuarantined(quarantine)
  const { mode, preload, label, mounts = [] } = note
  await launchQuarantined(instance, quarantine, { mode, preload, mounts, ...(label === undefined ? {} : { label }) })
}

/** What the server wrote since it was last started in this quarantine. */
export async function logOfStart(quarantine: Quarantine): Promise<string> {
  return readLog(quarantine.logFile, (await readNote(quarantine))?.logFromByte ?? 0)
}

/** The processes of the server in quarantine; other processes that use its directory are not told. */
export async function quarantinedProcesses(quarantine: Quarantine): Promise<readonly ProcessIdentity[]> {
  const users = await usersOfDataDirectory(quarantine.directory)
  const ours = await Promise.all(users.map(isOurs))
  return users.filter((_user, index) => ours[index])
}

/** A postmaster shows its arguments and its children show the cluster's name. */
async function isOurs(identity: ProcessIdentity): Promise<boolean> {
  for (let looks = 0; looks < mostLooks; looks++) {
    const line = await readFile(`/proc/${identity.pid}/cmdline`, 'utf8').catch(() => null)
    if (line === null) return false
    if (line !== '') return line.includes(quarantineClusterName)
    // For a moment of its start a process has no arguments: between two programs of one number.
    if (!(await isRunning(identity))) return false
    await sleep(10)
  }
  return false
}

/**
 * Stops the server in quarantine and sees it gone. Idempotent. A server that was started otherwise is not touched.
 * @throws MusterError TargetRunning when such a server, or anything else, uses the directory; Timeout
 */
export async function stopQuarantined(quarantine: Quarantine): Promise<void> {
  const { directory } = quarantine
  await stopOrderly(directory, await quarantinedProcesses(quarantine))
  const left = await quarantinedProcesses(quarantine)
  await Promise.all(left.map((identity) => endProcess(identity, { graceSeconds: 0 })))
  const other = await lastingUserOf(directory)
  if (!other) return
  throw new MusterError('TargetRunning', `process ${other.pid} (${other.command}) uses ${directory}`, {
    hint: 'it was not started by Muster: stop it first',
  })
}

async function stopOrderly(directory: string, processes: readonly ProcessIdentity[]): Promise<void> {
  const postmaster = await findPostmaster(directory, processes)
  if (!postmaster) return
  stopFast(postmaster)
  const deadline = Date.now() + stopTimeoutSeconds * 1000
  while ((await isRunning(postmaster)) && Date.now() < deadline) await sleep(20)
}

function noteOf(quarantine: Quarantine): string {
  return join(quarantine.socketDirectory, 'muster-start.json')
}

async function readNote(quarantine: Quarantine): Promise<StartNote | null> {
  const text = await readFile(noteOf(quarantine), 'utf8').catch(() => null)
  return text === null ? null : (JSON.parse(text) as StartNote)
}
