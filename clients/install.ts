/** Brings an applied configuration to the agents, by a run that anyone can look at in the Temporal UI. */
import { type Client, WorkflowFailedError } from '@temporalio/client'
import { TerminatedFailure } from '@temporalio/common'
import { MusterError } from '../domain/failures.ts'
import { type ConfigDocuments, packDocuments } from '../repository/config-documents.ts'
import { within } from '../repository/within.ts'
import { type AskedAgent, installConfigId, type InstallConfigResult, packedLimit } from '../workflows/messages.ts'
import { isServed } from './served.ts'

export interface InstallRequest {
  readonly hosts: readonly string[]
  readonly sites: readonly string[]
  readonly documents: ConfigDocuments
  readonly requestedBy: string
  /** Until an agent that does not answer is owed it; default 5. */
  readonly waitSeconds?: number
}

/** What all agents together may weigh in one history. */
const historyLimitBytes = 4 * 1024 * 1024
const defaultWaitSeconds = 5
/** Longer than the run lets any agent work. */
const patienceSeconds = 45
const runTimeout = '15 minutes'

/**
 * Idempotent: asks every agent, and says of each whether it has it. Where no worker serves workflow code the run is left to be
 * done by the first that comes, and all are owed it. A run of an earlier apply that still goes on is ended: what it
 * brings is old.
 */
export async function installOnAgents(client: Client, request: InstallRequest): Promise<readonly AskedAgent[]> {
  const { hosts, sites, requestedBy, waitSeconds = defaultWaitSeconds } = request
  const packed = packDocuments(request.documents)
  const fits = packed.length <= packedLimit && packed.length * (hosts.length + sites.length + 1) <= historyLimitBytes
  const handle = await client.workflow.start('installConfig', {
    taskQueue: 'muster',
    workflowId: installConfigId,
    workflowIdConflictPolicy: 'TERMINATE_EXISTING',
    workflowRunTimeout: runTimeout,
    staticSummary: 'bring the applied configuration to every agent',
    args: [{ hosts, sites, waitSeconds, requestedBy, ...(fits && { documents: packed }) }],
  })
  const owed = (message: string): readonly AskedAgent[] => {
    const problem = { type: 'AgentAbsent' as const, message }
    const about = { state: 'owed' as const, configHash: null, number: null, problem }
    return [...hosts.map((name) => ({ kind: 'host' as const, name, ...about })), ...sites.map((name) => ({ kind: 'site' as const, name, ...about }))]
  }
  if (!(await isServed(client))) return owed('no worker serves workflow code')
  try {
    const { agents } = await within(waitSeconds + patienceSeconds, async () => (await handle.result()) as InstallConfigResult, `run ${installConfigId}`)
    return agents
  } catch (error) {
    if (error instanceof MusterError && error.type === 'Timeout') return owed(error.message)
    if (!(error instanceof WorkflowFailedError)) throw error
    // A worker of an older version, or somebody who ended the run: nobody said that he has it.
    return owed(error.cause instanceof TerminatedFailure ? 'another apply, or somebody, ended the run' : `the run did not succeed: ${error.cause?.message}`)
  }
}
