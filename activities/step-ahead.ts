/** Before each step: a note on this host, and before the first that changes a system in place a mark in the stores. */
import { MusterError } from '../domain/failures.ts'
import type { BegunMark } from '../domain/repository-format.ts'
import { storeBegunMark } from '../repository/begun-marks.ts'
import type { Agent } from './agent.ts'
import type { StepAhead } from './boundary.ts'
import { isNoted, noteStep, type RunNote } from './run-notes.ts'

/** A system that is down waits for this: a store that is out does not get the mark. */
const markSeconds = 2

type Parts = Pick<Agent, 'hostDirectory' | 'host' | 'config' | 'store' | 'signer'> & {
  readonly log: { warn(fields: object, message: string): void }
}

/** Never throws: a full disk or a store that is out keeps no run from going on. */
export function createStepAhead(agent: Parts): (step: StepAhead) => Promise<void> {
  return async (step) => {
    if (!isNoted(step)) return
    try {
      const { note, begins } = await noteStep(agent, step)
      if (begins) await mark(agent, step, note)
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      agent.log.warn({ workflowId: step.workflowId, activity: step.activity, problem }, 'could not note what this run is about to do')
    }
  }
}

async function mark(agent: Parts, step: StepAhead, { firstAt }: RunNote): Promise<void> {
  const { config, whole } = await agent.config(null)
  const system = step.system ?? ''
  const begun: BegunMark = {
    format: 'muster-begun-1',
    organisation: config.organisation,
    system,
    procedure: step.procedure,
    run: { workflowId: step.workflowId, runId: step.runId },
    startedAt: firstAt,
    step: step.activity,
    at: step.scheduledAt,
    host: agent.host,
  }
  const places = Object.keys(whole.stores).map((name) => ({ name, open: () => agent.store(config, name) }))
  const { stores, failed } = await storeBegunMark(places, await agent.signer(), begun, markSeconds)
  if (stores.length === 0)
    throw new MusterError('Unreachable', `no store took the mark: ${failed.map(({ store, problem }) => `${store}: ${problem}`).join('; ')}`)
}
