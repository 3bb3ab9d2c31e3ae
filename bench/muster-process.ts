/** `muster worker` and `muster shipper` as a user runs them, in processes of their own whose memory can be looked at. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { packageRoot } from '../wiring/agent.ts'
import type { Places } from '../wiring/places.ts'

export interface MusterProcess {
  readonly pid: number
  readonly logFile: string
  isRunning(): boolean
  /** The most that was resident since the start, or since `forgetPeak`. */
  peakMemoryMebibytes(): Promise<number>
  forgetPeak(): Promise<void>
  /** Resolves when it is gone. */
  end(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** What runs: dist/, which the set-up has built just now, or the sources as they are. */
export type Build = 'built' | 'sources'

export function startMuster(verb: 'worker' | 'shipper', build: Build, places: Places, temporalAddress: string): MusterProcess {
  const logFile = join(places.home, `${verb}.log`)
  const log = openSync(logFile, 'a', 0o600)
  const args = [...programOf(build), verb, '--host', 'localhost', '--site', 'primary', ...(verb === 'worker' ? ['--all'] : [])]
  const env = { ...process.env, MUSTER_CONFIG: places.configFile, MUSTER_HOME: places.home, MUSTER_KEYS: places.keys, TEMPORAL_ADDRESS: temporalAddress }
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', log, log] })
  closeSync(log)
  const pid = child.pid
  if (pid === undefined) throw new Error(`muster ${verb} could not be started`)
  return {
    pid,
    logFile,
    isRunning: () => isRunning(child),
    peakMemoryMebibytes: async () => Math.ceil(Number(/^VmHWM:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024),
    forgetPeak: () => writeFile(`/proc/${pid}/clear_refs`, '5'),
    async end(signal = 'SIGTERM') {
      if (!isRunning(child)) return
      const gone = new Promise((resolve) => child.once('exit', resolve))
      const late = setTimeout(() => child.kill('SIGKILL'), 40_000)
      child.kill(signal)
      await gone
      clearTimeout(late)
    },
  }
}

function programOf(build: Build): readonly string[] {
  if (build === 'built') return [join(packageRoot(), 'bin', 'muster')]
  return ['--import', createRequire(import.meta.url).resolve('tsx'), join(packageRoot(), 'bin', 'muster.ts')]
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}
