/** `muster worker`: serves the queues of a host and, where asked, of a site and of workflows, until told to stop. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { NativeConnection } from '@temporalio/worker'
import { connectConfig } from '../clients/connection.ts'
import { MusterError } from '../domain/failures.ts'
import { buildWorkflowBundle } from '../workers/bundle.ts'
import { createWorkers, runWorkers } from '../workers/worker.ts'
import { createAgent, packageRoot } from './agent.ts'
import type { Places } from './places.ts'
import { quietTemporal } from './quiet-temporal.ts'
import { untilStopped } from './stop-signal.ts'

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
    const agent = await createAgent({ places, host: options.host, site: options.site })
    const workers = await createWorkers({ connection, namespace, agent, roles: options.roles, bundle: options.roles.workflows ? await bundle() : { code: '' } })
    process.stderr.write(`worker of host ${options.host} is up\n`)
    await runWorkers(workers, signal)
  } finally {
    await connection.close().catch(() => undefined)
  }
}

/** The prebuilt bundle; built on the spot only when running from the sources. */
async function bundle(): Promise<{ codePath: string } | { code: string }> {
  const codePath = join(packageRoot(), 'dist', 'workflow-bundle.js')
  return existsSync(codePath) ? { codePath } : buildWorkflowBundle()
}
