/** One look at a service's health: by HTTP, TCP or a command; running is enough where nothing is configured. */
import { connect } from 'node:net'
import type { HealthCheck } from '../../domain/config.ts'
import { runTool } from '../process/run-tool.ts'
import type { ServiceState } from './service.ts'

export interface Health {
  readonly healthy: boolean
  readonly detail: string
}

const lookSeconds = 5

export async function lookAtHealth(
  service: { readonly name: string; observe(signal?: AbortSignal): Promise<ServiceState> },
  check: HealthCheck | undefined,
  signal?: AbortSignal,
): Promise<Health> {
  if (check === undefined) {
    const state = await service.observe(signal)
    return { healthy: state === 'running', detail: `${service.name} is ${state}` }
  }
  if ('http' in check) return byHttp(check.http, check.expectStatus, signal)
  if ('tcp' in check) return byTcp(check.tcp)
  return byCommand(check.command, signal)
}

async function byHttp(url: string, expectStatus: number, signal?: AbortSignal): Promise<Health> {
  try {
    const timeout = AbortSignal.timeout(lookSeconds * 1000)
    const answer = await fetch(url, { redirect: 'manual', signal: signal ? AbortSignal.any([signal, timeout]) : timeout })
    await answer.body?.cancel()
    return { healthy: answer.status === expectStatus, detail: `${url} answers ${answer.status}${answer.status === expectStatus ? '' : `, ${expectStatus} expected`}` }
  } catch (error) {
    signal?.throwIfAborted()
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : error instanceof Error ? error.message : String(error)
    return { healthy: false, detail: `${url} does not answer: ${cause}` }
  }
}

function byTcp(address: string): Promise<Health> {
  const colon = address.lastIndexOf(':')
  return new Promise((resolve) => {
    const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)), timeout: lookSeconds * 1000 })
    const end = (healthy: boolean, detail: string) => {
      socket.destroy()
      resolve({ healthy, detail })
    }
    socket.once('connect', () => end(true, `${address} accepts connections`))
    socket.once('timeout', () => end(false, `${address} does not answer within ${lookSeconds} s`))
    socket.once('error', (error) => end(false, `${address} does not answer: ${error.message}`))
  })
}

async function byCommand(command: readonly string[], signal?: AbortSignal): Promise<Health> {
  const [program = '', ...args] = command
  try {
    await runTool(program, args, { timeoutSeconds: 30, ...(signal && { signal }) })
    return { healthy: true, detail: `${program} succeeded` }
  } catch (error) {
    signal?.throwIfAborted()
    return { healthy: false, detail: error instanceof Error ? error.message : String(error) }
  }
}
