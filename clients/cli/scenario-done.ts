/** What every step of a sequence has: a person who starts it, and an end after which the next may begin. */
import { MusterError } from '../../domain/failures.ts'
import type { ScenarioStep } from '../../domain/scenario/scenario.ts'
import type { BackupSystemResult } from '../../workflows/messages.ts'
import type { Asking } from './ask.ts'
import type { Desk } from './desk.ts'
import { follow } from './follow.ts'

/** What a step came to. */
export interface StepDone {
  readonly id: string
  readonly workflowId: string
  readonly outcome: string
  readonly seconds: number
}

/** The next procedure begins when the new life has a base backup of its own. */
export async function awaitBackup(desk: Desk, system: string, workflowId: string | null): Promise<void> {
  if (workflowId === null) throw new MusterError('CopiesMissing', 'no full backup could be started afterwards', { hint: `start one: muster backup ${system}` })
  const { result, seconds } = await follow<BackupSystemResult>(desk, (await desk.temporal()).workflow.getHandle(workflowId))
  desk.out.line(`  full backup afterwards ${result.outcome} in ${seconds.toFixed(1)} s`)
}

/** @throws MusterError Cancelled on any other answer */
export async function insistOnYes(asking: Asking, question: string, { id }: ScenarioStep): Promise<void> {
  const answer = await asking.ask(`  ${question} [yes/no]`)
  if (!/^y(es)?$/i.test(answer)) throw new MusterError('Cancelled', `called off before "${id}"; it was not started`, { hint: 'nothing has to be undone' })
}
