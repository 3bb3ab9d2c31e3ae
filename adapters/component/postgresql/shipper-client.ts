/** Asks the WAL shipper of this host. */
import { request } from 'node:http'
import { MusterError, isFailureType } from '../../../domain/failures.ts'
import type { FlushAnswer, FlushRequest, InstanceStatus, PauseRequest, ResumeRequest, ShipperFailure, ShipperStatus } from './shipper-protocol.ts'

interface Calls {
  status: { ask: undefined; answer: ShipperStatus }
  flush: { ask: FlushRequest; answer: FlushAnswer }
  pause: { ask: PauseRequest; answer: InstanceStatus }
  resume: { ask: ResumeRequest; answer: InstanceStatus }
}

const answerLimitBytes = 1024 * 1024

/**
 * One question. Waits as long as a flush may take, and 30 s otherwise.
 * @throws MusterError Unreachable when no shipper listens; Timeout, UnknownName, Cancelled and what it reports
 */
export function shipperRequest<C extends keyof Calls>(
  socketPath: string,
  call: C,
  ask: Calls[C]['ask'],
  options: { readonly signal?: AbortSignal } = {},
): Promise<Calls[C]['answer']> {
  const body = ask === undefined ? '' : JSON.stringify(ask)
  const timeoutSeconds = ask !== undefined && 'timeoutSeconds' in ask ? ask.timeoutSeconds + 15 : 30
  return new Promise((resolve, reject) => {
    const ended = (error: NodeJS.ErrnoException) => reject(failureOf(error, socketPath, options.signal))
    const asked = request(
      {
        socketPath,
        path: `/${call}`,
        method: ask === undefined ? 'GET' : 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        timeout: timeoutSeconds * 1000,
        ...(options.signal ? { signal: options.signal } : {}),
      },
      (answer) => {
        const parts: Buffer[] = []
        let bytes = 0
        answer.on('data', (part: Buffer) => {
          bytes += part.length
          if (bytes > answerLimitBytes) asked.destroy(new Error('the answer is too long'))
          else parts.push(part)
        })
        answer.on('error', ended)
        answer.on('end', () => {
          try {
            const value: unknown = JSON.parse(Buffer.concat(parts).toString('utf8'))
            if (answer.statusCode === 200) resolve(value as Calls[C]['answer'])
            else reject(reported(value as ShipperFailure))
          } catch (error) {
            ended(error as Error)
          }
        })
      },
    )
    asked.on('timeout', () => asked.destroy(new MusterError('Timeout', `the WAL shipper at ${socketPath} did not answer in ${timeoutSeconds} s`)))
    asked.on('error', ended)
    asked.end(body)
  })
}

function reported(failure: ShipperFailure): MusterError {
  const type = isFailureType(failure.type) ? failure.type : 'MusterBug'
  return new MusterError(type, String(failure.message), { hint: String(failure.hint) })
}

function failureOf(error: Error, socketPath: string, signal: AbortSignal | undefined): MusterError {
  if (error instanceof MusterError) return error
  if (signal?.aborted) return new MusterError('Cancelled', 'the question to the WAL shipper was cancelled', { cause: error })
  return new MusterError('Unreachable', `no WAL shipper answers at ${socketPath}: ${error.message}`, {
    cause: error,
    hint: 'start it: muster up, or muster worker on that host',
  })
}
