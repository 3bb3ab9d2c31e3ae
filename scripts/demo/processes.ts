/** The processes of the demo: started in sessions of their own, found again by a label whoever started them, ended together. */
import { mkdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { endLabelled, endProcess, findLabelled, identify, isRunning, processesUsing } from '../../adapters/process/find-processes.ts'
import type { ProcessIdentity } from '../../adapters/process/process.ts'
import { startService } from '../../adapters/process/start-service.ts'
import type { DemoPlaces } from './places.ts'

/** What servers and tools are called that carry no label, since Muster starts them in a clean environment. */
const unlabelled = ['postgres', 'pg_receivewal', 'pg_basebackup', 'pg_ctl']

export function demoLabel(places: DemoPlaces): string {
  return `muster-demo ${places.base}`
}

export async function startPart(
  places: DemoPlaces,
  name: string,
  command: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
): Promise<ProcessIdentity> {
  const [program, ...args] = command
  return startService(program, args, { env: { ...passedOn(), ...env }, label: demoLabel(places), logFile: join(places.logs, `${name}.log`) })
}

function passedOn(): Record<string, string> {
  const names = ['XDG_CACHE_HOME', 'NODE_OPTIONS', 'TMPDIR', 'NODE_EXTRA_CA_CERTS']
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])))
}

/** Ends everything that belongs to the demo, whoever started it and however its own main process ended. Idempotent. */
export async function endEverything(places: DemoPlaces): Promise<number> {
  const supervisor = await supervisorOf(places)
  let ended = 0
  if (supervisor && (await isRunning(supervisor))) {
    // It stops its parts in order; what is too slow for it is ended below.
    await endProcess(supervisor, { graceSeconds: 12 })
    ended++
  }
  ended += (await endLabelled(demoLabel(places), { graceSeconds: 3 })).length
  return ended + (await endServers(places.base))
}

/** `muster up` writes who it is. */
async function supervisorOf(places: DemoPlaces): Promise<ProcessIdentity | null> {
  const text = await readFile(join(places.muster.home, 'up.json'), 'utf8').catch(() => null)
  if (text === null) return null
  const identity = await identify((JSON.parse(text) as { pid: number }).pid)
  const mine = (await findLabelled(demoLabel(places))).some(({ pid, startTicks }) => pid === identity?.pid && startTicks === identity.startTicks)
  return mine ? identity : null
}

/** PostgreSQL below a directory, as when its disk dies: nothing more is written, and nothing of it is left. */
export async function endServers(directory: string): Promise<number> {
  const found = await serversUsing(directory)
  for (const { pid, command } of found) if (command === 'postgres') quit(pid)
  for (let tries = 0; tries < 20 && (await serversUsing(directory)).length > 0; tries++) await sleep(50)
  for (const one of await serversUsing(directory)) await endProcess(one, { graceSeconds: 0 })
  return found.length
}

/** The first one takes the others with it. */
function quit(pid: number): void {
  try {
    process.kill(pid, 'SIGQUIT')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function serversUsing(directory: string): Promise<readonly ProcessIdentity[]> {
  const found: ProcessIdentity[] = []
  for (const one of await processesUsing(directory)) {
    const program = await readlink(`/proc/${one.pid}/exe`).catch(() => one.command)
    if (unlabelled.includes(basename(program.replace(/ \(deleted\)$/, '')))) found.push(one)
  }
  return found
}

/** One demo of a clone at a time. @returns how to give the place back */
export async function takePlace(places: DemoPlaces): Promise<() => Promise<void>> {
  const file = join(places.outcome, 'demo.pid')
  const other = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as ProcessIdentity,
    () => null,
  )
  if (other && (await isRunning(other))) {
    throw new Error(`a demo of this clone is running already (process ${other.pid}); wait for it, or end it: npm run demo -- --stop`)
  }
  await mkdir(places.outcome, { recursive: true })
  await writeFile(file, JSON.stringify(await identify(process.pid)))
  return () => rm(file, { force: true })
}

/** Ends a demo that is under way in another terminal. */
export async function endOther(places: DemoPlaces): Promise<void> {
  const other = await readFile(join(places.outcome, 'demo.pid'), 'utf8').then(
    (text) => JSON.parse(text) as ProcessIdentity,
    () => null,
  )
  if (other && other.pid !== process.pid) await endProcess(other, { graceSeconds: 30 })
}
