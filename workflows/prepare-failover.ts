/** Makes a failover ready that a person may start: it is planned, and the standby is brought up to date. Changes nothing in service. */
import { CancellationScope, isCancellation, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow'
import type { ProbeScope } from '../activities/site/scope-probes.ts'
import { failureOf, isFailure } from './failure-of.ts'
import { makeMovePlan } from './move/plan.ts'
import { moveLines } from './move/summary.ts'
import type { Notices } from './notices.ts'
import { refreshStandby } from './refresh-standby.ts'
import { planLines } from './restore/summary.ts'

/** Longer than a plan takes. */
const planSeconds = 300

export interface Prepared {
  /** Why it could not be planned; null where it could. */
  readonly problem: string | null
  /** Whether people know of the plan. */
  readonly reached: boolean
}

/** Tells people what a failover would do, and what to type. */
export async function prepareFailover(system: string, to: string, scope: ProbeScope, notices: Notices): Promise<Prepared> {
  const { configHash } = scope
  try {
    const standby = scope.warm ? await refresh(system, to, configHash) : []
    const ask = { system, configHash, requestedBy: 'probe-system' }
    const plan = () => makeMovePlan(to, 'failover', ask, null, `what a failover of ${system} to ${to} would do`)
    const made = await CancellationScope.withTimeout(planSeconds * 1000, plan)
    const body = [
      'Nothing was started. A person decides whether the site is lost, and starts it:',
      `  muster failover ${system}`,
      `or, on a host of ${to} where Temporal does not answer:`,
      `  muster failover ${system} --offline`,
      '',
      ...planLines(made.plan),
      ...moveLines(made.plan, made.dnsWarnings),
      ...(made.plan.notWarm ?? []),
      ...standby,
    ]
    const { reached } = await notices.tell({
      event: 'alarm',
      severity: 'critical',
      subject: `a failover of ${system} to ${to} is prepared`,
      body: body.join('\n'),
    })
    return { problem: null, reached }
  } catch (error) {
    if (!isFailure(error) || (isCancellation(error) && CancellationScope.current().consideredCancelled)) throw error
    return { problem: isCancellation(error) ? `no plan in ${planSeconds / 60} min` : failureOf(error).message, reached: false }
  }
}

/** A run of its own: a standby that has to begin anew would keep this one from looking. */
async function refresh(system: string, to: string, configHash: string): Promise<readonly string[]> {
  const workflowId = `standby/${system}/prepare-${workflowInfo().runId}`
  try {
    await startChild(refreshStandby, {
      workflowId,
      args: [{ system, configHash, requestedBy: 'probe-system' }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      memo: { site: to },
      staticSummary: `bring the standby of ${system} up to date`,
    })
    return [`the standby is brought up to date: muster watch ${workflowId}`]
  } catch (error) {
    return [`the standby could not be brought up to date: ${failureOf(error).message}`]
  }
}
