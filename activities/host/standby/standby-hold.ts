/** One refresh of a standby at a time: a lease, kept alive by whoever works, that passes when its holder is gone. */
import { MusterError } from '../../../domain/failures.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { holdComponent, keepHold, releaseHold } from '../component-lock.ts'

interface Where {
  readonly system: string
  readonly component: string
}

const leaseSeconds = 120
const beatSeconds = 10

const lockName = (component: string): string => `${component}.standby`

/** Takes or renews it for this run. @returns false where another run has it */
export async function holdStandby(agent: Agent, { system, component }: Where, { runId, workflowId }: Work): Promise<boolean> {
  try {
    await holdComponent(agent, system, lockName(component), { run: runId, workflowId }, leaseSeconds)
    return true
  } catch (error) {
    if (error instanceof MusterError && error.type === 'LockHeld') return false
    throw error
  }
}

/** Works while this run has it, and gives it up where that fails. @throws MusterError LockHeld; what the work throws */
export async function whileHolding<T>(agent: Agent, where: Where, work: Work, act: () => Promise<T>): Promise<T> {
  const { system, component } = where
  if (!(await holdStandby(agent, where, work))) throw new MusterError('LockHeld', `another run refreshes the standby of ${system}/${component}`)
  const beat = setInterval(() => void keepHold(agent, system, lockName(component)), beatSeconds * 1000)
  try {
    return await act()
  } catch (error) {
    await releaseStandby(agent, where, work)
    throw error
  } finally {
    clearInterval(beat)
  }
}

/** Idempotent. */
export async function releaseStandby(agent: Agent, { system, component }: Where, { runId }: Work): Promise<void> {
  await releaseHold(agent, system, lockName(component), runId)
}
