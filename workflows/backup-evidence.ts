/** What a backup leaves as evidence: which copies of what it made, and what is owed. */
import { workflowInfo } from '@temporalio/workflow'
import type { BackupPlan } from '../activities/site/plan-backup.ts'
import { type EvidenceOutcome, type EvidenceStep, evidenceWith } from '../domain/evidence.ts'
import { defaultTimeLimits } from '../domain/time-limits.ts'
import type { ComponentBackup } from './backup-system.ts'
import { cutTexts, type KeptEvidence, keepEvidence, leavesEvidence } from './evidence.ts'
import type { PlainFailure } from './failure-of.ts'
import type { BackupSystemInput } from './messages.ts'
import type { Notices } from './notices.ts'
import type { ProgressBoard } from './progress.ts'

export interface BackupEnding {
  readonly input: BackupSystemInput
  readonly site: string
  readonly board: ProgressBoard
  readonly notices: Notices
  /** Null where it could not be planned. */
  readonly plan: BackupPlan | null
  readonly components: readonly ComponentBackup[]
  readonly steps: readonly EvidenceStep[]
  readonly outcome: EvidenceOutcome
  /** Why the run ends without a judgement of its copies. */
  readonly problem: PlainFailure | null
}

/** To be called last, when everybody was told. */
export async function keepBackupEvidence(ending: BackupEnding): Promise<KeptEvidence> {
  const { input, site, board, notices, plan, components, steps, outcome, problem } = ending
  if (problem && !leavesEvidence(problem)) return null
  const { workflowId, runId, startTime } = workflowInfo()
  const undelivered = await notices.settled()
  const ends = components.flatMap(({ endedAt }) => (endedAt === null ? [] : [endedAt])).sort()
  const planned = plan?.waves.flat() ?? []
  return keepEvidence(
    { site, board, limits: plan?.limits ?? defaultTimeLimits, title: `backup of ${input.system}` },
    evidenceWith({
      system: input.system,
      procedure: 'backupSystem',
      kind: input.kind ?? 'full',
      run: { workflowId, runId },
      requestedBy: input.requestedBy ?? 'unknown',
      configHash: plan?.configHash ?? input.configHash ?? '',
      outcome,
      host: planned[0]?.host ?? '',
      targets: planned.map(({ component, host }) => ({ component, host, paths: [], identity: null })),
      times: {
        declaredAt: startTime.toISOString(),
        approvedAt: null,
        dataReadyAt: ends.at(-1) ?? null,
        serviceVerifiedAt: null,
        dnsObservedAt: null,
        endedAt: new Date().toISOString(),
      },
      made: components.map(({ component, backup, outcome: one, sizeBytes, copies, debts }) => ({
        component,
        backup,
        outcome: one,
        sizeBytes,
        stores: copies.map(({ store, manifestSha256 }) => ({ store, manifestSha256 })),
        owed: debts.map(({ store, problem: why }) => ({ store, problem: why.message })),
      })),
      steps,
      deviations: cutTexts(deviationsOf(components, problem)),
      delivered: notices.delivered(),
      undelivered,
    }),
  )
}

function deviationsOf(components: readonly ComponentBackup[], problem: PlainFailure | null): readonly string[] {
  return [
    ...(problem ? [`${problem.type}: ${problem.message}`] : []),
    ...components.flatMap((one) => (one.problem ? [`${one.component}: ${one.problem.type}: ${one.problem.message}`] : [])),
    ...components.flatMap(({ component, debts }) =>
      debts.map(({ store, problem: why }) => `${component}: store "${store}" is owed its copy: ${why.type}: ${why.message}`),
    ),
    ...components.flatMap(({ component, staging }) => (staging ? [`${component}: its staging could not be freed: ${staging.message}`] : [])),
  ]
}
