/** Runs one after the other, each given what the last one left, as a schedule gives it. */
import { type Play, type Script, type Stage } from '../test/support/scripted-activities.ts'
import { workflowQueue } from '../workers/worker.ts'

/**
 * Runs the workflow once with each script, a second apart.
 * @returns id of the last of these runs, which has ended; the one that would follow is ended
 */
export async function runInTurn(
  { client }: Stage,
  play: Play,
  run: { readonly type: string; readonly workflowId: string; readonly input: object },
  scripts: readonly Script[],
): Promise<string> {
  const { type, workflowId, input } = run
  if (scripts[0]) play.change(scripts[0])
  const { firstExecutionRunId } = await client.workflow.start(type, { taskQueue: workflowQueue, workflowId, args: [input], cronSchedule: '@every 1s' })
  let runId = firstExecutionRunId
  for (const next of [...scripts.slice(1), null]) {
    await client.workflow
      .getHandle(workflowId, runId, { followRuns: false })
      .result()
      .catch(() => undefined)
    if (next === null) break
    play.change(next)
    ;({ runId } = await client.workflow.getHandle(workflowId).describe())
  }
  await client.workflow.getHandle(workflowId).terminate('it was recorded')
  return runId
}
