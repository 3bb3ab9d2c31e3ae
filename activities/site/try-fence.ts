import type { FenceConfig } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import { type Agent, systemOf } from '../agent.ts'
import type { Work } from '../boundary.ts'

export interface TriedFence {
  /** Why a failover could not rely on it; null where its proof tells that the site is not stopped, as it should now. */
  readonly problem: string | null
}

/** What runs the owner's commands on this host. */
export type FenceRunner = Pick<Agent, 'hasProgram' | 'runCommand'>

/**
 * Tries at the other site whether the fence could be relied on, while nobody has stopped anything: that both programs are
 * there, and that the proof does not hold. One that holds anyway would let two sites serve. The command itself is not run.
 *
 * Effect: none; the proof only looks.
 * Idempotent: yes.
 * Heartbeat: none needed.
 * Fails with: UnknownName, ConfigInvalid, Cancelled. What is wrong with the fence is in the result.
 */
export function tryFence(agent: Agent) {
  return async (input: { readonly system: string; readonly configHash: string }, { signal, label }: Work): Promise<TriedFence> => {
    const { config } = await agent.config(input.configHash)
    const fence = systemOf(config, input.system).failover?.fence
    return { problem: fence ? await fenceProblem(fence, input.system, agent, { signal, label }) : null }
  }
}

/** @returns why it could not be relied on, null where it could @throws MusterError Cancelled */
export async function fenceProblem(
  { command, proof, timeoutSeconds }: FenceConfig,
  system: string,
  runner: FenceRunner,
  options: { readonly signal: AbortSignal; readonly label: string },
): Promise<string | null> {
  const missing = [...new Set([command, proof].map(([program = '']) => program))].filter((program) => !runner.hasProgram(program))
  if (missing.length > 0) return `the fence needs ${missing.join(' and ')}, not found here or not executable`
  try {
    await runner.runCommand(proof, { ...options, timeoutSeconds })
  } catch (error) {
    options.signal.throwIfAborted()
    if (error instanceof MusterError && error.type === 'CommandFailed') return null
    return `the proof of the fence could not be tried: ${error instanceof Error ? error.message : String(error)}`
  }
  // The program alone: among its words may be a password, and people are told by mail.
  return `the proof of the fence, ${proof[0]}, holds now: if ${system} is still served at the other side, it proves nothing, and two sites could serve`
}
