/** One look at a service's health, from the host where it runs: by HTTP, TCP or a command. */
import { get as httpGet } from 'node:http'
import { get as httpsGet } from 'node:https'
import { connect } from 'node:net'
import type { HealthCheck } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import { runTool } from '../process/run-tool.ts'

export interface Health {
  readonly healthy: boolean
  /** For a person; without user, password or query of an address. */
  readonly detail: string
}

const lookSeconds = 5
const commandSeconds = 30

/**
 * Healthy: `http` answers the expected status within 5 s (redirects are not followed); `tcp` (host:port) accepts
 * a connection within 5 s; `command` exits with 0 within 30 s. What does not answer is unhealthy, not an error.
 * @throws MusterError Cancelled
 */
export async function lookAtHealth(check: HealthCheck, runAs?: string, signal?: AbortSignal): Promise<Health> {
  throwIfCancelled(signal)
  const health = await look(check, runAs, signal)
  throwIfCancelled(signal)
  return health
}

async function look(check: HealthCheck, runAs?: string, signal?: AbortSignal): Promise<Health> {
  if ('http' in check) return byHttp(check.http, check.expectStatus, signal)
  if ('tcp' in check) return byTcp(check.tcp, signal)
  return byCommand(check.command, runAs, signal)
}

async function byHttp(address: string, expectStatus: number, signal?: AbortSignal): Promise<Health> {
  if (!URL.canParse(address)) return unhealthy('the address of the health check is not a URL')
  const url = new URL(address)
  const place = `${url.origin}${url.pathname}`
  try {
    const status = await statusOf(url, withTimeout(signal))
    if (status === expectStatus) return { healthy: true, detail: `${place} answers ${status}` }
    return unhealthy(`${place} answers ${status}, ${expectStatus} expected`)
  } catch (error) {
    return unhealthy(`${place} ${reason(error)}`)
  }
}

/** A connection of its own per look: one kept from before a restart would tell of the old process. */
function statusOf(url: URL, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const get = url.protocol === 'https:' ? httpsGet : httpGet
    const request = get(url, { agent: false, signal }, (response) => {
      response.on('error', () => {})
      resolve(response.statusCode ?? 0)
      // The body is of no interest, and may be endless.
      response.destroy()
    })
    request.on('error', reject)
  })
}

async function byTcp(address: string, signal?: AbortSignal): Promise<Health> {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, '$1')
  const port = Number(address.slice(colon + 1))
  if (host === '' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    return unhealthy(`the health check ${address} is not host:port`)
  }
  try {
    await openConnection(host, port, withTimeout(signal))
    return { healthy: true, detail: `${address} accepts connections` }
  } catch (error) {
    return unhealthy(`${address} ${reason(error)}`)
  }
}

function openConnection(host: string, port: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal })
    socket.on('error', reject)
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
  })
}

async function byCommand(command: readonly string[], runAs?: string, signal?: AbortSignal): Promise<Health> {
  const [program = '', ...args] = command
  try {
    await runTool(program, args, {
      timeoutSeconds: commandSeconds,
      stdout: 'discard',
      ...(runAs === undefined ? {} : { runAs }),
      ...(signal && { signal }),
    })
    return { healthy: true, detail: `${program} succeeded` }
  } catch (error) {
    if (error instanceof MusterError) return unhealthy(error.message)
    throw error
  }
}

function unhealthy(detail: string): Health {
  return { healthy: false, detail }
}

function withTimeout(signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(lookSeconds * 1000)
  return signal ? AbortSignal.any([signal, timeout]) : timeout
}

/** Only the code goes on: the message of an error may repeat the whole address. */
function reason(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException
  if (code === 'ABORT_ERR' || name === 'TimeoutError') return `does not answer within ${lookSeconds} s`
  return code === 'ECONNREFUSED' ? 'refuses connections' : `does not answer (${code ?? name})`
}

function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  throw new MusterError('Cancelled', 'the health check was cancelled', { cause: signal.reason as unknown })
}
