/** Muster as a user has it: `muster up` as a process of its own, verbs of its command line, and the client library. */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '@temporalio/client'
import { isRunning } from '../../adapters/process/find-processes.ts'
import { listPids, readProcStat } from '../../adapters/process/proc-stat.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import { connectTemporal } from '../../clients/connection.ts'
import type { DemoPlaces } from './places.ts'
import { freePort } from './ports.ts'
import { demoLabel, startPart } from './processes.ts'
import { ownCommand } from './programs.ts'

export interface Muster {
  readonly uiUrl: string
  readonly address: string
  readonly env: Readonly<Record<string, string>>
  readonly client: Client
  /** One command line with `--json`; its result. @throws when it ends with another exit code than 0 */
  run<T>(...args: readonly string[]): Promise<T>
  /** The most memory that a worker process of this run ever had resident. */
  peakMemoryMiB(): Promise<number>
}

const upSeconds = 60
const anyExitCode = Array.from({ length: 256 }, (_, code) => code)

export async function startMuster(places: DemoPlaces): Promise<Muster> {
  const port = await freePort(7233)
  const uiPort = await freePort(8233)
  const uiUrl = `http://127.0.0.1:${uiPort}`
  const address = `127.0.0.1:${port}`
  const { configFile, home, keys } = places.muster
  const env = { MUSTER_CONFIG: configFile, MUSTER_HOME: home, MUSTER_KEYS: keys, MUSTER_UI: uiUrl, MUSTER_USER: 'bob', TEMPORAL_ADDRESS: address }
  const ready = join(home, 'up.json')
  await mkdir(home, { recursive: true, mode: 0o711 })
  await rm(ready, { force: true })
  const command = ownCommand('bin/muster')
  const up = await startPart(places, 'muster-up', [...command, 'up', '--port', String(port), '--ui-port', String(uiPort)], env)
  for (const deadline = Date.now() + upSeconds * 1000; !(await isThere(ready)); await sleep(100)) {
    const why = `see ${join(places.logs, 'muster-up.log')} and ${join(home, 'logs')}`
    if (!(await isRunning(up))) throw new Error(`muster up ended by itself; ${why}`)
    if (Date.now() > deadline) throw new Error(`muster up is not ready after ${upSeconds} s; ${why}`)
  }
  process.env['TEMPORAL_ADDRESS'] = address
  const client = await connectTemporal(10)
  let peakMiB = 0
  return {
    uiUrl,
    address,
    env,
    client,
    async run<T>(...args: readonly string[]) {
      const [program, ...before] = command
      const environment = { ...env, MUSTER_LABEL: demoLabel(places) }
      const { stdout, exitCode } = await runTool(program, [...before, '--json', ...args], { env: environment, timeoutSeconds: 300, okExitCodes: anyExitCode })
      const answer = JSON.parse(stdout) as T & { readonly error?: { readonly message: string; readonly hint: string } }
      if (exitCode !== 0) throw new Error(`muster ${args.join(' ')} ended with ${exitCode}: ${answer.error?.message ?? stdout}\n  ${answer.error?.hint ?? ''}`)
      return answer
    },
    async peakMemoryMiB() {
      const now = await Promise.all(workersBelow(up.pid).map(peakOf))
      peakMiB = Math.max(peakMiB, ...now)
      return peakMiB
    },
  }
}

function isThere(path: string): Promise<boolean> {
  return readFile(path).then(
    () => true,
    () => false,
  )
}

/** The supervisor's children that are called `muster worker`. */
function workersBelow(supervisor: number): readonly number[] {
  return listPids().filter((pid) => readProcStat(pid)?.parentPid === supervisor)
}

async function peakOf(pid: number): Promise<number> {
  const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  if (!words.split('\0').includes('worker')) return 0
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Math.ceil(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024)
}
