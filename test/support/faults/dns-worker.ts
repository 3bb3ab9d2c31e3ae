/**
 * A worker in a process of its own that dies (or freezes) at an exact moment. It loads everything, says `ready`, and
 * polls only once it reads `go` on stdin: a replacement stands by without taking work.
 *
 * MUSTER_FAULT = <activity>:<moment>[:<signal>], moments: `running` (after it began), `effect` (done, but not reported),
 * `request` (right before a DNS provider is asked for a change). Only the first attempt of the activity is hit.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Context } from '@temporalio/activity'
import { NativeConnection } from '@temporalio/worker'
import type { Agent } from '../../../activities/agent.ts'
import type { Dns } from '../../../adapters/dns/dns.ts'
import { createAgent } from '../../../wiring/agent.ts'
import type { Places } from '../../../wiring/places.ts'
import { quietTemporal } from '../../../wiring/quiet-temporal.ts'
import { createWorkers, runWorkers } from '../../../workers/worker.ts'

interface Order {
  readonly places: Places
  readonly address: string
  readonly bundlePath: string
  /** In place of its own: a worker as on another host of the site. */
  readonly hostDirectory?: string
}

const order = JSON.parse(process.env['MUSTER_FAULT_ORDER'] ?? '{}') as Order
const [activity = '', moment = '', signal = 'SIGKILL'] = (process.env['MUSTER_FAULT'] ?? '').split(':')

quietTemporal()
const connection = await NativeConnection.connect({ address: order.address })
const made = await createAgent({ places: order.places, host: 'localhost', site: 'primary' })
const agent: Agent = order.hostDirectory === undefined ? made : { ...made, hostDirectory: order.hostDirectory }
const frozen = freezing(agent)
process.stdout.write('ready\n')
await new Promise<void>((resolve) => process.stdin.once('data', () => resolve()))
const workers = await createWorkers({
  connection,
  namespace: 'default',
  agent: frozen,
  roles: { workflows: true, site: true, host: true },
  bundle: { codePath: order.bundlePath },
  wrap,
})
process.stdout.write('polling\n')
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
await runWorkers(workers, stop.signal)
await connection.close()

function die(): void {
  process.kill(process.pid, signal as NodeJS.Signals)
}

function wrap<A extends object>(activities: A): A {
  const wrapped = Object.entries(activities).map(([name, run]) => [name, faulty(name, run as (input: unknown) => Promise<unknown>)])
  return Object.fromEntries(wrapped) as A
}

function faulty(name: string, run: (input: unknown) => Promise<unknown>): (input: unknown) => Promise<unknown> {
  return async (input) => {
    const hit = name === activity && Context.current().info.attempt === 1
    if (hit && moment === 'running') void sleep(25).then(die)
    const result = await run(input)
    if (hit && moment === 'running') die()
    if (hit && moment === 'effect') die()
    return result
  }
}

function freezing(agent: Agent): Agent {
  if (moment === 'request') return { ...agent, dns: (...about) => freezeBeforeRequest(agent.dns(...about)) }
  return agent
}

function freezeBeforeRequest(dns: Dns): Dns {
  const { provider } = dns
  const change: Dns['change'] = (request, abort) => {
    const beforeChange = freezeBefore(async () => request.beforeChange?.())
    return dns.change({ ...request, beforeChange }, abort)
  }
  return {
    provider,
    change,
    read: (abort) => dns.read(abort),
    awaitSettled: (changed, abort) => dns.awaitSettled(changed, abort),
    observe: (wanted, abort) => dns.observe(wanted, abort),
    unlisted: (abort) => dns.unlisted(abort),
    dryRun: (abort) => dns.dryRun(abort),
  }
}

function freezeBefore<T extends (...args: never[]) => Promise<unknown>>(step: T): T {
  return (async (...args: Parameters<T>) => {
    if (Context.current().info.attempt === 1) process.kill(process.pid, 'SIGSTOP')
    return step(...args)
  }) as T
}
