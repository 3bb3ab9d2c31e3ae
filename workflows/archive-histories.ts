/**
 * Archives what Temporal remembers of runs that have closed, before its retention removes it.
 *
 *  1. archive    history, evidence and replay kit of each run that is in no audit record yet, then the record; stores
 *                that were out get what they lack
 *  2. alarm      where something is not as it was left: a record that is gone, an edited one, a store that lies apart
 *
 * Additive: nothing to undo. Runs of this procedure are not archived: their work is the records.
 */
import { CancellationScope, isCancellation } from '@temporalio/workflow'
import type { ArchivedRuns } from '../activities/site/archive/archive-runs.ts'
import { installationChain } from '../domain/object-keys.ts'
import { defaultTimeLimits, firstLimits } from '../domain/time-limits.ts'
import { onSite } from './activity-options.ts'
import { failureOf, isFailure } from './failure-of.ts'
import { type ArchiveHistoriesInput, archiveHistoriesMessage } from './messages.ts'
import { createNotices } from './notices.ts'
import { procedure } from './procedure.ts'
import { createProgressBoard, type Outcome } from './progress.ts'
import { siteOfQueue } from './queues.ts'

export interface ArchiveHistoriesResult extends ArchivedRuns {
  readonly outcome: Outcome
}

export const archiveHistories = procedure(
  'archiveHistories',
  archiveHistoriesMessage,
  async (input: ArchiveHistoriesInput): Promise<ArchiveHistoriesResult> => {
    const board = createProgressBoard('archiveHistories', null)
    const site = siteOfQueue()
    const configHash = input.configHash ?? null
    const notices = createNotices(site, defaultTimeLimits, { configHash, system: installationChain, procedure: 'archiveHistories' })
    const end = (outcome: Outcome) => {
      board.phase(outcome)
      board.outcome(outcome)
    }
    try {
      board.phase('archiving')
      const done = await onSite(site, 'copy', firstLimits).archiveRuns.executeWithOptions({ summary: `archive the runs of site ${site}` }, [{ configHash }])
      const outcome = done.remarks.length > 0 || done.behind.length > 0 ? 'degraded' : 'succeeded'
      board.note([lineOf(done), ...done.remarks, ...done.behind.map(({ store, problem }) => `behind: ${store}, ${problem}`)])
      end(outcome)
      if (done.remarks.length > 0)
        notices.send('alarm', 'critical', `the audit chain of site ${site} is not as it was left`, [...done.remarks, look].join('\n'))
      await notices.settled()
      return { ...done, outcome }
    } catch (error) {
      if (!isFailure(error)) throw error
      end(isCancellation(error) ? 'cancelled' : 'failed')
      await CancellationScope.nonCancellable(async () => {
        const body = `${failureOf(error).message}\nTemporal keeps histories for its retention time only: mend it before that.`
        if (!isCancellation(error)) notices.send('failed', 'critical', `runs of site ${site} are not archived`, body)
        await notices.settled()
      })
      throw error
    }
  },
)

const look = 'Look at it: muster audit verify'

function lineOf({ archived, routine, records, head }: ArchivedRuns): string {
  return `${archived} runs archived, ${routine} found everything in order; ${records} records, the newest is ${head ? `${head.sequence} (${head.sha256})` : 'none'}`
}
