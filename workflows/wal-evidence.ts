/** What archiving WAL leaves as evidence: how far each database is stored, gaps, and the point that was made. */
import { workflowInfo } from '@temporalio/workflow'
import type { BackupPlan } from '../activities/site/plan-backup.ts'
import { type EvidenceOutcome, evidenceWith } from '../domain/evidence.ts'
import { defaultTimeLimits } from '../domain/time-limits.ts'
import type { Found } from './archive-wal.ts'
import { cutTexts, type KeptEvidence, keepEvidence, leavesEvidence } from './evidence.ts'
import type { PlainFailure } from './failure-of.ts'
import type { ArchiveWalInput } from './messages.ts'
import type { Notices } from './notices.ts'
import type { ProgressBoard } from './progress.ts'

export interface WalEnding {
  readonly input: ArchiveWalInput
  readonly site: string
  readonly board: ProgressBoard
  readonly notices: Notices
  readonly plan: BackupPlan | null
  readonly found: Found
  readonly outcome: EvidenceOutcome
  readonly problem: PlainFailure | null
}

/** To be called last, when everybody was told. */
export async function keepWalEvidence({ input, site, board, notices, plan, found, outcome, problem }: WalEnding): Promise<KeptEvidence> {
  if (problem && !leavesEvidence(problem)) return null
  const { workflowId, runId, startTime } = workflowInfo()
  const undelivered = await notices.settled()
  const planned = (plan?.waves.flat() ?? []).filter(({ type }) => type === 'postgresql')
  const gaps = found.databases.flatMap(({ component, gaps: some }) => some.map((gap) => `${component} has a gap: ${gap}`))
  return keepEvidence(
    { site, board, limits: plan?.limits ?? defaultTimeLimits, title: `archiving of WAL of ${input.system}` },
    evidenceWith({
      system: input.system,
      procedure: 'archiveWal',
      run: { workflowId, runId },
      requestedBy: input.requestedBy ?? 'unknown',
      configHash: plan?.configHash ?? input.configHash ?? '',
      outcome,
      host: planned[0]?.host ?? '',
      target: input.point === undefined ? null : { kind: 'name', name: input.point },
      targets: planned.map(({ component, host }) => ({ component, host, paths: [], identity: null })),
      times: {
        declaredAt: startTime.toISOString(),
        approvedAt: null,
        dataReadyAt: null,
        serviceVerifiedAt: null,
        dnsObservedAt: null,
        endedAt: new Date().toISOString(),
      },
      wal: found.databases.map(({ component, incarnation, requiredLsn, lastCommitAt, gaps: some }) => ({
        component,
        incarnation,
        requiredLsn,
        lastCommitAt,
        gaps: some,
      })),
      deviations: cutTexts([...(problem ? [`${problem.type}: ${problem.message}`] : []), ...gaps]),
      delivered: notices.delivered(),
      undelivered,
    }),
  )
}
