/**
 * Keeps the standby of a system at its other site near the newest moment, from what the stores hold: no link between the sites
 * is needed. Scheduled where `failover` has `mode: warm`.
 *
 *  1. scope      which databases, and whether the system serves here already
 *  2. plan       whether the standby leads to the newest moment, or has to begin with a backup
 *  3. seed       the backup is restored beside the data directory, where needed
 *  4. catch up   WAL is fetched and replayed in quarantine; the standby is stopped again
 *
 * Additive: nothing to undo. A standby that is damaged or on a branch that was left is replaced. What a failover does with it:
 * docs/two-sites.md.
 */
import { isCancellation } from '@temporalio/workflow'
import type { StandbyScope } from '../activities/site/scope-standby.ts'
import { onHost, onSite } from './activity-options.ts'
import { firstLimits } from '../domain/time-limits.ts'
import { failureOf, isFailure } from './failure-of.ts'
import { type RefreshStandbyInput, refreshStandbyMessage } from './messages.ts'
import { fail, procedure } from './procedure.ts'
import { createProgressBoard, type Outcome, type ProgressBoard } from './progress.ts'
import { siteOfQueue } from './queues.ts'

export interface RefreshStandbyResult {
  readonly system: string
  readonly outcome: Outcome
  /** Empty where the system serves at this site. */
  readonly databases: readonly RefreshedStandby[]
}

export interface RefreshedStandby {
  readonly component: string
  /** It began with a backup in this run. */
  readonly seeded: boolean
  /** First byte after what was replayed; null where it was left alone. */
  readonly replayedLsn: string | null
  readonly lastCommitAt: string | null
  readonly why: string
}

export const refreshStandby = procedure('refreshStandby', refreshStandbyMessage, async (input: RefreshStandbyInput): Promise<RefreshStandbyResult> => {
  const board = createProgressBoard('refreshStandby', input.system)
  try {
    board.phase('planning')
    const scope = await onSite(siteOfQueue(), 'control', firstLimits).scopeStandby.executeWithOptions({ summary: `which standbys ${input.system} has here` }, [
      { system: input.system, configHash: input.configHash ?? null },
    ])
    if (scope.activeHere) {
      board.note([`${input.system} serves at this site: there is nothing to stand by for`])
      return end(board, input.system, [])
    }
    const results = await Promise.allSettled(scope.databases.map((database) => refreshOne(input.system, scope, database, board)))
    const failed = results.find((one): one is PromiseRejectedResult => one.status === 'rejected')
    if (failed) throw failed.reason
    const databases = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    board.note(databases.map(({ component, replayedLsn, why }) => `${component}: ${replayedLsn === null ? why : `replayed to ${replayedLsn}`}`))
    return end(board, input.system, databases)
  } catch (error) {
    if (!isFailure(error)) throw error
    const outcome: Outcome = isCancellation(error) ? 'cancelled' : 'failed'
    board.phase(outcome)
    board.outcome(outcome)
    throw isCancellation(error) ? error : fail(failureOf(error).type, `the standby of ${input.system} was not refreshed: ${failureOf(error).message}`)
  }
})

function end(board: ProgressBoard, system: string, databases: readonly RefreshedStandby[]): RefreshStandbyResult {
  board.phase('succeeded')
  board.outcome('succeeded')
  return { system, outcome: 'succeeded', databases }
}

async function refreshOne(
  system: string,
  { configHash, limits }: StandbyScope,
  { component, host }: StandbyScope['databases'][number],
  board: ProgressBoard,
): Promise<RefreshedStandby> {
  const { step, seeds, why } = await onHost(host, 'control', limits).planStandby.executeWithOptions({ summary: `where the standby of ${component} is` }, [
    { system, component, configHash },
  ])
  if (step === null) return { component, seeded: false, replayedLsn: null, lastCommitAt: null, why }
  const transfer = onHost(host, 'transfer', limits)
  if (seeds) {
    board.phase(`seeding ${component}`)
    await transfer.seedStandby.executeWithOptions({ summary: `restore ${component} from ${step.decision.fromStore} as a standby` }, [step])
  }
  board.phase(`catching up ${component}`)
  const { replayedLsn, lastCommitAt } = await transfer.catchUpStandby.executeWithOptions({ summary: `replay what the stores hold of ${component}` }, [step])
  return { component, seeded: seeds, replayedLsn, lastCommitAt, why }
}
