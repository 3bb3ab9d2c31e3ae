/** What the phases of one restore share, and how a step is run: named, timed, shown. */
import { CancellationScope, CancelledFailure, workflowInfo } from '@temporalio/workflow'
import type { AppliedRules, RestorePlan, RestoreStep, SavedTail } from '../../activities/host/restore/types.ts'
import type { ComponentDecision, FilesDecision, PostgresqlDecision } from '../../domain/decision.ts'
import type { ComponentTook } from '../../domain/evidence.ts'
import type { CheckResult } from '../../domain/repository-format.ts'
import { boundLines } from '../../domain/tree-texts.ts'
import type { RecoverToPointInTimeInput, RestoreSystemInput } from '../messages.ts'
import type { Notices } from '../notices.ts'
import type { ProgressBoard } from '../progress.ts'
import type { Saga } from '../saga.ts'
import type { CorrectionDesk } from './correction.ts'

export type RestoreInput = RestoreSystemInput | RecoverToPointInTimeInput

export interface TimedStep {
  readonly name: string
  readonly startedAt: string
  readonly seconds: number
  readonly failed?: true
}

export interface RestoreContext {
  readonly input: { readonly system: string; readonly identityFile?: string | undefined; readonly approve?: string | undefined }
  /** In words: `restore of shop`. */
  readonly title: string
  readonly plan: RestorePlan
  readonly site: string
  readonly board: ProgressBoard
  readonly notices: Notices
  readonly saga: Saga
  readonly corrections: CorrectionDesk
  readonly run: string
  readonly steps: TimedStep[]
  readonly checks: CheckResult[]
  /** By database, once it is stopped. */
  readonly tails: Map<string, SavedTail>
  /** By component, once it is restored aside: what that took. */
  readonly took: Map<string, ComponentTook>
  /** By tree, once it is restored aside: from which backup, where the plan could not name it. */
  readonly restoredTrees: Map<string, FilesDecision>
  /** By tree with rules: what they did. */
  readonly ruled: Map<string, AppliedRules>
}

export function runName(): string {
  const { workflowId, runId } = workflowInfo()
  return `${workflowId}:${runId}`
}

/**
 * A step that ends well although the run was cancelled meanwhile swallows the cancellation; it counts before the next
 * step, as long as there is a way back.
 */
export function refuseCancelled(context: Pick<RestoreContext, 'saga'>): void {
  if (!context.saga.sealed && CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled')
}

/** Runs a phase under a name that the UI, the result and the demo's table show. */
export async function timed<T>(context: Pick<RestoreContext, 'saga' | 'board' | 'steps'>, name: string, work: () => Promise<T>): Promise<T> {
  refuseCancelled(context)
  context.board.phase(name)
  const startedAt = Date.now()
  const note = (end: Pick<TimedStep, 'failed'>) =>
    context.steps.push({ name, startedAt: new Date(startedAt).toISOString(), seconds: (Date.now() - startedAt) / 1000, ...end })
  try {
    const result = await work()
    note({})
    return result
  } catch (error) {
    note({ failed: true })
    throw error
  }
}

/** What a step of a component needs of its run. */
export interface StepContext extends Pick<RestoreContext, 'run'> {
  readonly input: Pick<RestoreContext['input'], 'system' | 'identityFile'>
  readonly plan: { readonly decision: Pick<RestorePlan['decision'], 'configHash' | 'target' | 'mode'> }
}

export function stepOf<D extends ComponentDecision>(context: StepContext, decision: D): RestoreStep & { readonly decision: D } {
  return {
    system: context.input.system,
    component: decision.component,
    configHash: context.plan.decision.configHash,
    run: context.run,
    target: context.plan.decision.target,
    mode: context.plan.decision.mode,
    identityFile: context.input.identityFile ?? null,
    decision,
  }
}

/** Of a result, which has room for only so many texts; the evidence has its own. */
export function ruledTrees({ ruled }: RestoreContext): { readonly trees?: Readonly<Record<string, AppliedRules>> } {
  if (ruled.size === 0) return {}
  const bound = [...ruled].map(([name, applied]) => [name, { ...applied, deviations: boundLines(applied.deviations, ruled.size) }] as const)
  return { trees: Object.fromEntries(bound) }
}

export function databases(context: RestoreContext): readonly PostgresqlDecision[] {
  return context.plan.decision.components.filter((one): one is PostgresqlDecision => one.type === 'postgresql')
}

export function trees(context: RestoreContext): readonly FilesDecision[] {
  return context.plan.decision.components.filter((one): one is FilesDecision => one.type === 'files')
}
