import { type BreachCommand, noBreachConfig } from '../../../domain/breach.ts'
import { foldRecords } from '../../../domain/control-state.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { ControlRecord } from '../../../domain/repository-format.ts'
import { appendRecord } from '../../../repository/control-records.ts'
import { type Agent, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { withinItsTime } from '../../bounded-command.ts'
import { recordWriter } from '../../host/incarnations.ts'
import { proofHolds } from '../proof-holds.ts'

export interface BreachCommandInput {
  readonly system: string
  readonly configHash: string
  /** Workflow id and run id of the answer to the breach. */
  readonly run: string
  readonly name: string
}

/**
 * Takes suspected hosts off the network by a configured command, and sees that it holds where a proof is configured.
 *
 * Effect: what the command does.
 * Idempotent: as far as the command is; where the proof holds already, the command is not run.
 * Heartbeat: while the command runs.
 * Fails with: UnknownName, CommandFailed with its last words, CheckFailed when the proof does not hold.
 */
export function isolateHosts(agent: Agent) {
  return async (input: BreachCommandInput, work: Work): Promise<{ readonly proven: boolean }> => {
    const { config } = await agent.config(input.configHash)
    const found = named((systemOf(config, input.system).breach ?? noBreachConfig).isolate, input, 'isolate')
    const options = { signal: work.signal, label: work.label, timeoutSeconds: found.timeoutSeconds }
    const { proof } = found
    if (proof && (await proofHolds(agent, proof, options))) return { proven: true }
    await withinItsTime(work, input.name, () => agent.runCommand(found.command, options))
    if (!proof) return { proven: false }
    if (!(await proofHolds(agent, proof, options))) {
      throw new MusterError('CheckFailed', `"${input.name}" ended well, but its proof ${proof[0]} does not hold: the hosts may still be reached`, {
        hint: 'take them off the network by hand',
      })
    }
    return { proven: true }
  }
}

/**
 * Changes what the hosts or the data knew, by a configured command. What ended well is noted where every store keeps it, so
 * that it is not run again: not by a retry, and not by another worker.
 *
 * Effect: what the command does, and a control record. A command that ended well right before its worker died is run again.
 * Idempotent: yes, once it is noted; as the command is before.
 * Heartbeat: while the command runs.
 * Fails with: UnknownName, PreconditionFailed with its last words; RecordConflict, Unreachable.
 */
export function rotateByCommand(agent: Agent) {
  return async (input: BreachCommandInput, work: Work): Promise<{ readonly was: 'done' | 'done before' }> => {
    const { config } = await agent.config(input.configHash)
    const found = named((systemOf(config, input.system).breach ?? noBreachConfig).rotate.commands, input, 'rotate.commands')
    const writer = await recordWriter(agent, config)
    const step = `rotate ${input.name}`
    const isDone = (records: readonly ControlRecord[]) => isStepDone(records, input.run, step)
    if (isDone(await appendRecord(writer, input.system, () => null))) return { was: 'done before' }
    await withinItsTime(work, input.name, () => runOnce(agent, found, input, work))
    await appendRecord(writer, input.system, (records) => (isDone(records) ? null : { kind: 'step-done', run: input.run, step }))
    return { was: 'done' }
  }
}

/** What a host under suspicion says of it counts for nothing: its key would save the intruder the rotation. */
export function isStepDone(records: readonly ControlRecord[], run: string, step: string): boolean {
  const suspects = foldRecords(records).suspicions.flatMap(({ hosts }) => hosts)
  return records.some(({ by, body }) => body.kind === 'step-done' && body.run === run && body.step === step && !suspects.includes(by))
}

/** What a command that failed has half done, a person looks at before it runs another time. */
async function runOnce(agent: Agent, { command, timeoutSeconds }: BreachCommand, { name }: BreachCommandInput, work: Work): Promise<void> {
  try {
    await agent.runCommand(command, { signal: work.signal, label: work.label, timeoutSeconds })
  } catch (error) {
    work.signal.throwIfAborted()
    if (!(error instanceof MusterError) || (error.type !== 'CommandFailed' && error.type !== 'Timeout')) throw error
    throw new MusterError('PreconditionFailed', `rotation "${name}" failed: ${error.message}`, {
      cause: error,
      hint: `look what it has changed, mend it, then: muster resume; it runs again from its beginning`,
    })
  }
}

function named<T extends BreachCommand>(commands: readonly T[], { system, name }: BreachCommandInput, list: string): T {
  const found = commands.find((one) => one.name === name)
  if (!found) throw new MusterError('UnknownName', `breach.${list} of ${system} has no command "${name}"`)
  return found
}
