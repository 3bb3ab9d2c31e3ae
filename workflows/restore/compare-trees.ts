/** What a plan would change in trees, name by name, looked at on the host of each: for who approves, never a condition. */
import { isCancellation, patched } from '@temporalio/workflow'
import type { RestorePlan } from '../../activities/host/restore/types.ts'
import type { FilesDecision } from '../../domain/decision.ts'
import { noCounts, type ShownDifference } from '../../domain/shown-difference.ts'
import { boundText } from '../../domain/tree-texts.ts'
import { urgentOnHost } from '../activity-options.ts'
import { failureOf, isFailure } from '../failure-of.ts'
import { runName } from './context.ts'

export interface ComparedFor {
  readonly system: string
  readonly identityFile?: string | undefined
  readonly planOnly?: boolean | undefined
  readonly approve?: string | undefined
}

/** A person reads the plan alone at leisure; a run that recovers something waits for it no longer than this. */
const leisureSeconds = 540
const hurrySeconds = 20

export async function withDifferences(plan: RestorePlan, input: ComparedFor): Promise<RestorePlan> {
  const { mode, components } = plan.decision
  const trees = components.filter((one): one is FilesDecision => one.type === 'files')
  if (trees.length === 0 || (mode !== 'in-place' && mode !== 'move') || !isRead(plan, input)) return plan
  if (!patched('trees-compared')) return plan
  const differences = await Promise.all(trees.map((decision) => compare(plan, input, decision)))
  const bound = differences.map((one) => ({ ...one, problem: one.problem === null ? null : boundText(one.problem, differences.length) }))
  return { ...plan, differences: bound }
}

/** Who approves in the same breath has seen the difference of the plan alone; where nobody has to, nobody reads this one. */
function isRead({ decision: { approvals } }: RestorePlan, { planOnly, approve }: ComparedFor): boolean {
  return planOnly === true || (approve === undefined && approvals.count > 0)
}

async function compare(plan: RestorePlan, input: ComparedFor, decision: FilesDecision): Promise<ShownDifference> {
  const { component, host, backup } = decision
  const withinSeconds = input.planOnly ? leisureSeconds : hurrySeconds
  const limits = { ...plan.limits, controlSeconds: Math.min(plan.limits.controlSeconds, withinSeconds + 20) }
  try {
    return await urgentOnHost(host, 'control', limits).compareTree.executeWithOptions({ summary: `compare ${component} with what is there` }, [
      {
        system: input.system,
        component,
        configHash: plan.decision.configHash,
        run: runName(),
        target: plan.decision.target,
        mode: plan.decision.mode,
        identityFile: input.identityFile ?? null,
        decision,
        decisionHash: plan.decisionHash,
        withinSeconds,
      },
    ])
  } catch (error) {
    if (!isFailure(error) || isCancellation(error)) throw error
    const takenAt = new Date().toISOString()
    const nothing = { counts: noCounts, keptBytes: 0, key: '', sha256: '', stores: [] }
    return { component, host, backup, takenAt, problem: failureOf(error).message, ...nothing }
  }
}
