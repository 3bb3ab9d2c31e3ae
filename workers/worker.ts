/**
 * The workers of one process: one for workflow code, and activity-only ones for the queues of a site and
 * of hosts. Restores have queues of their own, so that backups cannot starve them.
 */
import { hostname } from 'node:os'
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker'
import type { Agent } from '../activities/agent.ts'
import { createHostActivities } from '../activities/host/index.ts'
import { createSiteActivities } from '../activities/site/index.ts'
import { bundleHash, type LoadedBundle, modulePath } from './bundle.ts'
import { registerSearchAttributes } from './search-attributes.ts'

export interface WorkerSetup {
  readonly connection: NativeConnection
  readonly namespace: string
  readonly agent: Agent
  /** Which queues this process serves. */
  readonly roles: { readonly workflows: boolean; readonly site: boolean; readonly host: boolean }
  readonly bundle: LoadedBundle
  /** Backups of one host at a time. */
  readonly concurrency?: number
  readonly identity?: string
  /** Put around the activities: how a test stops a worker at an exact moment. */
  readonly wrap?: <A extends object>(activities: A) => A
}

export const workflowQueue = 'muster'

/**
 * How long the next step of a run waits for the worker that ran the last one before any worker may take it. Temporal's
 * own ten seconds would be lost after each crash of a worker; a busy one that is passed over costs one replay.
 */
const replacedAfter = '2s'

/** Creates the workers; `run` them together with `runWorkers`. */
export async function createWorkers(setup: WorkerSetup): Promise<readonly Worker[]> {
  const { agent, roles, bundle } = setup
  const wrap = setup.wrap ?? (<A extends object>(activities: A) => activities)
  await registerSearchAttributes(setup.connection, setup.namespace)
  const common: Pick<
    WorkerOptions,
    | 'connection'
    | 'namespace'
    | 'dataConverter'
    | 'identity'
    | 'shutdownGraceTime'
    | 'shutdownForceTime'
    | 'maxHeartbeatThrottleInterval'
    | 'defaultHeartbeatThrottleInterval'
    | 'stickyQueueScheduleToStartTimeout'
  > = {
    connection: setup.connection,
    namespace: setup.namespace,
    dataConverter: { failureConverterPath: modulePath('./failure-converter') },
    shutdownGraceTime: '10s',
    shutdownForceTime: '30s',
    maxHeartbeatThrottleInterval: '5s',
    defaultHeartbeatThrottleInterval: '5s',
    stickyQueueScheduleToStartTimeout: replacedAfter,
    // Stands in every history and every evidence as who carried a step out.
    identity: setup.identity ?? `${process.pid}@${hostname()} (host ${agent.host}, site ${agent.site})`,
  }
  const workers: Worker[] = []
  // Histories name the code that decided: its hash finds the replay kit again.
  if (roles.workflows) workers.push(await Worker.create({ ...common, taskQueue: workflowQueue, workflowBundle: bundle, buildId: await bundleHash(bundle) }))
  if (roles.site) workers.push(await Worker.create({ ...common, taskQueue: `muster-site-${agent.site}`, activities: wrap(createSiteActivities(agent)) }))
  if (roles.host) {
    const activities = wrap(createHostActivities(agent))
    const maxConcurrentActivityTaskExecutions = setup.concurrency ?? 8
    workers.push(await Worker.create({ ...common, taskQueue: `muster-host-${agent.host}`, activities, maxConcurrentActivityTaskExecutions }))
    workers.push(await Worker.create({ ...common, taskQueue: `muster-host-${agent.host}-urgent`, activities, maxConcurrentActivityTaskExecutions: 20 }))
  }
  return workers
}

/** Runs until one of them ends or the signal comes; then all are shut down. */
export async function runWorkers(workers: readonly Worker[], signal: AbortSignal): Promise<void> {
  const stop = () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
  }
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    await Promise.all(workers.map((worker) => worker.run().finally(stop)))
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
