/** `muster worker`: serves the queues of a host and, where asked, of a site and of workflows, until told to stop. */
import { Client } from '@temporalio/client'
import { NativeConnection } from '@temporalio/worker'
import { releaseEnded } from '../activities/host/component-lock.ts'
import { connectConfig } from '../clients/connection.ts'
import { seeRuns } from '../clients/orchestrator.ts'
import type { Agent } from '../activities/agent.ts'
import { MusterError } from '../domain/failures.ts'
import { createLogger } from '../observability/logger.ts'
import { within } from '../repository/within.ts'
import type { LoadedBundle } from '../workers/bundle.ts'
import { registerSearchAttributes } from '../workers/search-attributes.ts'
import { createWorkers, runWorkers } from '../workers/worker.ts'
import { createAgent } from './agent.ts'
import { holdBack } from './hold-back.ts'
import { sentBy } from './offline.ts'
import type { Places } from './places.ts'
import { saveReplayKit } from './replay-kits.ts'
import { quietTemporal } from './quiet-temporal.ts'
import { untilStopped } from './stop-signal.ts'
import { loadBundle } from './workflow-bundle.ts'

export interface WorkerOptions {
  readonly host: string
  readonly site: string
  readonly roles: { readonly workflows: boolean; readonly site: boolean; readonly host: boolean }
}

export async function runWorker(places: Places, options: WorkerOptions): Promise<void> {
  quietTemporal()
  const signal = untilStopped()
  const { connectionOptions, namespace } = connectConfig()
  const connection = await NativeConnection.connect(connectionOptions).catch((error: unknown) => {
    throw new MusterError('TemporalUnreachable', `Temporal does not answer at ${connectionOptions.address ?? '127.0.0.1:7233'}`, { cause: error })
  })
  try {
    const client = new Client({ connection, namespace })
    const agent = await createAgent({ places, host: options.host, site: options.site, temporal: client })
    await catchUp(agent)
    // Schedules carry them: what adopts this Temporal makes the schedules.
    await registerSearchAttributes(connection, namespace)
    const decides = options.roles.workflows || options.roles.site
    await holdBack({ places, agent, client, decides, sentBy: sentBy(), signal })
    if (signal.aborted) return
    if (options.roles.host) await releaseLocks(agent, client)
    const code = options.roles.workflows ? await loadBundle() : { code: '' }
    if (options.roles.workflows) await keepKit(places, code, agent)
    const workers = await createWorkers({ connection, namespace, agent, roles: options.roles, bundle: code })
    process.stderr.write(`worker of host ${options.host} is up\n`)
    await runWorkers(workers, signal)
  } finally {
    await connection.close().catch(() => undefined)
  }
}

/** A run that was terminated, or that a lost Temporal took along, would keep every backup of its component waiting for a quarter of an hour. */
async function releaseLocks(agent: Agent, client: Client): Promise<void> {
  const released = await releaseEnded(agent, async ({ workflowId = '', run = '' }) => {
    const seen = await seeRuns(client, [{ workflowId, runId: run }])
    return seen.get(run)?.state === 'running'
  })
  if (released.length > 0) createLogger({ room: 'activities', host: agent.host }).warn({ released }, 'gave back locks of runs that do not go on')
}

/** Longer than a store that answers needs; what it misses then it gets with the first run that names it. */
const catchUpSeconds = 20

/** An agent that was away at an apply learns of it before it takes work. A host without a configuration waits for one. */
async function catchUp(agent: Agent): Promise<void> {
  const log = createLogger({ room: 'config', host: agent.host })
  try {
    await within(catchUpSeconds, () => agent.takeConfig(null), 'the stores')
  } catch (error) {
    const told = error instanceof MusterError ? { problem: error.message, hint: error.hint } : { problem: error instanceof Error ? error.message : 'unknown' }
    log.warn(told, 'could not look in the stores for a newer configuration')
  }
}

/** Without it this code's runs cannot be replayed one day; that is no reason not to carry them out. */
async function keepKit(places: Places, code: LoadedBundle, agent: Agent): Promise<void> {
  try {
    await saveReplayKit(places, code)
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    createLogger({ room: 'audit', host: agent.host }).warn({ problem }, 'could not keep the replay kit of this code')
  }
}
