/** Whether the fence command of a failover could be relied on, tried at the site that would run it. */
import { CancellationScope, isCancellation } from '@temporalio/workflow'
import type { Health } from '../activities/site/judge-health.ts'
import { onSite } from './activity-options.ts'
import { failureOf, isFailure } from './failure-of.ts'

/** @returns what is wrong with it; empty where nothing is, or there is none */
export async function fenceHealth(system: string, { configHash, failoverTo, fenced, limits }: Health): Promise<readonly string[]> {
  if (fenced !== true || failoverTo === null) return []
  try {
    const { problem } = await onSite(failoverTo, 'control', limits).tryFence.executeWithOptions({ summary: `whether the fence of ${system} proves anything` }, [
      { system, configHash },
    ])
    return problem === null ? [] : [problem]
  } catch (error) {
    if (!isFailure(error) || (isCancellation(error) && CancellationScope.current().consideredCancelled)) throw error
    return [`its fence could not be tried: ${failureOf(error).message}`]
  }
}
