/** What a person reads, or with `--json` a program: never both on one stream. Colour only on a terminal. */
import { failures, type FailureType, isFailureType, MusterError } from '../../domain/failures.ts'

export interface Output {
  readonly json: boolean
  readonly isTerminal: boolean
  /** A line for a person; nothing with `--json`. */
  line(text?: string): void
  /** The result: printed as one JSON document with `--json`, else by `human`. */
  result(value: unknown, human: () => void): void
  /** A line that is overwritten on a terminal, and printed once per change elsewhere; on stderr. */
  progress(text: string): void
  progressDone(): void
  warn(text: string): void
}

export function createOutput(options: { readonly json: boolean; readonly stdout?: NodeJS.WriteStream; readonly stderr?: NodeJS.WriteStream }): Output {
  const stdout = options.stdout ?? process.stdout
  const stderr = options.stderr ?? process.stderr
  const isTerminal = stderr.isTTY === true
  let shown = ''
  return {
    json: options.json,
    isTerminal,
    line(text = '') {
      if (!options.json) stdout.write(`${text}\n`)
    },
    result(value, human) {
      if (options.json) stdout.write(`${JSON.stringify(value, null, 2)}\n`)
      else human()
    },
    progress(text) {
      if (options.json || text === shown) return
      if (isTerminal) stderr.write(`\r\x1b[2K${text.slice(0, (stderr.columns ?? 100) - 1)}`)
      else stderr.write(`${text}\n`)
      shown = text
    },
    progressDone() {
      if (isTerminal && shown !== '') stderr.write('\r\x1b[2K')
      shown = ''
    },
    warn(text) {
      stderr.write(`warning: ${text}\n`)
    },
  }
}

export interface ToldFailure {
  readonly type: FailureType
  readonly message: string
  readonly hint: string
  readonly exitCode: number
}

/** What an error is to a person: type, what happened, what to do. Looks through the wrappers of Temporal's client. */
export function explain(error: unknown): ToldFailure {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    if (one instanceof MusterError) return { type: one.type, message: one.message, hint: one.hint, exitCode: failures[one.type].exitCode }
    const type = 'type' in one && typeof one.type === 'string' ? one.type : ''
    if (isFailureType(type)) {
      const [detail] = 'details' in one && Array.isArray(one.details) ? (one.details as { hint?: string }[]) : []
      return { type, message: one.message, hint: detail?.hint ?? failures[type].hint, exitCode: failures[type].exitCode }
    }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { type: 'MusterBug', message, hint: failures.MusterBug.hint, exitCode: failures.MusterBug.exitCode }
}
