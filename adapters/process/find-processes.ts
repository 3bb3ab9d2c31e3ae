import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MusterError } from '../../domain/failures.ts'
import { isAlive, listPids, readProcStat } from './proc-stat.ts'
import type { ProcessIdentity } from './process.ts'

/** How long a process may take to disappear after SIGKILL; one that waits for a dead disk takes for ever. */
const killSeconds = 30

/** The identity of a running process; null when there is none (a zombie does not run). */
export async function identify(pid: number): Promise<ProcessIdentity | null> {
  const stat = readProcStat(pid)
  return stat && isAlive(stat) ? { pid, startTicks: stat.startTicks, command: stat.command } : null
}

/** Whether exactly this process still runs, not another one that got its number. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  return runs(identity)
}

/** Every running process whose MUSTER_LABEL is `label`. Processes of other users are seen only by root. */
export async function findLabelled(label: string): Promise<ProcessIdentity[]> {
  return findByLabel((found) => found === label)
}

/** Every running process whose MUSTER_LABEL begins with `prefix`. */
export async function findLabelPrefix(prefix: string): Promise<ProcessIdentity[]> {
  return findByLabel((found) => found.startsWith(prefix))
}

/**
 * Ends every process with the label except the caller itself, and what these start meanwhile: SIGTERM,
 * after `graceSeconds` (default 5) SIGKILL. Resolves when a look finds none; returns what it ended. Idempotent.
 * @throws MusterError Timeout when a process does not even obey SIGKILL
 */
export async function endLabelled(label: string, options: { readonly graceSeconds?: number } = {}): Promise<ProcessIdentity[]> {
  const ended = new Map<string, ProcessIdentity>()
  for (;;) {
    const found = (await findLabelled(label)).filter((identity) => identity.pid !== process.pid)
    if (found.length === 0) return [...ended.values()]
    for (const identity of found) ended.set(`${identity.pid}/${identity.startTicks}`, identity)
    await Promise.all(found.map((identity) => endProcess(identity, options)))
  }
}

/**
 * Ends exactly this process: SIGTERM, after `graceSeconds` (default 5; 0 = at once) SIGKILL.
 * Resolves when it is gone; nothing happens when it already was.
 * @throws MusterError Timeout when it does not even obey SIGKILL, PreconditionFailed without the right to
 */
export async function endProcess(identity: ProcessIdentity, options: { readonly graceSeconds?: number } = {}): Promise<void> {
  const graceSeconds = options.graceSeconds ?? 5
  if (graceSeconds > 0) {
    signalProcess(identity, 'SIGTERM')
    if (await isGoneWithin(identity, graceSeconds)) return
  }
  signalProcess(identity, 'SIGKILL')
  if (await isGoneWithin(identity, killSeconds)) return
  throw new MusterError('Timeout', `process ${identity.pid} (${identity.command}) still runs after SIGKILL`, {
    hint: 'it probably waits for a disk or a network mount that does not answer; mend that first',
  })
}

/**
 * Every running process, except the caller itself, whose working directory or an open file lies in
 * `directory` (deleted files too). Proof that a database is stopped. As another user than root only
 * processes of that user are seen. Paths below the directory for which `ignore` says so do not count.
 */
export async function processesUsing(directory: string, ignore: (below: string) => boolean = () => false): Promise<ProcessIdentity[]> {
  const root = realDirectory(directory)
  const inside = root === '/' ? '/' : `${root}/`
  const holds = (target: string): boolean =>
    target === root || target === `${root} (deleted)` || (target.startsWith(inside) && !ignore(target.slice(inside.length)))
  return select((pid) => pid !== process.pid && openPaths(pid).some(holds))
}

function findByLabel(matches: (label: string) => boolean): ProcessIdentity[] {
  return select((pid) => {
    const entry = readOrEmpty(() => readFileSync(`/proc/${pid}/environ`, 'utf8'), '')
      .split('\0')
      .find((variable) => variable.startsWith('MUSTER_LABEL='))
    return entry !== undefined && matches(entry.slice('MUSTER_LABEL='.length))
  })
}

function select(matches: (pid: number) => boolean): ProcessIdentity[] {
  return listPids().flatMap((pid) => {
    // The identity is taken before and compared after: in between the number may have been given away.
    const before = readProcStat(pid)
    if (!before || !isAlive(before) || !matches(pid)) return []
    const identity = { pid, startTicks: before.startTicks, command: before.command }
    return runs(identity) ? [identity] : []
  })
}

function runs(identity: ProcessIdentity): boolean {
  const stat = readProcStat(identity.pid)
  return stat !== null && isAlive(stat) && stat.startTicks === identity.startTicks
}

function openPaths(pid: number): string[] {
  const descriptors = readOrEmpty(() => readdirSync(`/proc/${pid}/fd`), [])
  return [`/proc/${pid}/cwd`, ...descriptors.map((fd) => `/proc/${pid}/fd/${fd}`)].map((link) => readOrEmpty(() => readlinkSync(link), ''))
}

/** A process that has ended while it was looked at, or that belongs to someone else, shows nothing. */
function readOrEmpty<T>(read: () => T, empty: T): T {
  try {
    return read()
  } catch {
    return empty
  }
}

function realDirectory(directory: string): string {
  return readOrEmpty(() => realpathSync(directory), resolve(directory))
}

/** Sends a signal to exactly this process, and none when it has ended. @throws MusterError PreconditionFailed without the right to */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!runs(identity)) return
  try {
    process.kill(identity.pid, signal)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EPERM') return
    throw new MusterError('PreconditionFailed', `no right to end process ${identity.pid} (${identity.command})`, {
      cause,
      hint: 'run the agent as root or as the user of that process',
    })
  }
}

async function isGoneWithin(identity: ProcessIdentity, seconds: number): Promise<boolean> {
  const deadline = Date.now() + seconds * 1000
  for (let pauseMs = 5; runs(identity); pauseMs = Math.min(pauseMs * 2, 100)) {
    if (Date.now() >= deadline) return false
    await sleep(pauseMs)
  }
  return true
}
