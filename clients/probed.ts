/** What vantage points saw of a system last, from the run that ended last: read without a worker. */
import type { Client } from '@temporalio/client'
import type { ProbeRecord } from '../domain/probes.ts'

export type ProbedSystem = Pick<ProbeRecord, 'at' | 'verdict' | 'sightings' | 'since' | 'standing' | 'preparedAt'>

const listSeconds = 10
/** Runs that failed before they looked say nothing. */
const mostRuns = 10

/** @returns null where no run has looked, or Temporal does not say */
export async function newestProbe(client: Client, system: string): Promise<ProbedSystem | null> {
  // Ended, not left behind: a call that still waits when its connection is closed throws where nobody can catch it.
  return client.withAbortSignal(AbortSignal.timeout(listSeconds * 1000), () => find(client, system)).catch(() => null)
}

/** Listed newest first; runs of a schedule one after the other. */
async function find(client: Client, system: string): Promise<ProbedSystem | null> {
  const query = `WorkflowType = 'probeSystem' and MusterSystem = '${system}'`
  let looked = 0
  for await (const { memo } of client.workflow.list({ query, pageSize: mostRuns })) {
    const probed = memo?.['probed']
    if (typeof probed === 'object' && probed !== null) return probed as ProbedSystem
    if (++looked >= mostRuns) return null
  }
  return null
}
