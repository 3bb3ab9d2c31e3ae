/** Adopts a Temporal: ends the runs there that would do again what was done, and records that from now on it counts. */
import type { Client } from '@temporalio/client'
import { type JudgedRun, progressOf, type Standing } from '../domain/adoption.ts'
import { MusterError } from '../domain/failures.ts'
import type { AdoptedRun } from '../domain/repository-format.ts'
import { recordAdoption } from '../repository/adoptions.ts'
import type { RecordWriter } from '../repository/incarnations.ts'
import type { ScheduleChange } from './schedules.ts'

export interface AdoptRequest {
  readonly client: Client
  readonly standing: Standing
  readonly writer: RecordWriter
  readonly by: string
  readonly reason: string
  /** Run ids, or the ids under which they ran, of those that a person has looked after; null where Muster goes on by itself, and nobody has looked. */
  readonly lookedAt: readonly string[] | null
}

export interface Adopted {
  readonly until: string
  readonly terminated: readonly { readonly workflowId: string; readonly runId: string }[]
}

/** What an adoption would decide, and the way to decide it. */
export interface Adopting {
  readonly standing: Standing
  /** What is not as the applied configuration asks for. */
  readonly schedules: readonly ScheduleChange[]
  /** @throws MusterError PreconditionFailed where a run needs a person who has looked at it */
  adopt(request: Pick<AdoptRequest, 'by' | 'reason'> & { readonly lookedAt: readonly string[] }): Promise<Adopted>
  /** Makes schedules equal to the applied configuration, where each system is active. */
  makeSchedules(): Promise<readonly ScheduleChange[]>
  /** Waits a moment for workers that were held back. @returns whether any serves workflow code */
  workersBack(): Promise<boolean>
}

/** A record is one small document. */
const mostNamed = 500

/**
 * Ends first and records then: a worker that sees the record finds nothing left that it must not do. No compensation runs: what
 * it would undo is not this run's any more.
 * @throws MusterError PreconditionFailed naming a run that nobody has looked after; Unreachable when no store answers
 */
export async function adopt({ client, standing, writer, by, reason, lookedAt }: AdoptRequest): Promise<Adopted> {
  if (lookedAt !== null) refuseNotLookedAt(standing, lookedAt)
  const terminated = standing.runs.filter(({ todo }) => todo === 'terminate')
  for (const run of terminated) await terminate(client, run, by)
  // By the clocks of those runs, not of who adopts: a run that comes after this must not seem to have come before.
  const [first = writer.now().toISOString(), ...others] = standing.runs.map(progressOf)
  const until = others.reduce((newest, at) => (at > newest ? at : newest), first)
  const runs = standing.runs.map(({ workflowId, runId, todo, needsPerson }): AdoptedRun => {
    const decided = needsPerson && lookedAt !== null ? 'looked-at' : todo === 'terminate' ? 'terminated' : 'accepted'
    return { workflowId, runId, decided }
  })
  const { temporal } = standing
  await recordAdoption(writer, { temporal, until, by, reason, runs: runs.slice(0, mostNamed), more: Math.max(0, runs.length - mostNamed) })
  return { until, terminated: terminated.map(({ workflowId, runId }) => ({ workflowId, runId })) }
}

export function notLookedAt({ runs }: Standing, lookedAt: readonly string[]): readonly JudgedRun[] {
  return runs.filter(({ needsPerson, runId, workflowId }) => needsPerson && !lookedAt.includes(runId) && !lookedAt.includes(workflowId))
}

function refuseNotLookedAt(standing: Standing, lookedAt: readonly string[]): void {
  const [first, ...others] = notLookedAt(standing, lookedAt)
  if (!first) return
  const all = [first, ...others].map(({ workflowId, runId, why }) => `${workflowId} (run ${runId}): ${why}`)
  throw new MusterError('PreconditionFailed', `nobody has looked at what became of ${all.join('; ')}`, {
    hint: `look at the system ("Finishing by hand" in docs/operating.md), then: muster apply --adopt --looked-at ${first.runId}`,
  })
}

async function terminate(client: Client, { workflowId, runId, why }: JudgedRun, by: string): Promise<void> {
  try {
    await client.workflow.getHandle(workflowId, runId).terminate(`adopted by ${by}: ${why}`)
  } catch (error) {
    // It has ended meanwhile, or somebody was faster.
    // By its name: the class would load Temporal's client with every verb.
    if (!(error instanceof Error && error.name === 'WorkflowNotFoundError')) throw error
  }
}
