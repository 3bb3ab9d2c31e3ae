/**
 * Notices of a run, sent beside its work: none delays a step, and none fails the run.
 */
import { CancellationScope, workflowInfo } from '@temporalio/workflow'
import type { TimeLimits } from '../domain/time-limits.ts'
import { onSite } from './activity-options.ts'
import { failureOf } from './failure-of.ts'

export type NoticeEvent = 'started' | 'succeeded' | 'failed' | 'approval-needed' | 'rolled-back' | 'alarm'

export interface Undelivered {
  readonly channel: string
  readonly problem: string
}

export interface Notices {
  send(event: NoticeEvent, severity: 'info' | 'warning' | 'critical', subject: string, body: string): void
  /** Waits for what was sent; @returns what could not be delivered. */
  settled(): Promise<readonly Undelivered[]>
}

export function createNotices(
  site: string,
  limits: TimeLimits,
  about: { readonly configHash: string | null; readonly system: string; readonly procedure: string },
): Notices {
  const sent: Promise<readonly Undelivered[]>[] = []
  const { workflowId } = workflowInfo()
  const deliver = async (event: NoticeEvent, severity: 'info' | 'warning' | 'critical', subject: string, body: string) => {
    try {
      const notice = { event, severity, system: about.system, procedure: about.procedure, run: workflowId, subject, body }
      const result = await onSite(site, 'notify', limits).notifyPeople.executeWithOptions({ summary: `notify: ${subject}` }, [
        { configHash: about.configHash, notice },
      ])
      return result.failed
    } catch (error) {
      return [{ channel: 'all', problem: failureOf(error).message }]
    }
  }
  return {
    send(event, severity, subject, body) {
      sent.push(CancellationScope.nonCancellable(() => deliver(event, severity, subject, body)))
    },
    async settled() {
      return (await Promise.all(sent)).flat()
    },
  }
}
