/** Starts workers that can be lost at an exact moment, and talks with them over their standard streams. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Places } from '../../../wiring/places.ts'
import type { Arming, StepReport } from './fault.ts'

export interface WorkerOrder {
  readonly places: Places
  readonly address: string
  readonly bundlePath: string
  readonly host: string
  readonly site: string
}

export interface FaultWorker {
  readonly process: ChildProcess
  /** What it did so far, step by step. */
  readonly reports: readonly StepReport[]
  /** Lets it take work. */
  go(): Promise<void>
  /** From now on it is lost at this moment. */
  arm(arming: Arming): Promise<void>
  /** Once the step is done that the fault armed last holds; it goes on after `release`. */
  held(): Promise<void>
  release(): void
  /** Resolves once it stands still. */
  frozen(): Promise<'SIGSTOP'>
  /** The signal or exit code with which it ended. */
  readonly ended: Promise<string | number | null>
  end(): Promise<void>
}

const answerWithinMs = 60_000

export async function spawnFaultWorker(script: string, order: WorkerOrder): Promise<FaultWorker> {
  // It lives for a run or two: optimising its code would cost more than that saves.
  const child = spawn(process.execPath, ['--no-opt', script], {
    env: { ...process.env, MUSTER_FAULT_ORDER: JSON.stringify(order), MUSTER_LOG: 'fatal' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const reports: StepReport[] = []
  const waiting = new Map<string, () => void>()
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    const [word = '', ...rest] = line.split(' ')
    if (word === 'did') reports.push(JSON.parse(rest.join(' ')) as StepReport)
    waiting.get(word)?.()
  })
  const ended = new Promise<string | number | null>((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)))
  const hears = (word: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the worker did not say "${word}" in ${answerWithinMs / 1000} s`)), answerWithinMs)
      waiting.set(word, () => {
        clearTimeout(timer)
        resolve()
      })
      void ended.then((how) => {
        clearTimeout(timer)
        reject(new Error(`the worker ended (${how}) before it said "${word}"`))
      })
    })
  const tell = async (line: string, answer: string): Promise<void> => {
    const heard = hears(answer)
    child.stdin?.write(`${line}\n`)
    await heard
  }
  let held = Promise.resolve()
  await hears('ready')
  return {
    process: child,
    reports,
    go: () => tell('go', 'polling'),
    async arm(arming) {
      held = new Promise((resolve) => waiting.set('held', resolve))
      await tell(JSON.stringify(arming), 'armed')
    },
    held: () => held,
    async frozen() {
      while (!/^State:\s+T/m.test(await readFile(`/proc/${child.pid}/status`, 'utf8'))) await sleep(50)
      return 'SIGSTOP'
    },
    release: () => void child.stdin?.write('release\n'),
    ended,
    async end() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await ended
    },
  }
}
