import { MusterError } from '../../domain/failures.ts'
import type { FenceProof } from '../../domain/move.ts'
import { type Agent, systemOf } from '../agent.ts'
import type { Work } from '../boundary.ts'
import { proofHolds } from './proof-holds.ts'

/**
 * Stops a lost site by the configured command, which goes another way than through it, and sees that it is stopped.
 *
 * Effect: what the command does: the old side is off.
 * Idempotent: as far as the command is; where the proof holds already, the command is not run.
 * Heartbeat: before each of the two.
 * Fails with: InvalidInput (none is configured), CommandFailed with the last words of the command, CheckFailed when the proof does not hold.
 */
export function runFence(agent: Agent) {
  return async (input: { readonly system: string; readonly configHash: string }, work: Work): Promise<FenceProof> => {
    const { config } = await agent.config(input.configHash)
    const fence = systemOf(config, input.system).failover?.fence
    if (!fence) throw new MusterError('InvalidInput', `no fence command is configured for system "${input.system}"`)
    const options = { signal: work.signal, label: work.label, timeoutSeconds: fence.timeoutSeconds }
    work.progress({ phase: 'proof', doneBytes: 0, totalBytes: null })
    if (!(await proofHolds(agent, fence.proof, options))) {
      work.progress({ phase: 'command', doneBytes: 0, totalBytes: null })
      await agent.runCommand(fence.command, options)
      work.progress({ phase: 'proof', doneBytes: 0, totalBytes: null })
      if (!(await proofHolds(agent, fence.proof, options))) {
        throw new MusterError('CheckFailed', `the fence command of system "${input.system}" ended well, but its proof ${fence.proof[0]} does not hold`, {
          hint: 'find out by another way whether the old side is stopped, then say so in writing: muster fence RUN',
        })
      }
    }
    return { by: 'command', detail: `${fence.proof[0]} holds, seen from site ${agent.site}`, at: agent.now().toISOString() }
  }
}
