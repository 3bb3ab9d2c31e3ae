/** `muster up`, built, on a home of its own, and the command line beside it: processes as a person starts them. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { listPids, readProcStat } from '../../adapters/process/proc-stat.ts'
import type { Places } from '../../wiring/places.ts'
import { upHere } from '../../wiring/up-here.ts'
import { freePort } from './free-port.ts'
import { waitFor } from './rig.ts'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface MusterUp {
  readonly client: Client
  /** Starts everything, and waits until its state file says that it is up. */
  start(): Promise<void>
  /** As its service manager would, or as a power cut. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** One command to its end. */
  run(...words: readonly string[]): Promise<Ended>
  /** One command to its good end, with `--json`. */
  json<T>(...words: readonly string[]): Promise<T>
  /** What the worker has said since this was created. */
  workerLog(): Promise<string>
  /** Whether somebody takes workflow tasks of this server just now. */
  isServed(): Promise<boolean>
  /** The server of Temporal stands still while something is done to its files. */
  whileServerStands<T>(act: () => Promise<T>): Promise<T>
}

export async function createMusterUp(places: Places): Promise<MusterUp> {
  const ports = ['--port', String(await freePort()), '--ui-port', String(await freePort())]
  const address = `127.0.0.1:${ports[1]}`
  const env = {
    ...process.env,
    MUSTER_CONFIG: places.configFile,
    MUSTER_HOME: places.home,
    MUSTER_KEYS: places.keys,
    MUSTER_USER: 'alice',
    TEMPORAL_ADDRESS: address,
  }
  const state: { child: ChildProcess | null; client: Client | null; said: string } = { child: null, client: null, said: '' }
  const program = new URL('../../bin/muster', import.meta.url).pathname
  const muster = (words: readonly string[]) => spawn(program, words, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const up: MusterUp = {
    get client() {
      return state.client ?? assert.fail('muster up does not run')
    },
    async start() {
      const child = muster(['up', ...ports])
      state.child = child
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (state.said += chunk.toString()))
      await waitFor(`muster up; ${state.said}`, async () => (await upHere(places)) !== null || child.exitCode !== null, 90)
      assert.equal(child.exitCode, null, state.said)
      state.client = new Client({ connection: await Connection.connect({ address }) })
    },
    async stop(signal = 'SIGTERM') {
      const { child, client } = state
      state.child = null
      state.client = null
      await client?.connection.close()
      if (child === null || child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill(signal)
      await ended
      // Its parts end with it, a moment later where it was killed.
      await waitFor('the end of its parts', async () => partsOf(places).length === 0)
    },
    async run(...words) {
      const child = muster(words)
      const said = { stdout: '', stderr: '' }
      child.stdout?.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()))
      child.stderr?.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()))
      const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
      return { code, ...said }
    },
    async json(...words) {
      const { code, stdout, stderr } = await up.run('--json', ...words)
      assert.equal(code, 0, `muster ${words.join(' ')}: ${stdout} ${stderr}`)
      return JSON.parse(stdout)
    },
    workerLog: () => readFile(join(places.home, 'logs', 'worker.log'), 'utf8').catch(() => ''),
    async isServed() {
      const { pollers } = await up.client.workflowService.describeTaskQueue({ namespace: 'default', taskQueue: { name: 'muster' }, taskQueueType: 1 })
      return (pollers ?? []).some(({ lastAccessTime }) => Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1000 < 60_000)
    },
    async whileServerStands(act) {
      const pids = partsOf(places).filter((pid) => wordsOf(pid).includes('start-dev'))
      assert.equal(pids.length, 1, 'one server')
      for (const pid of pids) process.kill(pid, 'SIGSTOP')
      try {
        return await act()
      } finally {
        for (const pid of pids) process.kill(pid, 'SIGCONT')
      }
    },
  }
  return up
}

/** Of the supervisor, those that name this home. */
function partsOf({ home }: Places): readonly number[] {
  return listPids().filter((pid) => {
    const words = wordsOf(pid)
    const isPart = words.includes('start-dev') || words.includes('worker') || words.includes('shipper')
    return (
      isPart && readProcStat(pid)?.state !== 'Z' && (words.some((word) => word.startsWith(home)) || readOf(pid, 'environ').includes(`MUSTER_HOME=${home}\0`))
    )
  })
}

function wordsOf(pid: number): readonly string[] {
  return readOf(pid, 'cmdline').split('\0')
}

function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
