/**
 * Keeps one long-lived part running: started again with a growing pause when it ends, ended when we stop, and by the
 * kernel when we are killed, so that no part goes on without a supervisor.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { deathSignalWrapper } from '../adapters/process/launch.ts'

export interface Part {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly logFile: string
}

export interface Supervised {
  readonly name: string
  /** Ends it for good. */
  stop(): Promise<void>
  readonly pid: number | undefined
}

const firstPauseMs = 500
const longestPauseMs = 15_000
const steadyMs = 30_000

export function supervise(part: Part, onEvent: (text: string) => void): Supervised {
  let stopped = false
  let pauseMs = firstPauseMs
  let child: ChildProcess | null = null
  let ended: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | null = null
  const start = () => {
    const log = openSync(part.logFile, 'a', 0o600)
    const startedAt = Date.now()
    const [program = part.command, ...args] = [...deathSignalWrapper(), part.command, ...part.args]
    child = spawn(program, args, { env: part.env, stdio: ['ignore', log, log], detached: false })
    closeSync(log)
    ended = new Promise((resolve) => {
      child?.once('error', (error) => {
        onEvent(`${part.name} could not be started: ${error.message}`)
        resolve()
      })
      child?.once('exit', (code, signal) => {
        resolve()
        if (stopped) return
        if (Date.now() - startedAt > steadyMs) pauseMs = firstPauseMs
        onEvent(`${part.name} ended (${signal ?? code}); starting it again in ${pauseMs / 1000} s, see ${part.logFile}`)
        timer = setTimeout(start, pauseMs)
        pauseMs = Math.min(longestPauseMs, pauseMs * 2)
      })
    })
  }
  start()
  return {
    name: part.name,
    get pid() {
      return child?.pid
    },
    async stop() {
      stopped = true
      if (timer) clearTimeout(timer)
      child?.kill('SIGTERM')
      const late = setTimeout(() => child?.kill('SIGKILL'), 40_000)
      await ended
      clearTimeout(late)
    },
  }
}
