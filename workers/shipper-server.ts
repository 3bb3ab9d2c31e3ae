/** The shipper's Unix socket: JSON over HTTP, one question at a time per connection, nothing that a bad question could break. */
import { chmod, mkdir, rm } from 'node:fs/promises'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { ShipperFailure } from '../adapters/component/postgresql/shipper-protocol.ts'
import { MusterError } from '../domain/failures.ts'

const questionLimitBytes = 64 * 1024

export type ShipperCalls = Readonly<Record<'status' | 'flush' | 'pause' | 'resume', (ask: Record<string, unknown>) => Promise<unknown>>>

export interface ShipperServer {
  close(): Promise<void>
}

/**
 * Listens on a socket that only the agent's user can open. A socket that a killed shipper left is replaced.
 * @throws MusterError LockHeld when another shipper answers there
 */
export async function listen(socketPath: string, calls: ShipperCalls): Promise<ShipperServer> {
  if (await answers(socketPath))
    throw new MusterError('LockHeld', `another WAL shipper listens at ${socketPath}`, {
      hint: 'end it first; one shipper serves all components of a host',
    })
  await mkdir(dirname(socketPath), { recursive: true })
  await rm(socketPath, { force: true })
  const server = createServer((question, answer) => {
    handle(question, calls).then(
      (value) => send(answer, 200, value),
      (error: unknown) => send(answer, statusOf(error), failure(error)),
    )
  })
  server.on('clientError', (_error, socket) => void socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, resolve)
  })
  server.on('error', () => undefined)
  await chmod(socketPath, 0o600)
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    socket.once('connect', () => (socket.destroy(), resolve(true)))
    socket.once('error', () => resolve(false))
  })
}

async function handle(question: IncomingMessage, calls: ShipperCalls): Promise<unknown> {
  const name = (question.url ?? '/').replace(/^\//, '').replace(/\?.*$/, '')
  if (!Object.hasOwn(calls, name))
    throw new MusterError('UnknownName', `the WAL shipper has no "${name}"`, {
      hint: 'it has: status, flush, pause, resume',
    })
  const method = name === 'status' ? 'GET' : 'POST'
  if (question.method !== method) throw new MusterError('InvalidInput', `ask for ${name} with ${method}`)
  return calls[name as keyof ShipperCalls](method === 'GET' ? {} : await readQuestion(question))
}

async function readQuestion(question: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of question) {
    bytes += (part as Buffer).length
    if (bytes > questionLimitBytes) throw new MusterError('InvalidInput', `a question has at most ${questionLimitBytes} bytes`)
    parts.push(part as Buffer)
  }
  let value: unknown
  try {
    value = JSON.parse(Buffer.concat(parts).toString('utf8'))
  } catch (error) {
    throw new MusterError('InvalidInput', 'the question is not JSON', { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new MusterError('InvalidInput', 'the question is not a JSON object')
  return value as Record<string, unknown>
}

function send(answer: ServerResponse, status: number, value: unknown): void {
  if (answer.destroyed) return
  const body = JSON.stringify(value)
  answer.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  answer.end(body)
}

function failure(error: unknown): ShipperFailure {
  const known = error instanceof MusterError ? error : new MusterError('MusterBug', error instanceof Error ? error.message : String(error))
  return { type: known.type, message: known.message, hint: known.hint }
}

function statusOf(error: unknown): number {
  if (!(error instanceof MusterError)) return 500
  if (error.type === 'UnknownName') return 404
  if (error.type === 'InvalidInput') return 400
  return error.type === 'Timeout' ? 504 : 409
}
