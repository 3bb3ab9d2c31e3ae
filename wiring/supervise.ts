/** Keeps one long-lived part running: started again with a growing pause when it ends, ended with its group when we stop. */
import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'

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
  /** Ends it so that it is started again at once, with a new configuration. */
  restart(): void
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
    child = spawn(part.command, [...part.args], { env: part.env, stdio: ['ignore', log, log], detached: false })
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
    restart() {
      pauseMs = firstPauseMs
      child?.kill('SIGTERM')
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
