/**
 * The only place that proxies activities. Every activity waits for its cancellation to be
 * complete, beats from real progress, retries what the table of failures says may clear,
 * and is ended by a limit of the plan.
 */
import type { ActivityOptions } from '@temporalio/workflow'
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow'
import type { HostActivities } from '../activities/host/index.ts'
import type { SiteActivities } from '../activities/site/index.ts'
import { nonRetryableFailureTypes } from '../domain/failures.ts'
import { defaultTimeLimits, type TimeLimits } from '../domain/time-limits.ts'
import { failedAt } from './failure-of.ts'

/** `control`: short work; `transfer`: reads or restores a component; `copy`: one store. */
export type ActivityWeight = 'control' | 'transfer' | 'copy' | 'notify'

function options(queue: string, weight: ActivityWeight, limits: TimeLimits, urgent: boolean): ActivityOptions {
  const totalSeconds = {
    control: limits.controlSeconds,
    transfer: limits.transferSeconds,
    copy: limits.copySeconds,
    notify: limits.notifySeconds,
  }[weight]
  return {
    taskQueue: queue,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    heartbeatTimeout: milliseconds(limits.heartbeatSeconds),
    scheduleToCloseTimeout: milliseconds(totalSeconds),
    ...(urgent && { scheduleToStartTimeout: milliseconds(limits.agentSeconds) }),
    retry: {
      initialInterval: milliseconds(limits.retrySeconds),
      backoffCoefficient: 2,
      maximumInterval: milliseconds(limits.retrySeconds * 16),
      nonRetryableErrorTypes: [...nonRetryableFailureTypes],
    },
  }
}

/** Limits may be fractions of a second; Temporal takes whole milliseconds, and none for no limit. */
function milliseconds(seconds: number): number {
  return Math.max(1, Math.round(seconds * 1000))
}

type Proxied<A> = ReturnType<typeof proxyActivities<A>>

/** Activities of a queue; what one of them ends with is known to be of this place. */
function proxied<A extends object>(place: string, chosen: ActivityOptions): Proxied<A> {
  return new Proxy(proxyActivities<A>(chosen), { get: (target, name) => ofPlace(place, Reflect.get(target, name)) })
}

/** An activity, and its form that takes options for one call. */
function ofPlace<F>(place: string, activity: F): F {
  if (typeof activity !== 'function') return activity
  return new Proxy(activity, {
    get: (target, name) => ofPlace(place, Reflect.get(target, name)),
    apply(target, self, args) {
      const answer: unknown = Reflect.apply(target, self, args)
      // Beside the answer, not before it: what waits for it goes on in the same order as without.
      if (answer instanceof Promise) answer.catch((error: unknown) => failedAt(error, place))
      return answer
    },
  })
}

/** Activities on a host's ordinary queue: backups. */
export function onHost(host: string, weight: ActivityWeight, limits: TimeLimits = defaultTimeLimits): Proxied<HostActivities> {
  return proxied<HostActivities>(`host ${host}`, options(`muster-host-${host}`, weight, limits, false))
}

/** Activities on a host's urgent queue: restores, which a backup storm must not starve. */
export function urgentOnHost(host: string, weight: ActivityWeight, limits: TimeLimits = defaultTimeLimits): Proxied<HostActivities> {
  return proxied<HostActivities>(`host ${host}`, options(`muster-host-${host}-urgent`, weight, limits, true))
}

/** Work on a host of a site that may be lost: whether its agent is there is said within seconds. */
export function promptOnHost(host: string, weight: ActivityWeight, limits: TimeLimits): Proxied<HostActivities> {
  return urgentOnHost(host, weight, { ...limits, agentSeconds: Math.min(limits.agentSeconds, lostAgentSeconds) })
}

/** Without an answer for so long an agent of a site that may be lost is taken for gone. */
const lostAgentSeconds = 10

/** Work of a site that says within seconds when nobody is there to do it. */
export function promptOnSite(site: string, limits: TimeLimits): Proxied<SiteActivities> {
  return proxied<SiteActivities>(`site ${site}`, options(`muster-site-${site}`, 'control', limits, true))
}

/** Tries of one compensation: with the pauses between them about as long as any other short step. */
const undoAttempts = 10

/**
 * Compensations that give users their system back, on a host's urgent queue. They wait for an agent that is gone as
 * long as a paused run waits for a person: giving up after a minute would leave a system stopped. What keeps failing is
 * shown in the end.
 */
export function undoOnHost(host: string, limits: TimeLimits = defaultTimeLimits): Proxied<HostActivities> {
  const { retry, ...rest } = options(`muster-host-${host}-urgent`, 'control', limits, false)
  return proxied<HostActivities>(`host ${host}`, {
    ...rest,
    scheduleToCloseTimeout: milliseconds(Math.max(limits.correctionSeconds, limits.transferSeconds)),
    startToCloseTimeout: milliseconds(limits.transferSeconds),
    retry: { ...retry, maximumAttempts: undoAttempts },
  })
}

/** Short control work of a site. */
export function onSite(site: string, weight: ActivityWeight = 'control', limits: TimeLimits = defaultTimeLimits): Proxied<SiteActivities> {
  return proxied<SiteActivities>(`site ${site}`, options(`muster-site-${site}`, weight, limits, false))
}
