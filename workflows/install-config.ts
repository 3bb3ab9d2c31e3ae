/**
 * Brings an applied configuration to the agents of hosts and sites.
 *
 *  1. ask each agent, beside each other: it proves the signatures against the fingerprint pinned on its host, and keeps it
 *  2. say of each: it has it, it is owed it (nobody answered in time), or it refused, and why
 *
 * Additive: nothing to undo, and no point of no return. An agent that is owed it fetches it from a store when it starts,
 * or when a run names it.
 */
import { isCancellation } from '@temporalio/workflow'
import type { InstalledConfig } from '../activities/install-config.ts'
import type { FailureType } from '../domain/failures.ts'
import { defaultTimeLimits, type TimeLimits } from '../domain/time-limits.ts'
import { promptOnSite, urgentOnHost } from './activity-options.ts'
import { failureOf, isFailure, type PlainFailure } from './failure-of.ts'
import { type InstallConfigInput, installConfigMessage } from './messages.ts'
import { fail, procedure } from './procedure.ts'
import { createProgressBoard, type Outcome } from './progress.ts'
import { together } from './together.ts'

export interface AskedAgent {
  readonly kind: 'host' | 'site'
  readonly name: string
  /** `owed`: it did not answer; `refused`: it answered, and does not have it. */
  readonly state: 'has' | 'owed' | 'refused'
  readonly configHash: string | null
  readonly number: number | null
  readonly problem: PlainFailure | null
}

export interface InstallConfigResult {
  readonly outcome: Outcome
  readonly agents: readonly AskedAgent[]
}

/** Until an agent that is up has taken the step and done it; one that is not is named by then. */
export const waitSeconds = 5
const workSeconds = 30

export const installConfig = procedure('installConfig', installConfigMessage, async (input: InstallConfigInput): Promise<InstallConfigResult> => {
  const board = createProgressBoard('installConfig', null)
  const wait = input.waitSeconds ?? waitSeconds
  const limits: TimeLimits = { ...defaultTimeLimits, agentSeconds: wait, controlSeconds: wait + workSeconds, retrySeconds: 1 }
  const documents = input.documents ?? null
  const hosts = input.hosts ?? []
  const sites = input.sites ?? []
  if (hosts.length + sites.length === 0) throw fail('NothingToDo', 'no host and no site is named')
  board.phase('asking agents')
  try {
    const summary = { summary: 'take the applied configuration' }
    const agents = await together([
      ...hosts.map((name) => () => ask('host', name, () => urgentOnHost(name, 'control', limits).installConfig.executeWithOptions(summary, [{ documents }]))),
      ...sites.map((name) => () => ask('site', name, () => promptOnSite(name, limits).installConfig.executeWithOptions(summary, [{ documents }]))),
    ])
    const outcome = outcomeOf(agents)
    board.note(agents.map(lineOf))
    board.phase(outcome)
    board.outcome(outcome)
    return { outcome, agents }
  } catch (error) {
    if (!isFailure(error)) throw error
    board.phase(isCancellation(error) ? 'cancelled' : 'failed')
    board.outcome(isCancellation(error) ? 'cancelled' : 'failed')
    throw error
  }
})

/** Whatever one agent says, the others are asked too. */
async function ask(kind: AskedAgent['kind'], name: string, install: () => Promise<InstalledConfig>): Promise<AskedAgent> {
  try {
    const { configHash, number } = await install()
    return { kind, name, state: 'has', configHash, number, problem: null }
  } catch (error) {
    if (isCancellation(error) || !isFailure(error)) throw error
    const problem = failureOf(error)
    return { kind, name, state: unanswered.has(problem.type) ? 'owed' : 'refused', configHash: null, number: null, problem }
  }
}

const unanswered: ReadonlySet<FailureType> = new Set(['AgentAbsent', 'Timeout'])

function outcomeOf(agents: readonly AskedAgent[]): Outcome {
  if (agents.some(({ state }) => state === 'refused')) return 'refused'
  return agents.some(({ state }) => state === 'owed') ? 'degraded' : 'succeeded'
}

function lineOf({ kind, name, state, configHash, problem }: AskedAgent): string {
  return `${kind} ${name}: ${problem ? `${state}, ${problem.message}` : `has ${configHash?.slice(0, 12)}`}`
}
