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

/** What the server says of an update that a run had accepted, and did not come to answer. */
const endedMeanwhile = 'AcceptedUpdateCompletedWorkflow'

/** What an error is to a person: type, what happened, what to do. Looks through the wrappers of Temporal's client. */
export function explain(error: unknown): ToldFailure {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    if (one instanceof MusterError) return told(one.type, one.message, one.hint)
    const type = 'type' in one && typeof one.type === 'string' ? one.type : ''
    if (isFailureType(type)) {
      const [detail] = 'details' in one && Array.isArray(one.details) ? (one.details as { hint?: string }[]) : []
      return told(type, one.message, detail?.hint)
    }
    if (type === endedMeanwhile) return told('PreconditionFailed', 'the run ended before it took the answer', 'muster status shows what runs')
    const known = ofTemporal(one)
    if (known) return known
  }
  const message = error instanceof Error ? error.message : String(error)
  return told('MusterBug', message)
}

/** A hint that the message ends with already is not said twice. */
function told(type: FailureType, message: string, hint: string = failures[type].hint): ToldFailure {
  const twice = `; ${hint}`
  return { type, message: message.endsWith(twice) ? message.slice(0, -twice.length) : message, hint, exitCode: failures[type].exitCode }
}

/** What Temporal's client throws, by name: this room has only some of its classes. */
function ofTemporal(error: Error): ToldFailure | null {
  switch (error.name) {
    case 'WorkflowNotFoundError': {
      if (/already completed/.test(error.message)) return told('PreconditionFailed', 'the run has ended already', 'muster status shows what runs')
      const id = 'workflowId' in error ? String(error.workflowId) : ''
      return told('UnknownName', `there is no run "${id}"`, 'muster status shows what runs')
    }
    case 'CancelledFailure':
      return told('Cancelled', 'the run was cancelled')
    case 'TerminatedFailure':
      return told('Cancelled', 'the run was terminated in Temporal', 'it could not clean up: see "Finishing by hand" in docs/operating.md')
    case 'TimeoutFailure':
      return told('Timeout', error.message)
    case 'ServiceError':
      if (isOutage(error.cause)) return told('TemporalUnreachable', 'Temporal does not answer any more; runs go on as soon as it is back')
      return told('MusterBug', `${error.message}${saidBy(error.cause)}`)
    default:
      return null
  }
}

/** What the server gave as the reason. */
function saidBy(cause: unknown): string {
  return cause instanceof Error && 'details' in cause && typeof cause.details === 'string' ? `: ${cause.details}` : ''
}

/** UNAVAILABLE and DEADLINE_EXCEEDED of gRPC. */
function isOutage(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 14 || cause.code === 4)
}
