/**
 * The WAL shipper of a host: a supervised process that works whether or not Temporal or the worker
 * does. It can be killed at any moment; what it needs to go on is in the spool, the slots and the stores.
 */
import { mkdir } from 'node:fs/promises'
import type { ShipperStatus } from '../adapters/component/postgresql/shipper-protocol.ts'
import { MusterError } from '../domain/failures.ts'
import { watchActivity } from './shipper-activity.ts'
import { flushRequest, pauseRequest, resumeRequest } from './shipper-questions.ts'
import { listen } from './shipper-server.ts'
import type { ShipperDependencies, ShipperInstance } from './shipper-types.ts'
import { InstanceShipper } from './wal-shipper-instance.ts'

export interface ShipperOptions {
  /**
   * Spools and staging, on a disk with room for a backlog. Where tools run as another operating-system user,
   * that user must be able to pass through it.
   */
  readonly stateDirectory: string
  readonly socketPath: string
  readonly signal: AbortSignal
}

/**
 * Ships the WAL of every instance until aborted; resolves when its receivers are gone.
 * @throws MusterError LockHeld when a shipper already serves the socket
 */
export async function runShipper(deps: ShipperDependencies, instances: readonly ShipperInstance[], options: ShipperOptions): Promise<void> {
  const { stateDirectory, socketPath, signal } = options
  const startedAt = new Date().toISOString()
  await mkdir(stateDirectory, { recursive: true, mode: 0o755 })
  const shippers = instances.map((instance) => new InstanceShipper(deps, instance, stateDirectory))
  const find = ({ system, component }: { readonly system: string; readonly component: string }) => {
    const found = shippers.find((one) => one.system === system && one.component === component)
    if (found === undefined) throw new MusterError('UnknownName', `this WAL shipper does not serve ${system}/${component}`)
    return found
  }
  const server = await listen(socketPath, {
    status: async (): Promise<ShipperStatus> => ({
      pid: process.pid,
      startedAt,
      instances: shippers.map((one) => one.status()),
    }),
    flush: async (ask) => find(flushRequest(ask)).flush(flushRequest(ask)),
    pause: async (ask) => find(pauseRequest(ask)).pause(pauseRequest(ask).reason),
    resume: async (ask) => find(resumeRequest(ask)).resume(resumeRequest(ask)),
  })
  try {
    await Promise.all([...shippers.map((one) => one.run(signal)), ...(deps.activity ? [watchActivity(deps.activity, shippers, signal)] : [])])
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  } finally {
    await server.close()
  }
}
