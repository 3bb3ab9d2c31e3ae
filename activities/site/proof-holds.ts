import { MusterError } from '../../domain/failures.ts'
import type { Agent } from '../agent.ts'

/** Whether a proof command of the owner's exits with 0. @throws MusterError where it could not be asked to the end */
export async function proofHolds(agent: Agent, words: readonly string[], options: Parameters<Agent['runCommand']>[1]): Promise<boolean> {
  try {
    await agent.runCommand(words, options)
    return true
  } catch (error) {
    options.signal.throwIfAborted()
    if (error instanceof MusterError && error.type === 'CommandFailed') return false
    throw error
  }
}
