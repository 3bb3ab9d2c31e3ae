import { spawn } from 'node:child_process'
import { constants } from 'node:os'

const kept = 64 * 1024

/**
 * Runs a program to its end without a shell. Never throws: `code` is 127 when it is not there and 124 when
 * it took longer than `timeoutSeconds`; `output` is the end of what it printed, both streams.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, timeoutSeconds?: number, watch?: () => boolean }} options
 *   `watch` is asked every second; the program is ended when it answers false
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    let output = ''
    let late = false
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const end = () => {
      late = true
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch {
        // it has just ended
      }
    }
    const stopWithUs = () => {
      end()
      process.exit(130)
    }
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stopWithUs)
    const timer = setTimeout(end, (options.timeoutSeconds ?? 60) * 1000)
    const watcher = options.watch && setInterval(() => options.watch() || end(), 1000)
    const collect = (chunk) => {
      output = (output + chunk).slice(-kept)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    const settle = (code) => {
      clearTimeout(timer)
      clearInterval(watcher)
      for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, stopWithUs)
      resolve({ code: late ? 124 : code, output })
    }
    child.on('error', (error) => settle(error.code === 'ENOENT' || error.code === 'EACCES' ? 127 : 126))
    child.on('close', (code, signal) => settle(code ?? 128 + constants.signals[signal]))
  })
}

/** The last lines of an output, for an error message. */
export function tail(output, lines = 5) {
  return output.trim().split('\n').slice(-lines).join('\n    ')
}
