/** A command of the owner's in the foreground: it has our terminal, our environment and our signals. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { MusterError } from '../../domain/failures.ts'

const passedOn = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

/**
 * Runs it to its end. What we are told by a signal it is told as well.
 * @returns its exit code; 128 and the signal's number where one ended it
 * @throws MusterError CommandFailed when it cannot be started
 */
export async function runInFront(words: readonly string[]): Promise<number> {
  const [program = '', ...args] = words
  const child = spawn(program, args, { stdio: 'inherit' })
  const pass = new Map(passedOn.map((name) => [name, () => void child.kill(name)] as const))
  for (const [name, handler] of pass) process.on(name, handler)
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', (cause: NodeJS.ErrnoException) => {
        reject(new MusterError('CommandFailed', `${program} could not be started (${cause.code ?? 'unknown'})`, { hint: 'correct the command after --' }))
      })
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
    })
  } finally {
    for (const [name, handler] of pass) process.off(name, handler)
  }
}
