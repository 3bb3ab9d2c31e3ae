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

/** A notice that reached people, and on which channels. */
export interface Delivered {
  readonly event: NoticeEvent
  readonly channels: readonly string[]
}

export interface Notices {
  send(event: NoticeEvent, severity: 'info' | 'warning' | 'critical', subject: string, body: string): void
  /** Waits for what was sent; @returns what could not be delivered. */
  settled(): Promise<readonly Undelivered[]>
  /** What was delivered so far, in the order it was sent. */
  delivered(): readonly Delivered[]
}

export function createNotices(
  site: string,
  limits: TimeLimits,
  about: { readonly configHash: string | null; readonly system: string; readonly procedure: string },
): Notices {
  const sent: Promise<readonly Undelivered[]>[] = []
  const reached: { readonly event: NoticeEvent; channels: readonly string[] }[] = []
  const { workflowId } = workflowInfo()
  const deliver = async (event: NoticeEvent, severity: 'info' | 'warning' | 'critical', subject: string, body: string) => {
    const told = { event, channels: [] as readonly string[] }
    reached.push(told)
    try {
      const notice = { event, severity, system: about.system, procedure: about.procedure, run: workflowId, subject, body }
      const result = await onSite(site, 'notify', limits).notifyPeople.executeWithOptions({ summary: `notify: ${subject}` }, [
        { configHash: about.configHash, notice },
      ])
      told.channels = result.delivered
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
    delivered: () => reached.filter(({ channels }) => channels.length > 0),
  }
}
